import Foundation
import Reconciliation
import Reports
import Testing

@Suite("What the first screens say beside the verdict")
struct FirstScreenTests {
    private static func changed() throws -> DiscrepancyReport {
        var report = try OneItem.report()
        report.basis.opensAt = ReportReference(id: 3, cutOffSeconds: 1_772_000_000)
        report.changedSinceSignOff = [
            SignedChange(
                item: "agency 18", field: "bought (local)", then: "9,000", now: "4,000",
                move: SignedMove(creditsInTables: -5_000)),
            SignedChange(
                item: "agency 4", field: "recorded charges", then: "$2,500.00", now: "$0.00",
                move: SignedMove(moneyInTables: [Money(minorUnits: -250_000, currency: "usd")])),
        ]
        return report
    }

    @Test("figures that changed behind a signature are said in a sentence, in every format")
    func sentence() throws {
        let words = "Changed since sign-off (report 3): 2 lines, -5,000.00 credits, -$2,500.00 in the tables."
        let report = try Self.changed()
        let scratch = try Scratch()
        try scratch.write(report)
        for file in ["report.html", "summary.txt", "csv/summary.csv", "report.json"] {
            #expect(try scratch.text(file).contains(words), "\(file)")
        }
        #expect(try scratch.part("xl/worksheets/sheet1.xml").contains(words))
        #expect(ReportMail.html(report, footer: []).contains(words))
        #expect(try scratch.text("report.html").contains(">Changed since sign-off (2)</a>"))
        #expect(!ReportMail.html(try OneItem.report(), footer: []).contains("Changed since sign-off"))
    }

    @Test("moves of opposite signs are shown gross, and none is called none")
    func gross() throws {
        var report = try Self.changed()
        report.changedSinceSignOff = [7, -7].map {
            SignedChange(item: "a", field: "b", then: "c", now: "d", move: SignedMove(creditsAtStripe: $0))
        }
        #expect(
            SignedChanges.sentence(report)
                == "Changed since sign-off (report 3): 2 lines, 0.00 credits net (14.00 gross) at Stripe.")
        report.changedSinceSignOff = [SignedChange(item: "F-1", field: "effect on credits", then: "1", now: "2")]
        #expect(SignedChanges.sentence(report)?.hasSuffix("1 line, no balance moved by them.") == true)
        report.changedSinceSignOff = []
        #expect(SignedChanges.sentence(report) == nil)
    }

    @Test("a match rate of runs that read another time is no rate of the statement; one that is says whose it is")
    func rate() throws {
        func report(isCovered: Bool) throws -> DiscrepancyReport {
            let side = ControlSide(read: Tally(count: 4, amount: 400), matched: Tally(count: 4, amount: 400))
            let control = ControlTotals(
                name: "Credit invoices, run 7", runID: 7, account: "task_health", currency: "usd", stripe: side,
                local: side, isCovered: isCovered)
            var report = try OneItem.report()
            report.statement = try Statement(
                StatementInput(
                    cutOff: report.statement.cutOff, reads: [StatementRead(name: "Stripe", isComplete: true)],
                    controls: [control]))
            report.items = []
            report.run.runs = [
                SourceRun(
                    id: 7, job: "credit-invoices", state: "drift", programVersion: "1", jobFileHash: "00",
                    fromSeconds: 1_773_100_000, toSeconds: 1_773_200_000, requests: 1)
            ]
            return report
        }
        for (isCovered, words) in [
            (true, "100.00 % by count, 100.00 % of USD value; of run 7 (credit-invoices), created 2026-03-09 to "),
            (false, "not known: no run that it rests on read a time before the cut-off"),
        ] {
            let lines = ReportSummary.lines(try report(isCovered: isCovered))
            let line = try #require(lines.first { $0.hasPrefix("Matched") })
            #expect(line.contains(words), "\(line)")
            let scratch = try Scratch()
            try scratch.write(try report(isCovered: isCovered), [.html, .csv])
            #expect(try scratch.text("report.html").contains("100.00 %") == isCovered)
        }
    }

    @Test("what was not read stands beside CLEAN, and at the name of its account")
    func unread() throws {
        var sample = SampleReport()
        sample.items = 0
        var report = try sample.make()
        #expect(report.state == .clean)
        report.accounts.append(ReportAccount(name: "default", isLive: false))
        report.basis.readSince = ["patient-payments": nil, "agency-invoices": 1]
        report.basis.unreadAccounts = ["default"]
        let scratch = try Scratch()
        try scratch.write(report)
        let words =
            "NOT READ up to the cut-off, so nothing is said of them: patient-payments, and nothing of account default."
        for file in ["report.html", "summary.txt", "csv/summary.csv", "report.json"] {
            let text = try scratch.text(file)
            #expect(text.contains(words) && text.contains("default (not read)"), "\(file)")
            #expect(!text.contains("Everything that it covers was read, nothing differs, nothing is open. NOT"))
        }
        #expect(try scratch.part("xl/worksheets/sheet1.xml").contains(words))
    }

    @Test("the verdict stays one short line whatever the currencies, and no rest hides behind them")
    func short() throws {
        func statement(rest: Int64) throws -> Statement {
            let charges = ["usd", "eur", "jpy", "bhd"].enumerated().map { index, currency in
                ChargeActivity(
                    agencyID: 1, name: "A", currency: currency, charged: Tally(count: 1, amount: 664_199),
                    recorded: Tally(count: 1, amount: 664_199 + (index == 3 ? rest : 0)))
            }
            let agency = AgencyActivity(
                agencyID: 1, name: "A", boughtAtStripe: 10, boughtLocally: 10, consumed: 0, recorded: 10,
                purchases: ["usd", "eur"].map { PurchaseTotals(currency: $0, atStripe: 100, locally: 144_272_501) })
            return try Statement(
                StatementInput(
                    cutOff: StatementCutOff(seconds: 0, zone: "UTC", localText: "", utcText: ""), agencies: [agency],
                    charges: charges, reads: [StatementRead(name: "r", isComplete: true)]))
        }
        let line = ReportVerdict.line(try statement(rest: 5))
        // Four currencies, three of them unexplained: the longest that it gets.
        #expect(line.count <= 160, "\(line)")
        #expect(line.contains(" and 2 more sums · and 1 more currency"), "\(line)")
        #expect(ReportVerdict.subject(try statement(rest: 5)).count <= 120)
        let none = ReportVerdict.line(try statement(rest: 0))
        #expect(none.contains("charges IN BALANCE"), "\(none)")
    }

    @Test("one adjustment behind the signature is one fact in the words")
    func openingOff() throws {
        let agency = AgencyActivity(
            agencyID: 30, name: "A", opening: 21, signedClosing: 10, boughtAtStripe: 0, boughtLocally: 0, consumed: 0,
            recorded: 10)
        var report = try OneItem.report()
        report.statement = try Statement(
            StatementInput(
                cutOff: report.statement.cutOff, agencies: [agency],
                reads: [StatementRead(name: "r", isComplete: true)]))
        report.items = []
        #expect(
            ReportVerdict.line(report.statement) == "OUT BY -11.00 credits · 1 of 1 agency · unexplained -11.00")
        #expect(
            ReportSummary.lines(report).contains {
                $0.contains("A (30): -11.00 credits unexplained, by which its opening is off from what was signed")
            })
    }

    @Test("a name of two lines has a row of two lines in the workbook")
    func twoLines() throws {
        let scratch = try Scratch()
        try scratch.write(try OneItem.report(agency: "Sunrise\r\nCare"), [.xlsx])
        let sheet = try scratch.part("xl/worksheets/sheet2.xml")
        #expect(sheet.contains("r=\"2\"") && sheet.contains("ht=\"27\" customHeight=\"1\""), "\(sheet.prefix(1_500))")
    }
}
