import Foundation
import Reconciliation
import Reports
import Schedule
import Testing

@Suite("How reports say it")
struct WordingTests {
    private static func incomplete() throws -> DiscrepancyReport {
        var sample = SampleReport()
        sample.charged = 20
        sample.isComplete = false
        return try sample.make()
    }

    @Test("the state is said once: where it stands, the words beside it do not begin with it again")
    func stateOnce() throws {
        let report = try Self.incomplete()
        let statement = report.statement
        #expect(ReportVerdict.line(statement).hasPrefix("INCOMPLETE: 1 gap"))
        let beside = ReportVerdict.line(statement, isBesideState: true)
        #expect(beside.hasPrefix("1 gap, these figures are not a statement") && !beside.contains("INCOMPLETE"))
        #expect(ReportVerdict.line(statement) == "INCOMPLETE: " + beside)
        let lines = ReportSummary.lines(report)
        #expect(lines[0].hasPrefix("INCOMPLETE: ") && !lines[1].contains("INCOMPLETE"), "\(lines.prefix(2))")
        #expect(!ReportVerdict.subject(statement).contains("INCOMPLETE"))
        let scratch = try Scratch()
        try scratch.write(report, [.html, .xlsx])
        for page in [try scratch.text("report.html"), ReportMail.html(report, footer: [])] {
            let start = try #require(page.range(of: "<h1"))
            let end = try #require(page.range(of: "</h1>", range: start.upperBound..<page.endIndex))
            let heading = page[start.lowerBound..<end.lowerBound]
            #expect(heading.contains("1 gap, these figures") && !heading.contains("INCOMPLETE"), "\(heading)")
        }
        #expect(try !scratch.part("xl/worksheets/sheet1.xml").contains("INCOMPLETE: 1 gap"))
        // Any other state stands before its meaning, on the second line.
        #expect(ReportSummary.lines(try OneItem.report())[1].hasPrefix("EXPLAINED: "))
    }

    @Test("in 78 columns no line of the summary is longer, no word is lost, and notes stay in their column")
    func narrow() throws {
        var report = try RenderTests.rich()
        report.basis.readSince = ["agency-invoices": 1_772_000_000, "patient-payments": nil]
        for report in [report, try Self.incomplete(), try OneItem.report(agency: "Sunrise Home Care of Queens")] {
            let whole = ReportSummary.lines(report)
            let narrow = ReportSummary.lines(report, columns: 78)
            #expect(whole.contains { $0.count > 78 })
            #expect(narrow.allSatisfy { $0.count <= 78 }, "\(narrow.filter { $0.count > 78 })")
            func words(_ lines: [String]) -> [Substring] { lines.flatMap { $0.split(separator: " ") } }
            #expect(words(narrow) == words(whole))
            // Figures of a section end in one column, in the narrow form as in the wide one.
            let rows = whole.filter { $0.hasPrefix("  ") && $0.count <= 78 && !$0.hasPrefix("  !") }
            #expect(rows.allSatisfy(narrow.contains))
        }
        let note = ReportText.lines("  Paid locally  -1,000.00  14 items, and more of it", columns: 45, hang: 27)
        #expect(note == ["  Paid locally  -1,000.00  14 items, and more", String(repeating: " ", count: 27) + "of it"])
        #expect(ReportText.lines("Path " + String(repeating: "x", count: 90), columns: 78).count == 2)
    }

    @Test("sums of opposite signs that come to nothing are not said to be out by nothing")
    func offset() throws {
        func statement(_ differences: [Int64]) throws -> Statement {
            try Statement(
                StatementInput(
                    cutOff: StatementCutOff(seconds: 0, zone: "UTC", localText: "", utcText: ""),
                    agencies: differences.enumerated().map { index, difference in
                        AgencyActivity(
                            agencyID: Int64(index), name: "A", boughtAtStripe: 10, boughtLocally: 10, consumed: 0,
                            recorded: 10 + difference)
                    },
                    charges: differences.enumerated().map { index, difference in
                        ChargeActivity(
                            agencyID: Int64(index), name: "A", currency: "usd",
                            charged: Tally(count: 1, amount: 50_000),
                            recorded: Tally(count: 1, amount: 50_000 + 100 * difference))
                    }, reads: [StatementRead(name: "r", isComplete: true)]))
        }
        let line = ReportVerdict.line(try statement([120, -120, 0]))
        #expect(line.hasPrefix("OUT BY 0.00 credits · 2 of 3 agencies · "), "\(line)")
        #expect(line.contains(" · charges OUT BY $0.00 net, $240.00 gross at 2 of 3 agencies · "), "\(line)")
        let plain = ReportVerdict.line(try statement([120, -100]))
        #expect(
            plain.hasPrefix("OUT BY 20.00 credits · 2 of 2 agencies · charges OUT BY $20.00 at 2 of 2 agencies · "),
            "\(plain)")
    }

    @Test("the sheet of matched pairs says what is in it and how that is to the match rate, in every format")
    func matched() throws {
        let report = try RenderTests.rich()
        let rate = report.statement.matchRate
        #expect(rate.readCount > 5)
        let scratch = try Scratch()
        try scratch.write(report, matched: ReportWriterTests.matched(5))
        let period = ReportPeriods.credits(report)
        let what = "credit orders paid on both sides, by the payment \(period) to the cut-off, without an open item."
        let both =
            "The match rate is about more, \(Money.grouped(rate.matchedCount)) of \(Money.grouped(rate.readCount))"
        for file in ["report.html", "csv/summary.csv", "report.json"] {
            let text = try scratch.text(file)
            #expect(text.contains(what) && text.contains(both), "\(file)")
        }
        #expect(try scratch.text("report.html").contains("5 pairs agree: credit orders"))
        #expect(try scratch.part("xl/worksheets/sheet1.xml").contains(both))
        let sheet = try scratch.part("xl/worksheets/sheet14.xml")
        #expect(sheet.contains("5 pairs agree: credit orders") && sheet.contains(both))
        // Where no rate is known, none is named.
        var bare = try OneItem.report()
        bare.periodFromSeconds = 1_772_000_000
        let scratch2 = try Scratch()
        try scratch2.write(bare, [.html, .csv])
        #expect(try scratch2.text("report.html").contains("0 pairs agree: credit orders"))
        #expect(try scratch2.text("csv/summary.csv").contains("There is no match rate: not known"))
    }

    @Test("two reports are no chart but words; of a few each column has its number")
    func trend() throws {
        var report = try OneItem.report()
        func point(_ day: Int64, _ items: Int64) -> TrendPoint {
            TrendPoint(atSeconds: 1_772_000_000 + day * 86_400, openItems: items, state: .explained)
        }
        report.trend = [point(0, 149), point(1, 1)]
        let scratch = try Scratch()
        try scratch.write(report, [.html])
        let two = try scratch.text("report.html")
        #expect(!two.contains("class=\"chart trend\"") && two.contains("2 reports so far."))
        #expect(two.contains("149 open, EXPLAINED"))
        report.trend = [point(0, 149), point(1, 152), point(2, 1)]
        let other = try Scratch()
        try other.write(report, [.html])
        let three = try other.text("report.html")
        for number in [">149</text>", ">152</text>", ">1</text>"] {
            #expect(three.contains(number) && three.contains("class=\"chart trend\""), "\(number)")
        }
        // Each of three columns is dated, in a card of a third of the page, and the colours are named.
        let chart = try #require(three.components(separatedBy: "class=\"chart trend\"").last?.prefix(2_000))
        for day in ["2026-02-25", "2026-02-26", "2026-02-27"] { #expect(chart.contains(">\(day)</text>"), "\(chart)") }
        #expect(chart.hasPrefix(" viewBox=\"0 0 336 126\"") && !three.contains("card wide\"><h2>Open items"))
        #expect(chart.contains("<i class=\"explained\"></i>3 EXPLAINED</span>"), "\(chart)")
        report.trend = (0..<15).map { point($0, 5) }
        let wide = try Scratch()
        try wide.write(report, [.html])
        let many = try wide.text("report.html")
        #expect(many.contains("viewBox=\"0 0 720 126\"") && many.contains("card wide\"><h2>Open items"))
        for day in ["2026-02-25", "2026-03-04", "2026-03-11"] { #expect(many.contains(">\(day)</text>"), "\(day)") }
        #expect(!many.contains(">2026-02-26</text>"))
    }

    @Test("the page of signatures has times to the second; one of an earlier version says the same without them")
    func seconds() throws {
        func page(_ seconds: Int64) throws -> SignaturePage {
            SignaturePage(
                number: 1, name: "r", state: "INCOMPLETE", verdict: "INCOMPLETE: 1 gap", cutOffSeconds: 1_772_000_007,
                zone: .utc,
                manifestHash: "m", files: [],
                signatures: [
                    SignaturePage.Signature(
                        role: "preparer", person: "dana", systemUser: "d@h", databaseUser: "d", isSharedLogin: false,
                        note: "n", accepted: "", atSeconds: seconds, manifestHash: "m")
                ])
        }
        let scratch = try Scratch()
        let made = try page(1_772_001_245)
        try made.write(into: scratch.path)
        let text = try scratch.text("signatures.html")
        #expect(text.contains("2026-02-25 06:13:27 UTC") && text.contains("2026-02-25 06:34:05 UTC"), "\(text)")
        #expect(text.contains("<b>INCOMPLETE</b> 1 gap</p>"))
        #expect(made.differences(from: text).isEmpty)
        let earlier = text.replacingOccurrences(of: "06:34:05", with: "06:34")
        #expect(made.differences(from: earlier).isEmpty)
        #expect(try page(1_772_001_246).differences(from: text) == ["Preparer, Signed"])
        #expect(try page(1_772_001_245 + 60).differences(from: earlier) == ["Preparer, Signed"])
    }
}
