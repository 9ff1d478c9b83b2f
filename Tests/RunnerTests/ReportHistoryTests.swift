import Foundation
import Jobs
import Reconciliation
import Reports
import Runner
import Schedule
import Store
import Testing

/// What was not read is not stated, whatever the tables have.
@Suite("Since when reports count")
struct ReportHistoryTests {
    /// Midnight UTC two days into what a night looks back to: the system began then.
    private static let began: Int64 = {
        let from = NightSetup.nowSeconds - 300 - 35 * 86_400
        return Zone.utc.startOfDay(Zone.utc.date(at: from + 2 * 86_400))
    }()
    private static let day = Zone.utc.date(at: began)

    /// The tables lose what was before.
    private static func forget(_ scene: ReportScene, before seconds: Int64) async throws {
        for table in ["task_credit_stripe_invoice", "task_credit_reservation", "task_credit_adjustment"] {
            try await scene.run("DELETE FROM \(table) WHERE created_at < to_timestamp(\(seconds))")
        }
    }

    @Test("an empty table states nothing until Stripe was read from its beginning, and then what was paid there")
    func empty() async throws {
        try await ReportScene.with(seed: 61) { scene in
            try await Self.forget(scene, before: NightSetup.nowSeconds + 86_400)
            try await scene.run("DELETE FROM task_credit_agency_balance")
            _ = try await scene.night.run()
            let young = try await scene.report()
            #expect(young.state == .incomplete && young.exitCode == 3)
            let gaps = young.report.statement.gaps
            #expect(gaps.count == 1 && gaps[0].contains(", created 2010-01-01 to "), "\(gaps)")
            #expect(gaps.first?.contains("name a later day in the job file (history_from), or read it with: ") == true)
            #expect(gaps.first?.contains(": trueup backfill credit-invoices --from 2010-01-01 --to 2026-1") == true)
            let line = ReportVerdict.line(young.report.statement)
            #expect(line.contains("credits NOT READ") && !line.contains("IN BALANCE") && !line.contains("OUT BY"))

            _ = try await scene.readHistory()
            let whole = try await scene.report()
            #expect(whole.state != .incomplete && whole.state != .clean, "\(whole.report.statement.gaps)")
            let paid = scene.night.world.allInvoices().filter { ($0.paidSeconds ?? .max) < ReportRunTests.cutOff }
            let amounts = Dictionary(grouping: paid, by: \.currency).mapValues { $0.map(\.amountPaid).reduce(0, +) }
            let purchases = whole.report.statement.purchases.filter { $0.atStripe != 0 }
            #expect(Dictionary(uniqueKeysWithValues: purchases.map { ($0.currency, $0.atStripe) }) == amounts)
            let missing = whole.report.items.filter { $0.item.kind == .missingLocally && $0.stripeStatus == "paid" }
            #expect(!missing.isEmpty)
            let period = "credits from the beginning to the cut-off"
            #expect(ReportSummary.lines(whole.report).contains { $0.contains(period) })
        }
    }

    @Test("nothing at Stripe and nothing in the tables is clean once that was read, and not before")
    func nothing() async throws {
        try await ReportScene.with(NightSetup(.empty)) { scene in
            _ = try await scene.night.run()
            #expect(try await scene.report().state == .incomplete)
            _ = try await scene.readHistory()
            let result = try await scene.report()
            #expect(result.state == .clean && result.exitCode == 0, "\(result.report.statement.gaps)")
        }
    }

    @Test("with a day in the job file it is read from there, and every first screen says so")
    func named() async throws {
        try await ReportScene.with(seed: 63) { scene in
            try await Self.forget(scene, before: Self.began)
            _ = try await scene.night.run()
            let without = try await scene.report()
            #expect(without.state == .incomplete)
            let result = try await scene.report(historyFrom: Self.day)
            #expect(result.state != .incomplete, "\(result.report.statement.gaps)")
            let words = "Stripe counts from \(Self.day), as the job file says (history_from)"
            #expect(ReportSummary.lines(result.report).contains { $0.contains(words) })
            let definition = scene.definition(historyFrom: Self.day)
            let messages = ReportMessages(result, definition: definition, when: .always)
            #expect(messages.slack.contains(words) && messages.html.contains(words))
            #expect(result.oneLine.contains(" · Stripe counts from \(Self.day)"))
            let file = try Data(contentsOf: URL(fileURLWithPath: result.directory + "/report.json"))
            let object = try JSONSerialization.jsonObject(with: file) as? [String: Any]
            let head = object?["report"] as? [String: Any]
            #expect(head?["history_from"] as? String == "\(Self.day)")
            let read = (head?["read_from"] as? [String: Any])?["credits"] as? String
            // A row may have been made just after that midnight, and its object just before.
            let hour = (Self.began - 3_600)...Self.began
            #expect(ISOTime.seconds(read ?? "").map { hour.contains($0) } == true, "\(read ?? "none")")
            #expect(try await scene.report(historyFrom: Self.day).isRepeated)

            // A cut-off of before that day states nothing.
            let early = try await scene.report(period: .asOf(Self.began), historyFrom: Self.day)
            #expect(early.state == .incomplete)
            let why = "history_from of the job file (\(Self.day)) is not before it"
            #expect(early.report.statement.gaps.contains { $0.contains(why) }, "\(early.report.statement.gaps)")
            #expect(ReportVerdict.line(early.report.statement).contains("credits NOT READ"))
        }
    }

    @Test("a row of before the day is read from, and the gap says why")
    func older() async throws {
        try await ReportScene.with(seed: 64) { scene in
            try await Self.forget(scene, before: Self.began)
            _ = try await scene.night.run()
            try await scene.run(
                """
                UPDATE task_credit_stripe_invoice SET created_at = to_timestamp(\(Self.began - 200 * 86_400))
                WHERE id = (SELECT min(id) FROM task_credit_stripe_invoice WHERE paid)
                """)
            let result = try await scene.report(historyFrom: Self.day)
            #expect(result.state == .incomplete)
            let gaps = result.report.statement.gaps
            let why = ", and rows of the table are older than history_from (\(Self.day)); read it with: trueup "
            #expect(gaps.count == 1 && gaps[0].contains(why + "backfill "), "\(gaps)")
            let words = "as a row of the table is older than the job file says (history_from \(Self.day))"
            #expect(ReportSummary.lines(result.report).contains { $0.contains(words) })
            _ = try await scene.readHistory()
            #expect(try await scene.report(historyFrom: Self.day).state != .incomplete)
        }
    }
}
