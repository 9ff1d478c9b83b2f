import PostgreSQL
import Reconciliation

/// The rows of a report as texts that are the same whenever the rows are: what the manifest has of them is made from
/// these, and what the tables say later is held against it.
public struct ReportRowTexts: Sendable, Hashable {
    /// A column of `trueup.report`, and whether and since when the report was a regular one when it was made.
    public struct Column: Sendable, Hashable {
        public let name: String
        /// `nil`: NULL, or there is no such row.
        public let text: String?
    }

    /// The rows of a report in another table.
    public struct Table: Sendable, Hashable {
        public let name: String
        public let rows: Int64
        /// A line for each row, sorted by their bytes: the columns without the report's number, separated by tabs, in
        /// the form of PostgreSQL's `COPY` (<https://www.postgresql.org/docs/15/sql-copy.html>, text format), times
        /// as microseconds since 1970.
        public let text: String

        fileprivate init(_ name: String, _ rows: [[String?]]) {
            self.name = name
            self.rows = Int64(rows.count)
            let lines = rows.map { $0.map(ReportRowTexts.field).joined(separator: "\t") + "\n" }
            text = lines.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined()
        }
    }

    /// All but the manifest's own hash, which is in the chain, and the folder, which is another where it is made again.
    public let columns: [Column]
    public let tables: [Table]

    init(
        _ report: StoredReport, isRegular: Bool, lines: [StoredReport.Line], charges: [StoredReport.ChargeSum],
        items: [StoredReport.Item], told: [StoredReport.Told], repairIDs: [Int64]
    ) {
        let madeAt = report.createdAt.description
        columns = [
            Column(name: "id", text: String(report.id)), Column(name: "job", text: report.job),
            Column(name: "name", text: report.name), Column(name: "state", text: report.state.rawValue),
            Column(name: "verdict", text: report.verdict),
            Column(name: "cut_off_seconds", text: String(report.cutOffSeconds)),
            Column(name: "zone", text: report.zone),
            Column(name: "period_from_seconds", text: report.periodFromSeconds.map { String($0) }),
            Column(name: "as_of_seconds", text: String(report.asOfSeconds)),
            Column(name: "run_ids", text: arrayText(report.runIDs.map { String($0) })),
            Column(name: "formats", text: arrayText(report.formats)),
            Column(name: "open_items", text: String(report.openItems)),
            Column(name: "definition_hash", text: report.definitionHash),
            Column(name: "data_sha256", text: report.dataHash),
            Column(name: "previous_sha256", text: report.previousHash),
            Column(name: "program_version", text: report.programVersion),
            Column(name: "requested_by", text: report.requestedBy), Column(name: "created_at", text: madeAt),
            Column(name: "report_regular.at", text: isRegular ? madeAt : nil),
        ]
        tables = [
            Table(
                "report_line",
                lines.map { line in
                    Self.numbers([line.agencyID, line.opening, line.computed, line.recorded, line.explained])
                        + Self.numbers([line.boughtAtStripe, line.boughtLocally, line.consumed, line.adjustments])
                }),
            Table(
                "report_charge",
                charges.map { sum in
                    Self.numbers([sum.key.agencyID]) + [sum.key.currency]
                        + Self.numbers([sum.charged, sum.recorded, sum.explained])
                }),
            Table(
                "report_item",
                items.map { item in
                    Self.numbers([item.findingID, item.creditsEffect]) + [
                        arrayText(item.amountEffects.map(\.currency)),
                        arrayText(item.amountEffects.map { String($0.minorUnits) }),
                    ]
                }), Table("report_resolved", told.map { Self.numbers([$0.findingID, $0.closedAt.microseconds]) }),
            Table("report_repair", repairIDs.map { Self.numbers([$0]) }),
        ]
    }

    private static func numbers(_ numbers: [Int64?]) -> [String?] { numbers.map { $0.map { String($0) } } }

    private static func field(_ text: String?) -> String {
        guard let text else { return "\\N" }
        return text.replacing("\\", with: "\\\\").replacing("\t", with: "\\t").replacing("\n", with: "\\n")
            .replacing("\r", with: "\\r")
    }
}

extension StoredReports {
    /// What the tables say of a report.
    public func rowTexts(_ report: StoredReport) async throws -> ReportRowTexts {
        let repairs = try await pool.withConnection {
            try await $0.query("SELECT repair_id FROM trueup.report_repair WHERE report_id = $1", report.id)
        }
        return ReportRowTexts(
            report, isRegular: try await wasRegular(report), lines: try await lines(of: report.id),
            charges: try await charges(of: report.id), items: try await items(of: report.id),
            told: try await told(of: report.id), repairIDs: try repairs.map { try $0["repair_id"] })
    }

    /// Whether a report was a regular one when it was made; one that was made by hand may have been sent later.
    public func wasRegular(_ report: StoredReport) async throws -> Bool {
        try await pool.withConnection { try await Self.wasRegular(report, on: $0) }
    }

    /// The same inside a transaction.
    public static func wasRegular(_ report: StoredReport, on connection: Connection) async throws -> Bool {
        try await connection.query(
            "SELECT FROM trueup.report_regular WHERE report_id = $1 AND at = $2", report.id, report.createdAt
        ).isEmpty == false
    }
}
