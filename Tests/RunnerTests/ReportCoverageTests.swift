import Jobs
import Reconciliation
import Reports
import Runner
import Store
import Testing

/// What a report is meant to cover, it reads, or it says that it did not.
@Suite("What a report covers")
struct ReportCoverageTests {
    @Test("a first report whose `after` leaves charges out says NOT READ of them, and how to name them")
    func chargesLeftOut() async throws {
        try await ReportScene.with(seed: 31) { scene in
            try await scene.readAll()
            let charges = scene.night.charges()
            let result = try await scene.report(others: [charges], after: [Night.job])
            #expect(result.state == .incomplete && result.exitCode == 3)
            let gaps = result.report.statement.gaps
            #expect(gaps.count == 1 && gaps[0].contains("agency-charges, medflyt"), "\(gaps)")
            #expect(gaps.first?.contains("name agency-charges in `after`") == true)
            let line = ReportVerdict.line(result.report.statement)
            #expect(line.hasPrefix("INCOMPLETE") && line.contains("charges NOT READ"))
            // Narrowed to the account of the credits it is whole, and says nothing of charges.
            let narrowed = try await scene.report(others: [charges], after: [Night.job], accounts: ["task_health"])
            #expect(narrowed.state == .explained, "\(narrowed.report.statement.gaps)")
            #expect(!ReportVerdict.line(narrowed.report.statement).contains("charges"))
        }
    }

    @Test("a first report that leaves out the job of the credits says NOT READ, never that they are unexplained")
    func creditsLeftOut() async throws {
        try await ReportScene.with(seed: 32) { scene in
            try await scene.readAll()
            let payments = scene.night.payments()
            let result = try await scene.report(others: [payments], after: [payments.name])
            #expect(result.state == .incomplete)
            #expect(result.report.statement.gaps.contains { $0.contains("credit-invoices, task_health") })
            let line = ReportVerdict.line(result.report.statement)
            #expect(line.hasPrefix("INCOMPLETE") && line.contains("credits NOT READ"))
            #expect(!line.contains("unexplained") && !line.contains("IN BALANCE"))
            // Narrowed to another account it states no credits at all.
            let narrowed = try await scene.report(others: [payments], after: [payments.name], accounts: ["medflyt"])
            #expect(narrowed.report.statement.agencies.isEmpty)
            #expect(!ReportVerdict.line(narrowed.report.statement).contains("credits"))
        }
    }

    @Test("a report whose `after` names a job that is not there is INCOMPLETE")
    func unknownJob() async throws {
        try await ReportScene.with(seed: 31) { scene in
            try await scene.readAll()
            let result = try await scene.report(after: [Night.job, "agency-charges"])
            let gaps = result.report.statement.gaps
            #expect(result.state == .incomplete && gaps.contains { $0.contains("agency-charges") }, "\(gaps)")
        }
    }

    @Test("open items of jobs that it leaves out are counted in words, those that its own jobs found, too, are not")
    func unstated() async throws {
        try await ReportScene.with(seed: 33) { scene in
            try await scene.readAll()
            try await scene.run(
                """
                INSERT INTO trueup.finding (job, comparison, kind, account, stripe_id, local_id, action, stripe_status,
                    local_state, explanation, facts, first_run_id, last_run_id)
                SELECT 'patient-payments', 'customers', kind, account, stripe_id || suffix, local_id, 'review',
                    'paid', '', 'Why.', '{}', first_run_id, last_run_id
                FROM (SELECT * FROM trueup.finding WHERE state = 'open' AND action <> 'ignore' ORDER BY id LIMIT 1) f
                    CROSS JOIN (VALUES (''), ('_other')) s (suffix)
                """)
            let result = try await scene.report()
            #expect(result.state == .explained)
            #expect(result.report.basis.unstated == ["patient-payments": 1])
        }
    }

    @Test(
        "a report on a run ends where all jobs of its night have read; one that read no later than the day before, not")
    func runOfTheNight() async throws {
        try await ReportScene.with(seed: 34) { scene in
            try await scene.readAll()
            let id = Int64(try await scene.night.number("SELECT min(id)::integer FROM trueup.run"))
            let run = try #require(try await Runs(pool: scene.night.pool).run(id: id))
            let notices = scene.night.notices()
            func other(before seconds: Int64) async throws -> ReportResult {
                try await scene.run(
                    """
                    INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                        definition_hash, program_version, requested_by, host, process_id, ended_at)
                    VALUES ('\(notices.name)', 'schedule', false, 'clean', 0, \(run.period.toSeconds - seconds),
                        'aa', '1', 'cron', 'host', 1, now());
                    """)
                return try await scene.report(period: .run(id), others: [notices])
            }
            let yesterday = try await other(before: 86_400)
            #expect(yesterday.state == .incomplete)
            #expect(yesterday.report.statement.cutOff.seconds == run.period.toSeconds)
            let tonight = try await other(before: 3_300)
            #expect(tonight.report.statement.cutOff.seconds == run.period.toSeconds - 3_300)
            #expect(tonight.state == .explained, "\(tonight.report.statement.gaps)")
            #expect(tonight.report.run.runs.contains { $0.id == id })
        }
    }
}
