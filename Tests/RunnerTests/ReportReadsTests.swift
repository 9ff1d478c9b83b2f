import Reconciliation
import Reports
import Runner
import Testing

/// What a report says of what was read, held against what the runs say.
@Suite("What reports say was read")
struct ReportReadsTests {
    @Test("the controls have both sides of every run, with the run's own figures, and every table that is summed")
    func reads() async throws {
        try await ReportScene.with(seed: 51) { scene in
            let night = try await scene.night.run()
            _ = try await scene.readHistory()
            let reads = try await scene.report().report.statement.reads
            func read(_ name: String) throws -> StatementRead {
                try #require(reads.first { $0.name == name }, "\(name)")
            }
            let stripe = try read("Stripe, \(Night.job), run \(night.run.id)")
            #expect(stripe.rows == night.outcome.stripeObjects && stripe.pages > 0)
            #expect(stripe.counted.contains("\(Money.grouped(stripe.rows)) invoices of task_health"), "\(stripe)")
            let local = try read("Tables, \(Night.job), run \(night.run.id)")
            #expect(local.rows == night.outcome.localRows && local.counted.contains("task_credit_stripe_invoice"))
            for table in ["task_credit_reservation", "task_credit_adjustment", "task_credit_agency_balance"] {
                let rows = try await scene.night.number("SELECT count(*)::integer FROM \(table)")
                #expect(try read("Statement, table public.\(table)").rows == Int64(rows))
            }
        }
    }

    @Test("a statement of a time that no run of it looked back to has no match rate")
    func past() async throws {
        try await ReportScene.with(seed: 52) { scene in
            try await scene.readAll()
            // As `trueup backfill` calls it: what it read long ago is history, and no night that a report rests on.
            try await scene.run(
                "UPDATE trueup.run SET trigger = 'backfill' WHERE id = (SELECT max(id) FROM trueup.run)")
            let before = ReportRunTests.cutOff - scene.night.setup.lookBackSeconds - 20 * 86_400
            let past = try await scene.report(period: .asOf(before))
            #expect(past.report.statement.matchRate.per10000 == nil && !past.report.statement.controls.isEmpty)
            let line = try #require(ReportSummary.lines(past.report).first { $0.hasPrefix("Matched") })
            #expect(line.contains("not known: no run"), "\(line)")
            let now = try await scene.report()
            #expect(now.report.statement.matchRate.per10000 != nil)
        }
    }
}
