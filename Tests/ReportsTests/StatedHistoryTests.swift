import Foundation
import Reconciliation
import Reports
import Schedule
import Testing

@Suite("Since when a report counts")
struct StatedHistoryTests {
    /// A report whose job file names a day, and none that opens at a signature.
    private static func report(olderRows: Set<StatementItem.Scope> = []) throws -> DiscrepancyReport {
        var report = try RenderTests.rich()
        report.periodFromSeconds = nil
        report.basis.opensAt = nil
        report.basis.comparedWith = nil
        report.basis.history = StatedHistory(
            day: CivilDate(year: 2026, month: 3, day: 1),
            readFrom: [.credits: 1_772_323_200, .charges: 1_768_176_000], olderRows: olderRows)
        return report
    }

    @Test("every format says the day and who says so, and no word makes it all of Stripe's history")
    func everywhere() throws {
        let report = try Self.report()
        let scratch = try Scratch()
        try scratch.write(report, matched: ReportWriterTests.matched(3))
        let words = "Stripe counts from 2026-03-01, as the job file says (history_from)"
        let mail = ReportMail.html(report, footer: [])
        #expect(mail.contains(words) && !mail.contains("the beginning"))
        #expect(try scratch.part("xl/worksheets/sheet1.xml").contains(words))
        for file in ["report.html", "summary.txt", "csv/summary.csv", "csv/controls.csv", "report.json"] {
            #expect(try scratch.text(file).contains(words), "\(file)")
        }
        let texts = try scratch.names().filter { name in
            ["html", "txt", "csv", "json"].contains { name.hasSuffix("." + $0) }
        }
        #expect(texts.count > 10)
        for file in texts {
            let text = try scratch.text(file)
            #expect(!text.contains("the beginning"), "\(file)")
        }
        #expect(try scratch.text("report.html").contains("Cumulative: from 2026-03-01 to the cut-off, whatever"))
        #expect(try scratch.text("csv/definitions.csv").contains("Cumulative, from 2026-03-01 to the cut-off"))
        let summary = try scratch.text("summary.txt")
        #expect(summary.contains("credits from 2026-03-01 to the cut-off; charges from 2026-03-01 to the cut-off"))
    }

    @Test("an opening that is none is known as such, whatever the day, and in reports of before there was one")
    func opening() throws {
        func opening(_ report: DiscrepancyReport) throws -> String {
            try #require(ReportPeriods.rows(report).first { $0.figure == "Opening" }).period
        }
        var usual = try RenderTests.rich()
        #expect(!ReportPeriods.isWithoutOpening(try opening(usual)))
        usual.periodFromSeconds = nil
        #expect(try opening(usual) == "none: the period starts at the beginning")
        #expect(ReportPeriods.isWithoutOpening(try opening(usual)))
        let named = try opening(try Self.report())
        #expect(named == "none: the period starts from 2026-03-01, as the job file says (history_from)")
        #expect(ReportPeriods.isWithoutOpening(named))
    }

    @Test("where a row is older than the day, the part says from when on it was read, and why")
    func older() throws {
        let report = try Self.report(olderRows: [.charges])
        let lines = ReportSummary.lines(report).joined(separator: "\n")
        let words =
            "Stripe counts from 2026-03-01, as the job file says (history_from) (credits) and from 2026-01-12, as a "
            + "row of the table is older than the job file says (history_from 2026-03-01) (charges)"
        #expect(lines.contains(words), "\(lines)")
        #expect(lines.contains("charges from 2026-01-12 to the cut-off"), "\(lines)")
        let scratch = try Scratch()
        try scratch.write(report, [.html])
        #expect(try scratch.text("report.html").contains("Cumulative: from 2026-01-12 to the cut-off, whatever"))
    }

    @Test("the JSON has the day and the times from which on Stripe had to be read, and fits its schema")
    func json() throws {
        let schema = try JSONText.object(ReportSchema.json())
        for report in [try Self.report(), try RenderTests.rich()] {
            let scratch = try Scratch()
            try scratch.write(report, [.json])
            let made = try JSONText.object(try scratch.text("report.json"))
            #expect(JSONSchemaCheck(root: schema).faults(made, schema).isEmpty)
            let head = try #require(made["report"] as? [String: Any])
            let read = try #require(head["read_from"] as? [String: Any])
            if report.basis.history.day == nil {
                #expect(head["history_from"] is NSNull && read["credits"] is NSNull && read["charges"] is NSNull)
            } else {
                #expect(head["history_from"] as? String == "2026-03-01")
                #expect(read["credits"] as? String == "2026-03-01T00:00:00+00:00")
                #expect(read["charges"] as? String == "2026-01-12T00:00:00+00:00")
            }
        }
    }
}
