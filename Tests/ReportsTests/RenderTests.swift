import Foundation
import Reconciliation
import Reports
import Schedule
import Testing

@Suite("Rendering")
struct RenderTests {
    static func rich() throws -> DiscrepancyReport {
        var sample = SampleReport()
        sample.charged = 30
        return try sample.make()
    }

    @Test("JSON fits its schema, and the schema in the documentation is the program's")
    func schema() throws {
        let schema = try JSONText.object(ReportSchema.json())
        let check = JSONSchemaCheck(root: schema)
        var incomplete = SampleReport()
        incomplete.isComplete = false
        for report in [try Self.rich(), try incomplete.make(), try OneItem.report()] {
            let scratch = try Scratch()
            try scratch.write(report, [.json], matched: ReportWriterTests.matched(5))
            let faults = check.faults(try JSONText.object(try scratch.text("report.json")), schema)
            #expect(faults.isEmpty, "\(faults.prefix(5))")
        }
        #expect(!check.faults(["format": "trueup.report/2"], schema).isEmpty)
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/report.schema.json").path
        if ProcessInfo.processInfo.environment["TRUEUP_REWRITE"] != nil {
            try ReportSchema.json().write(toFile: path, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == ReportSchema.json())
    }

    @Test("the verdict says by how much, of how many, and what is unexplained")
    func verdict() throws {
        let one = try OneItem.report()
        #expect(ReportVerdict.line(one.statement) == "OUT BY -7.00 credits · 1 of 1 agency · unexplained 0.00")
        var sample = SampleReport()
        sample.items = 0
        let clean = try sample.make()
        #expect(clean.state == .clean)
        #expect(ReportVerdict.line(clean.statement) == "IN BALANCE · 0 of 212 agencies · unexplained 0.00")
        sample.isComplete = false
        let partial = try sample.make()
        #expect(ReportVerdict.line(partial.statement).hasPrefix("INCOMPLETE: 1 gap, these figures are not a statement"))
    }

    @Test("what is explained only by a tolerance says so, in every format that says what a state means")
    func tolerated() throws {
        func statement(tolerance: Int64) throws -> Statement {
            let agency = AgencyActivity(
                agencyID: 1, name: "A", boughtAtStripe: 10, boughtLocally: 10, consumed: 0, recorded: 13)
            return try Statement(
                StatementInput(
                    cutOff: StatementCutOff(seconds: 0, zone: "UTC", localText: "", utcText: ""), agencies: [agency],
                    reads: [StatementRead(name: "r", isComplete: true)], toleranceCredits: tolerance))
        }
        let within = try statement(tolerance: 3)
        #expect(within.state == .explained)
        let words = "but for what is within the tolerance of ±3.00 credits for each agency"
        var report = try OneItem.report()
        report.statement = within
        report.items = []
        let scratch = try Scratch()
        try scratch.write(report, [.html, .csv, .text])
        for file in ["report.html", "csv/summary.csv", "summary.txt"] {
            #expect(try scratch.text(file).contains(words), "\(file)")
        }
        #expect(try statement(tolerance: 2).state == .unexplained)
    }

    @Test("rests that cancel out are shown gross")
    func gross() throws {
        let agencies = [Int64(5), -5].enumerated().map { index, rest in
            AgencyActivity(
                agencyID: Int64(index), name: "A", boughtAtStripe: 10, boughtLocally: 10, consumed: 0,
                recorded: 10 + rest)
        }
        let statement = try Statement(
            StatementInput(
                cutOff: StatementCutOff(seconds: 0, zone: "UTC", localText: "", utcText: ""), agencies: agencies,
                reads: [StatementRead(name: "r", isComplete: true)]))
        #expect(
            ReportVerdict.line(statement)
                == "OUT BY 0.00 credits · 2 of 2 agencies · unexplained 0.00 net, 10.00 gross")
    }

    @Test("every kind has a definition of one line", arguments: FindingKind.allCases)
    func definitions(_ kind: FindingKind) {
        #expect(kind.definition.hasSuffix("."))
        #expect(kind.definition.count < 120)
        #expect(!kind.title.contains("_"))
    }

    @Test("an incomplete report says so before anything else, in every format")
    func incompleteFirst() throws {
        var sample = SampleReport()
        sample.isComplete = false
        let scratch = try Scratch()
        try scratch.write(try sample.make())
        #expect(try scratch.text("summary.txt").hasPrefix("INCOMPLETE"))
        let page = try scratch.text("report.html")
        let body = try #require(page.range(of: "<body>"))
        let first = try #require(page.range(of: "INCOMPLETE", range: body.upperBound..<page.endIndex))
        let figures = try #require(page.range(of: "<table", range: body.upperBound..<page.endIndex))
        #expect(first.lowerBound < figures.lowerBound)
        #expect(try scratch.part("xl/worksheets/sheet1.xml").contains("INCOMPLETE"))
    }

    @Test("the page refers to nothing outside itself but Stripe, and its policy names its own style and script")
    func page() throws {
        let scratch = try Scratch()
        try scratch.write(try Self.rich(), [.html])
        let page = try scratch.text("report.html")
        for word in ["<link", "src=", "@import", "url(", "<iframe", "style=\"", "onclick", "innerHTML"] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(page.contains("default-src 'none'; style-src 'sha256-"))
        let links = page.components(separatedBy: "href=\"").dropFirst()
        #expect(links.allSatisfy { $0.hasPrefix("#") || $0.hasPrefix("https://dashboard.stripe.com/") })
        #expect(links.count > 40)
        for anchor in links.filter({ $0.hasPrefix("#") }) {
            let id = anchor.dropFirst().prefix { $0 != "\"" }
            #expect(page.contains("id=\"\(id)\""), "\(id)")
        }
    }

    @Test("a workbook has frozen headings, filters, repeated rows, pages one wide, real dates and no dates of today")
    func workbook() throws {
        let scratch = try Scratch()
        try scratch.write(try Self.rich(), [.xlsx], matched: ReportWriterTests.matched(5))
        let items = try scratch.part("xl/worksheets/sheet4.xml")
        for part in [
            "state=\"frozen\"", "<autoFilter ref=\"A1:Z61\"", "fitToHeight=\"0\"", "orientation=\"landscape\"",
        ] {
            #expect(items.contains(part), "\(part)")
        }
        let book = try scratch.part("xl/workbook.xml")
        #expect(book.contains("_xlnm.Print_Titles"))
        #expect(book.components(separatedBy: "<sheet ").count == 15)
        #expect(try scratch.part("docProps/core.xml").contains("2026-03-09T06:15:00Z"))
        #expect(try scratch.part("xl/styles.xml").contains("#,##0.00_);[Red](#,##0.00)"))
        #expect(try scratch.part("xl/worksheets/_rels/sheet4.xml.rels").contains("dashboard.stripe.com"))
    }

    @Test("after ten thousand links the others are formulas of the same page: no link is lost, memory stays flat")
    func manyLinks() throws {
        var sample = SampleReport()
        sample.items = 12_000
        sample.agencies = 50
        let report = try sample.make()
        let scratch = try Scratch()
        try scratch.write(report, [.xlsx])
        let sheet = try scratch.part("xl/worksheets/sheet3.xml")
        let links = sheet.components(separatedBy: "<hyperlink ").count - 1
        let formulas = sheet.components(separatedBy: "<f>HYPERLINK(\"https://dashboard.stripe.com/").count - 1
        let escaped = sheet.components(separatedBy: "<f>HYPERLINK(&quot;https://dashboard.stripe.com/").count - 1
        #expect(links == 10_000)
        #expect(links + formulas + escaped == report.items.count { $0.stripeInvoice != nil })
    }

    @Test("times follow the zone of the report: CSV with offsets, headings with the zone's name")
    func zone() throws {
        var sample = SampleReport()
        sample.zone = try Zone.load("America/New_York")
        let scratch = try Scratch()
        try scratch.write(try sample.make(), [.csv, .html])
        let rows = CSVReader.rows(try scratch.text("csv/open-items.csv"))
        let column = try #require(rows[0].firstIndex(of: "first_seen"))
        let offsets = Set(rows.dropFirst().map { String($0[column].suffix(6)) })
        #expect(offsets.isSubset(of: ["-05:00", "-04:00"]) && offsets.contains("-05:00"))
        let sheets = try ReportSheets(try sample.make())
        #expect(sheets["open_items"]?.columns.contains { $0.title == "Paid at (America/New_York)" } == true)
    }

    @Test("a bare number among values of any type says what it counts, in JSON as in CSV")
    func units() throws {
        let scratch = try Scratch()
        try scratch.write(try Self.rich(), [.json, .csv])
        let report = try JSONText.object(try scratch.text("report.json"))
        for key in ["summary", "controls"] {
            let rows = try #require(report[key] as? [[String: Any]])
            let table = CSVReader.rows(try scratch.text("csv/\(key).csv"))
            let column = try #require(table[0].firstIndex(of: "value_unit"))
            #expect(rows.count == table.count - 1)
            for (row, cells) in zip(rows, table.dropFirst()) {
                let unit = row["value_unit"] as? String
                // Money has its currency beside the amount.
                let expected = row["value"] is [String: Any] ? "" : cells[column]
                #expect(unit ?? "" == expected, "\(row)")
                if row["value"] as? NSNumber != nil { #expect(unit != nil, "\(row)") }
            }
        }
        let rates = try #require(report["summary"] as? [[String: Any]]).filter {
            $0["section"] as? String == "Match rate" && $0["value"] as? NSNumber != nil
        }
        #expect(!rates.isEmpty && rates.allSatisfy { $0["value_unit"] as? String == "per 10000" }, "\(rates)")
    }

    @Test("the effects of the items, added up, are what the statement explains: charges and money of credits")
    func effects() throws {
        let report = try Self.rich()
        let sheet = try #require(try ReportSheets(report)["item_effects"])
        var sums: [String: [String: Int64]] = [:]
        for index in 0..<sheet.rowCount {
            let row = sheet.row(index)
            guard case .text(let part) = row[4], case .money(let effect) = row[5] else {
                Issue.record("row \(index) is \(row)")
                continue
            }
            sums[part, default: [:]][effect.currency, default: 0] += effect.minorUnits
        }
        let statement = report.statement
        for total in statement.chargeTotals { #expect(sums["charges"]?[total.currency] ?? 0 == total.explained) }
        #expect(statement.chargeTotals.contains { $0.explained != 0 })
        var money: [String: Int64] = [:]
        for amount in ReportVerdict.amounts(statement) { money[amount.currency, default: 0] += amount.minorUnits }
        for rest in statement.unexplainedMoney { money[rest.currency, default: 0] -= rest.minorUnits }
        #expect(sums["credits", default: [:]].filter { $0.value != 0 } == money.filter { $0.value != 0 })
        #expect(sums["credits"]?.isEmpty == false)
    }

    @Test("every format says which time its figures are about, and what is left out")
    func periods() throws {
        let scratch = try Scratch()
        try scratch.write(try Self.rich())
        let words = ["from the beginning to the cut-off", "replay-events"]
        for file in ["report.html", "csv/summary.csv", "summary.txt", "report.json"] {
            let text = try scratch.text(file)
            for word in words { #expect(text.contains(word), "\(file): \(word)") }
        }
        let strings = try scratch.part("xl/worksheets/sheet1.xml")
        for word in words { #expect(strings.contains(word), "\(word)") }
        let page = try scratch.text("report.html")
        #expect(page.contains("Cumulative: from the beginning to the cut-off, whatever the period."))
        #expect(page.contains("report 411, cut-off 2026-03-08"))
    }

    @Test("the mail is made of tables and styles of its own, says what was not read first, and holds no link from data")
    func mail() throws {
        var sample = SampleReport()
        sample.charged = 20
        sample.isComplete = false
        var report = try sample.make()
        report.title = "<b>Balances</b>"
        let page = ReportMail.html(report, footer: ["Report 7", "3 files in /srv/reports & more"])
        for word in ["<script", "href=", "src=", "url(", "<b>Balances"] { #expect(!page.contains(word), "\(word)") }
        #expect(page.contains("&lt;b&gt;Balances") && page.contains("/srv/reports &amp; more"))
        let gap = try #require(page.range(of: "window 14 of 35 failed"))
        let figures = try #require(page.range(of: "Credits computed"))
        #expect(gap.lowerBound < figures.lowerBound)
        #expect(page.contains("Charges (USD)") && page.contains("from the beginning to the cut-off"))
        #expect(page.contains("prefers-color-scheme:dark"))
    }

    @Test("the total stands once before the lines of its sheet's open table, in no head that paper repeats")
    func totals() throws {
        let report = try Self.rich()
        let scratch = try Scratch()
        try scratch.write(report, [.html])
        let page = try scratch.text("report.html")
        #expect(!page.contains("<tfoot"))
        for (key, count) in [
            ("statement", report.statement.agencies.count), ("charges", report.statement.charges.count),
        ] {
            let tables = page.components(separatedBy: "<table class=\"grid \(key)\">").dropFirst()
                .map { $0.components(separatedBy: "</table>")[0] }
            #expect(!tables.isEmpty)
            for (index, table) in tables.enumerated() {
                let end = try #require(table.range(of: "</thead>"))
                #expect(!table.prefix(upTo: end.lowerBound).contains("class=\"total\""), "\(key)")
                let rest = table.suffix(from: end.upperBound)
                let body = rest.prefix(upTo: try #require(rest.range(of: "</tbody>")).lowerBound)
                #expect(body.contains("Total, \(count) lines") == (index == 0), "\(key)")
                #expect(body.hasPrefix("<tbody class=\"totals\">") == (index == 0), "\(key)")
                let totals = table.components(separatedBy: "<tr class=\"total\">").count - 1
                let own = body.components(separatedBy: "<tr class=\"total\">").count - 1
                #expect(totals == own && (own > 0) == (index == 0), "\(key)")
            }
        }
        let folded = page.components(separatedBy: "<details><summary>").dropFirst().filter {
            $0.contains("<table class=\"grid statement\">")
        }
        #expect(!folded.isEmpty)
    }

    @Test("the ages have every open item: differences, and apart from them what only informs")
    func ages() throws {
        let report = try Self.rich()
        let sheet = try #require(try ReportSheets(report)["aging"])
        var counts: [String: Int64] = [:]
        for index in 0..<sheet.rowCount {
            let row = sheet.row(index)
            guard case .text(let name) = row[6], case .count(let count) = row[2] else { continue }
            counts[name, default: 0] += count
        }
        let information = report.items.count { $0.item.isInformation }
        #expect(information > 0 && counts["for information"] == Int64(information))
        #expect(counts.values.reduce(0, +) == Int64(report.items.count))
        let scratch = try Scratch()
        try scratch.write(report, [.text, .html])
        for file in ["summary.txt", "report.html"] {
            #expect(try scratch.text(file).contains("and \(information) for information (overdue)"), "\(file)")
        }
    }

    @Test("the control totals lead to the statement's lines, on both sides")
    func tieOut() throws {
        let report = try Self.rich()
        let sheet = try #require(try ReportSheets(report)["tie_out"])
        let rows = (0..<sheet.rowCount).map { sheet.row($0) }
        let last = rows.filter { $0[3] == .text("Statement: money paid for credits") }
        #expect(last.count == 2 && last.allSatisfy { $0[6] == .text("ties") }, "\(last)")
        #expect(last.map { $0[1] } == [.text("Stripe"), .text("local")])
        let paid = rows.filter { $0[3] == .text("All that was paid before the cut-off") }
        #expect(paid.map { $0[5] }.prefix(2) == last.map { $0[5] }.prefix(2))
        #expect(report.statement.gaps.isEmpty)
        // A line that a spreadsheet takes for a formula is written with a mark before it.
        for row in rows {
            guard case .text(let line) = row[3] else { continue }
            #expect(line.first?.isLetter == true)
        }
    }

    @Test("every sheet has rows as wide as its heading, and names that a spreadsheet takes")
    func sheets() throws {
        let sheets = try ReportSheets(try Self.rich())
        #expect(
            sheets.sheets.map(\.key) == [
                "summary", "statement", "charges", "open_items", "item_effects", "resolved", "changed_since_sign_off",
                "aging", "repairs", "controls", "control_totals", "tie_out", "definitions",
            ])
        for sheet in sheets.sheets {
            #expect(sheet.title.count <= 31 && !sheet.title.contains { "[]:*?/\\".contains($0) })
            #expect(Set(sheet.columns.map(\.key)).count == sheet.columns.count)
            for index in 0..<sheet.rowCount { #expect(sheet.row(index).count == sheet.columns.count, "\(sheet.key)") }
        }
    }

    @Test("the CSV of Excel has a mark at its beginning, the standard one has none", arguments: CSVProfile.allCases)
    func mark(_ profile: CSVProfile) throws {
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(), [.csv], profile: profile)
        let data = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/csv/statement.csv"))
        #expect((Array(data.prefix(3)) == [0xEF, 0xBB, 0xBF]) == (profile == .excel))
    }
}
