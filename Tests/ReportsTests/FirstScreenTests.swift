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
                item: "agency 18", field: "bought (local)", then: .credits(9_000), now: .credits(4_000),
                move: SignedMove(creditsInTables: -5_000)),
            SignedChange(
                item: "agency 4", field: "recorded charges", then: .money(Money(minorUnits: 250_000, currency: "usd")),
                now: .money(Money(minorUnits: 0, currency: "usd")),
                move: SignedMove(moneyInTables: [Money(minorUnits: -250_000, currency: "usd")])),
        ]
        return report
    }

    /// Each format says it on its first screen.
    /// - Returns: the folder of the report.
    private static func expectEverywhere(_ words: String, in report: DiscrepancyReport) throws -> Scratch {
        let scratch = try Scratch()
        try scratch.write(report)
        for file in ["report.html", "summary.txt", "csv/summary.csv", "report.json"] {
            #expect(try scratch.text(file).contains(words), "\(file)")
        }
        #expect(try scratch.part("xl/worksheets/sheet1.xml").contains(words))
        #expect(ReportMail.html(report, footer: []).contains(words))
        return scratch
    }

    @Test("figures that changed behind a signature are said in a sentence, in every format")
    func sentence() throws {
        let words = "Changed since sign-off (report 3): 2 lines, -5,000.00 credits, -$2,500.00 in the tables."
        let report = try Self.changed()
        let scratch = try Self.expectEverywhere(words, in: report)
        #expect(try scratch.text("report.html").contains(">Changed since sign-off (2)</a>"))
        #expect(!ReportMail.html(try OneItem.report(), footer: []).contains("Changed since sign-off"))
    }

    @Test("what changed behind a signature is numbers with their unit, in every format that adds up")
    func numbers() throws {
        var report = try Self.changed()
        report.changedSinceSignOff.append(
            SignedChange(
                item: "F-9", field: "effect on credits", then: nil, now: .credits(-2_500), note: "no item then"))
        let scratch = try Scratch()
        try scratch.write(report)
        let csv = try scratch.text("csv/changed-since-sign-off.csv").split(separator: "\r\n").map(String.init)
        #expect(
            csv == [
                "item,field,then,then_minor,then_unit,now,now_minor,now_unit,difference,difference_minor,"
                    + "difference_unit,unit,note",
                "F-9,effect on credits,,,,-2500,,credits,-2500,,credits,credits,no item then",
                "agency 18,bought (local),9000,,credits,4000,,credits,-5000,,credits,credits,",
                "agency 4,recorded charges,2500.00,250000,USD,0.00,0,USD,-2500.00,-250000,USD,USD,",
            ])
        let json = try JSONText.object(try scratch.text("report.json"))
        let rows = try #require(json["changed_since_sign_off"] as? [[String: Any]])
        #expect(rows.map { $0["difference"] as? Int64 } == [-2_500, -5_000, nil])
        #expect((rows.last?["difference"] as? [String: Any])?["minor_units"] as? Int64 == -250_000)
        let page = try scratch.text("report.html")
        #expect(page.contains("-5,000") && page.contains("-$2,500.00"))
    }

    @Test("moves of opposite signs are shown gross, and none is called none")
    func gross() throws {
        var report = try Self.changed()
        report.changedSinceSignOff = [7, -7].map {
            SignedChange(
                item: "a", field: "b", then: .credits(0), now: .credits(1), move: SignedMove(creditsAtStripe: $0))
        }
        #expect(
            SignedChanges.sentence(report)
                == "Changed since sign-off (report 3): 2 lines, 0.00 credits net (14.00 gross) at Stripe.")
        report.changedSinceSignOff = [
            SignedChange(item: "F-1", field: "effect on credits", then: .credits(1), now: .credits(2))
        ]
        #expect(SignedChanges.sentence(report)?.hasSuffix("1 line, no balance moved by them.") == true)
        // An adjustment is one of the tables' and counts in both balances: nothing of it is at Stripe.
        report.changedSinceSignOff = [7, -3].map {
            SignedChange(
                item: "agency 31", field: "adjustments", then: nil, now: .credits($0),
                move: SignedMove(adjustments: $0))
        }
        #expect(
            SignedChanges.sentence(report)
                == "Changed since sign-off (report 3): 2 lines, adjustments +4.00 credits net (10.00 gross).")
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
            for file in ["report.html", "csv/summary.csv"] {
                #expect(try scratch.text(file).contains(", all after the cut-off") != isCovered, "\(file)")
            }
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
        // The currency of most lines first, then by code; of four the first three.
        #expect(
            line == "IN BALANCE in credits, OUT BY 1,442,724.01 EUR and $1,442,724.01 · 1 of 1 agency · charges OUT BY "
                + "0.005 BHD at 1 of 1 agency · unexplained 1,442,724.01 EUR, $1,442,724.01 and 0.005 BHD in charges",
            "\(line)")
        let subject = ReportVerdict.subject(try statement(rest: 5))
        #expect(subject.contains(" · charges OUT BY 0.005 BHD · ") && subject.count <= 150, "\(subject)")
        let none = ReportVerdict.line(try statement(rest: 0))
        #expect(none.contains("charges IN BALANCE"), "\(none)")
    }

    /// An agency whose credits are out in some currencies, and agencies whose charges are.
    private static func statement(_ amounts: [(String, Int64)], charges: [(String, Int64)] = [("usd", 800)]) throws
        -> Statement
    {
        let agency = AgencyActivity(
            agencyID: 1, name: "A", boughtAtStripe: 10, boughtLocally: 10, consumed: 0, recorded: 3,
            purchases: amounts.map { PurchaseTotals(currency: $0.0, atStripe: 0, locally: $0.1) })
        let lines = charges.enumerated().map { index, charge in
            ChargeActivity(
                agencyID: Int64(index % 3), name: "A", currency: charge.0, charged: Tally(count: 1, amount: 100),
                recorded: Tally(count: 1, amount: 100 + charge.1))
        }
        return try Statement(
            StatementInput(
                cutOff: StatementCutOff(seconds: 0, zone: "UTC", localText: "", utcText: ""), agencies: [agency],
                charges: lines, reads: [StatementRead(name: "r", isComplete: true)]))
    }

    @Test("currencies are named in one order, whatever their amounts: that of most lines first, then by code")
    func currencies() throws {
        let two = ReportVerdict.line(try Self.statement([("eur", -100_420_000), ("usd", 94_272_501)]))
        #expect(two.hasPrefix("OUT BY -7.00 credits ($942,725.01 and -1,004,200.00 EUR) · 1 of 1 agency"), "\(two)")
        // Yen have no minor unit, and 2,000,000 of them are less than the euros.
        let three = try Self.statement([("eur", -100_420_000), ("jpy", 2_000_000), ("usd", 94_272_501)])
        let line = ReportVerdict.line(three)
        #expect(
            line.hasPrefix("OUT BY -7.00 credits ($942,725.01, -1,004,200.00 EUR and 2,000,000 JPY) · 1 of 1 agency"),
            "\(line)")
        // Credits, charges and what is unexplained have the same order.
        let four = ReportVerdict.line(
            try Self.statement(
                [("bhd", 1), ("usd", 94_272_501)],
                charges: [("usd", 664_976), ("jpy", 12_345), ("eur", -252_550), ("bhd", 1_000), ("usd", 0)]))
        #expect(
            four.contains(
                " · charges OUT BY $6,649.76, 1.000 BHD, -2,525.50 EUR and 1 more currency at 3 of 3 agencies · "),
            "\(four)")
        #expect(
            four.hasSuffix(" · unexplained -7.00, $942,725.01, 0.001 BHD, $6,649.76 in charges and 3 more sums"),
            "\(four)")
        let order = ["$942,725.01", "0.001 BHD", "$6,649.76", "1.000 BHD", "-2,525.50 EUR"].map {
            four.range(of: $0)?.lowerBound
        }
        #expect(!order.contains(nil) && order.compactMap(\.self) == order.compactMap(\.self).sorted())
    }

    @Test("a subject never says that something is out without a figure, and names both of two currencies")
    func subjects() throws {
        let plain = ReportVerdict.subject(try Self.statement([]))
        #expect(plain.hasPrefix("OUT BY -7.00 credits · charges OUT BY $8.00 · unexplained "), "\(plain)")
        let prefix = "UNEXPLAINED balance-report 2026-11-27: "
        let amounts: [(String, Int64)] = [("eur", -100_420_000), ("usd", 144_472_501)]
        let charges: [(String, Int64)] = [
            ("usd", 664_976), ("eur", -252_550), ("jpy", 12_345), ("bhd", 1_000), ("usd", 0),
        ]
        let two = ReportVerdict.subject(
            try Self.statement(amounts, charges: Array(charges.prefix(2)) + charges.suffix(1)), after: prefix)
        #expect(
            two.hasPrefix(
                "OUT BY -7.00 credits ($1,444,725.01 and -1,004,200.00 EUR) · charges OUT BY $6,649.76 and -2,525.50 "
                    + "EUR · unexplained -7.00"), "\(two)")
        let four = ReportVerdict.subject(try Self.statement(amounts, charges: charges), after: prefix)
        #expect(
            four.contains(" ($1,444,725.01 and -1,004,200.00 EUR) · charges OUT BY $6,649.76 and 3 more"), "\(four)")
        #expect(two.hasSuffix(" · unexplained -7.00 and 4 sums of money"), "\(two)")
        #expect((prefix + two).count <= 190 && (prefix + four).count <= 190, "\(four)")
    }

    @Test("a statement of a cut-off for which another is signed says so, and what that one states, in every format")
    func signedStatement() throws {
        var report = try OneItem.report()
        report.basis.signedStatement = SignedStatement(
            id: 3, state: .explained, verdict: "OUT BY 2,193.00 credits", isReviewed: true, isSame: false)
        let words = "Report 3 is signed for this cut-off and states: EXPLAINED, OUT BY 2,193.00 credits"
        _ = try Self.expectEverywhere(words, in: report)
        report.basis.signedStatement?.state = .incomplete
        report.basis.signedStatement?.verdict = "INCOMPLETE: 1 gap, these figures are not a statement"
        #expect(
            ReportSummary.lines(report).contains(
                "  ! Report 3 is signed for this cut-off and states: INCOMPLETE, 1 gap, these figures are not a "
                    + "statement"))
        report.basis.signedStatement?.isReviewed = false
        report.basis.signedStatement?.isSame = true
        #expect(
            ReportSummary.lines(report).contains(
                "  ! Report 3 is signed by its preparer for this cut-off and states the same."))
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
        #expect(sheet.contains("r=\"2\"") && sheet.contains("ht=\"30.5\" customHeight=\"1\""), "\(sheet.prefix(1_500))")
    }
}
