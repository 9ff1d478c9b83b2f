import Foundation
import Reconciliation
import Reports
import Schedule
import Store

/// A report's JSON, which has been proven, and what the database's rows of the report say otherwise.
struct ProvenRows {
    /// What differs, in words.
    private(set) var wrong: [String] = []
    private let made: [String: Any]

    init(_ made: [String: Any]) { self.made = made }

    private func rows(_ key: String) -> [[String: Any]] { made[key] as? [[String: Any]] ?? [] }

    mutating func hold(_ report: StoredReport) {
        let head = made["report"] as? [String: Any]
        let cutOff = head?["cut_off"] as? [String: Any]
        if head?["state"] as? String != report.state.rawValue { wrong.append("state") }
        if head?["verdict"] as? String != report.verdict { wrong.append("verdict") }
        if head?["id"] as? String != report.name { wrong.append("name") }
        if cutOff?["seconds"] as? Int64 != report.cutOffSeconds { wrong.append("cut-off") }
        if head?["previous_manifest_sha256"] as? String != report.previousHash { wrong.append("previous report") }
        let hasOpening = report.periodFromSeconds != nil
        if !rows("statement").isEmpty, isFromBeginning == hasOpening { wrong.append("start of the period") }
    }

    /// Whether its figures count from the beginning, as the files say: then what was bought, consumed and adjusted is
    /// what the database keeps.
    private var isFromBeginning: Bool {
        rows("summary").contains {
            $0["section"] as? String == "Period" && $0["item"] as? String == "Opening"
                && ReportPeriods.isWithoutOpening($0["value"] as? String ?? "")
        }
    }

    /// The lines of the agencies. Of a report that opens somewhere, what was bought, consumed and adjusted from the
    /// beginning is no figure of the files; it adds up to the closing, which is one.
    mutating func hold(lines: [StoredReport.Line]) {
        var proven: [Int64?: [String: Any]] = [:]
        for row in rows("statement") { proven[Self.agency(row)] = row }
        let isWholePeriod = isFromBeginning
        for line in lines {
            let row = proven.removeValue(forKey: line.agencyID)
            let (sum, overflow) = line.boughtAtStripe.subtractingReportingOverflow(line.consumed)
            let isWhole = !overflow && sum.addingReportingOverflow(line.adjustments) == (line.computed, false)
            let isSame =
                Self.number(row, "closing_recorded") == line.recorded && Self.number(row, "opening") == line.opening
                && Self.number(row, "explained") == line.explained && isWhole
                && (row?["closing_computed"] is NSNull || Self.number(row, "closing_computed") == line.computed)
            // Where Stripe was not read, the files state nothing that was bought there.
            let isSamePeriod =
                Self.number(row, "bought_local") == line.boughtLocally
                && Self.number(row, "consumed") == line.consumed
                && Self.number(row, "adjustments") == line.adjustments
                && (row?["bought_stripe"] is NSNull || Self.number(row, "bought_stripe") == line.boughtAtStripe)
            if !isSame || isWholePeriod && !isSamePeriod { wrong.append(Self.name(line.agencyID)) }
        }
        wrong += proven.keys.map(Self.name).sorted()
    }

    mutating func hold(charges: [StoredReport.ChargeSum]) {
        var proven: [StoredReport.ChargeSum.Key: [String: Any]] = [:]
        for row in rows("charges") {
            let currency = (row["currency"] as? String ?? "").lowercased()
            proven[StoredReport.ChargeSum.Key(agencyID: Self.agency(row), currency: currency)] = row
        }
        func name(_ key: StoredReport.ChargeSum.Key) -> String {
            "charges of \(Self.name(key.agencyID)) in \(key.currency.uppercased())"
        }
        for sum in charges {
            let row = proven.removeValue(forKey: sum.key)
            // Where Stripe was not read, the files state nothing that it charged and explain nothing.
            let isSame =
                row != nil && Self.units(row, "recorded_local") == sum.recorded
                && (row?["charged_stripe"] is NSNull || Self.units(row, "charged_stripe") == sum.charged)
                && (row?["explained"] is NSNull || Self.units(row, "explained") == sum.explained)
            if !isSame { wrong.append(name(sum.key)) }
        }
        wrong += proven.keys.map(name).sorted()
    }

    /// The open items with what they add. Of those that explain nothing (for information, a drift that nobody accepted)
    /// the files have no money, so that only their credits are held.
    mutating func hold(items: [StoredReport.Item]) {
        var proven: [String: [String: Any]] = [:]
        for row in rows("open_items") { proven[row["item_id"] as? String ?? ""] = row }
        var effects: [String: [Money]] = [:]
        for row in rows("item_effects") {
            guard let id = row["item_id"] as? String, let units = Self.units(row, "effect"),
                let currency = row["currency"] as? String
            else { continue }
            effects[id, default: []].append(Money(minorUnits: units, currency: currency.lowercased()))
        }
        let silent = Set(
            rows("aging").filter { $0["class"] as? String == "for information" }.compactMap { $0["kind"] as? String }
                + [FindingKind.balanceDrift.rawValue])
        for item in items {
            let id = "F-\(item.findingID)"
            let row = proven.removeValue(forKey: id)
            let isSilent = effects[id] == nil && silent.contains(row?["kind"] as? String ?? "")
            let isSame =
                Self.number(row, "credits_effect") == item.creditsEffect
                && (isSilent || Set(effects[id] ?? []) == Set(item.amountEffects))
            if !isSame { wrong.append("item \(id)") }
        }
        wrong += proven.keys.map { "item \($0)" }.sorted()
    }

    mutating func hold(told: [StoredReport.Told]) {
        var proven: [String: Int64] = [:]
        // What is counted no more without being closed is told of by each report again.
        for row in rows("resolved") {
            guard let id = row["item_id"] as? String, let text = row["closed_at"] as? String else { continue }
            proven[id] = ISOTime.seconds(text) ?? .min
        }
        for one in told {
            let id = "F-\(one.findingID)"
            if proven.removeValue(forKey: id) != one.closedAt.seconds { wrong.append("resolved item \(id)") }
        }
        wrong += proven.keys.map { "resolved item \($0)" }.sorted()
    }

    mutating func hold(repairCount: Int64) {
        if Int64(rows("repairs").count) != repairCount { wrong.append("the number of repairs") }
    }

    // MARK: The manifest

    /// The rows as the manifest has them, column by column of the report's own row, and each other table as a whole.
    /// - Returns: whether the manifest has them: of a report of an earlier version it says less.
    mutating func hold(_ report: StoredReport, manifest: [String: Any], _ texts: ReportRowTexts) throws -> Bool {
        guard let proven = manifest["rows"] as? [String: Any] else {
            hold(report, earlier: manifest)
            return false
        }
        let rows = try ReportManifest.Rows(texts)
        let columns = proven["report"] as? [String: Any] ?? [:]
        for column in rows.columns where columns[column.name] as? String != column.text {
            wrong.append(column.name)
        }
        for table in rows.tables {
            let made = proven[table.name] as? [String: Any]
            if made?["sha256"] as? String != table.sha256 || made?["rows"] as? Int64 != table.rows {
                wrong.append("rows of \(table.name)")
            }
        }
        return true
    }

    /// What manifests have said from the first version on.
    private mutating func hold(_ report: StoredReport, earlier manifest: [String: Any]) {
        let runs = report.runIDs.isEmpty ? "none" : report.runIDs.map(String.init).joined(separator: ", ")
        if manifest["run"] as? String != runs { wrong.append("run_ids") }
        if manifest["items"] as? Int64 != report.openItems { wrong.append("open_items") }
        if manifest["program"] as? String != "trueup \(report.programVersion)" { wrong.append("program_version") }
        let generated = (manifest["generated_at"] as? String).flatMap { ISOTime.seconds($0) }
        if generated != report.asOfSeconds { wrong.append("as_of_seconds") }
    }

    /// The files that the database knows, by name, length and hash.
    mutating func hold(files: [StoredReport.File], manifest: [String: Any]) {
        let made = (manifest["files"] as? [[String: Any]] ?? []).compactMap { file -> StoredReport.File? in
            guard let name = file["name"] as? String, let bytes = file["bytes"] as? Int64,
                let sha256 = file["sha256"] as? String
            else { return nil }
            return StoredReport.File(name: name, bytes: bytes, sha256: sha256)
        }
        for name in Set(made).symmetricDifference(files).map(\.name).reduce(into: Set(), { $0.insert($1) }).sorted() {
            wrong.append("report_file of \(name)")
        }
    }

    /// Further things that are wrong, in words.
    mutating func add(_ words: [String]) { wrong += words }

    // MARK: Figures of the JSON

    private static func agency(_ row: [String: Any]) -> Int64? { (row["agency_id"] as? String).flatMap { Int64($0) } }

    private static func name(_ agencyID: Int64?) -> String { "agency \(agencyID.map(String.init) ?? "–")" }

    private static func number(_ row: [String: Any]?, _ key: String) -> Int64? { row?[key] as? Int64 }

    private static func units(_ row: [String: Any]?, _ key: String) -> Int64? {
        (row?[key] as? [String: Any])?["minor_units"] as? Int64
    }
}
