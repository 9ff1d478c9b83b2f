import Jobs
import PostgreSQL
import Runner
import Schedule
import Store
import Support
import Testing

/// What the status page, `trueup jobs` and the metrics say of one job.
@Suite("How a job stands")
struct JobStandingTests {
    private static let job = JobDefinition(
        name: "nightly",
        kind: .reconcile(
            ReconcileJob(accounts: ["task_health"], table: TableContract(name: "orders", columns: [.id: "id"]))))

    private static func standing(_ pool: Pool, of job: JobDefinition = job) async throws -> JobStanding {
        JobStanding(job, try await KnownJobs.read([job.name], pool: pool))
    }

    private static func insert(
        _ state: String, trigger: String = "manual", problem: String? = nil, isPlan: Bool = false, _ pool: Pool
    ) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id, ended_at, problems)
                VALUES ('nightly', $1, $2, $3, 0, 1, '', '', '', '', 1, CASE WHEN $3 <> 'running' THEN now() END,
                    array_remove(ARRAY[$4::text], NULL))
                """, trigger, isPlan, state, problem)
        }
    }

    private static func run(_ sql: String, _ pool: Pool) async throws {
        try await pool.withConnection { try await $0.run(script: sql) }
    }

    /// Two open differences, and one finding for information.
    private static let findings = """
        INSERT INTO trueup.finding (job, kind, account, stripe_id, action, explanation, facts, first_run_id,
            last_run_id)
        SELECT 'nightly', kind, 'task_health', 'in_' || g, action, 'x', '{}', r.id, r.id
        FROM (VALUES (1, 'missed_paid', 'apply'), (2, 'amount_mismatch', 'review'), (3, 'overdue', 'inform'))
            k (g, kind, action), (SELECT max(id) AS id FROM trueup.run) r
        """

    @Test("a job that has left differences open is not ok; what only informs, and what was accepted, waits for nobody")
    func open() async throws {
        let pool = try await TestServer.pool()
        let new = try await Self.standing(pool)
        #expect(new.last == nil && new.health.state == .neverRan && new.health.mark == .warning)
        try await Self.insert("drift", pool)
        try await Self.run(Self.findings, pool)
        let open = try await Self.standing(pool)
        #expect(open.open == OpenFindings(open: 2, information: 1))
        #expect(open.health.state == .waiting && open.health.word == "2 differences are open")
        let list = "trueup findings list --job nightly"
        #expect(open.health.advice.description == "WAITING: 2 differences are open: \(list)")
        #expect(open.health.advice.text { $0.words + " --jobs x" }.hasSuffix("\(list) --jobs x"))
        try await Self.run("UPDATE trueup.finding SET state = 'accepted' WHERE kind = 'amount_mismatch'", pool)
        #expect(try await Self.standing(pool).health.word == "1 difference is open")
        try await Self.run("UPDATE trueup.finding SET state = 'accepted' WHERE kind = 'missed_paid'", pool)
        let settled = try await Self.standing(pool)
        #expect(settled.health.state == .ok && settled.health.advice.description == "ok")
        #expect(settled.open == OpenFindings(open: 0, information: 1))
        await pool.close()
    }

    @Test("its last run is the last of its own, in the metrics as well: no plan, no backfill, nothing that was applied")
    func last() async throws {
        let pool = try await TestServer.pool()
        try await Self.insert("failed", problem: "no key", pool)
        for trigger in ["backfill", "apply", "revert"] { try await Self.insert("clean", trigger: trigger, pool) }
        try await Self.insert("clean", isPlan: true, pool)
        let failed = try await Self.standing(pool)
        #expect(failed.run?.id == 1 && failed.last?.name == "run 1" && failed.last?.state == "failed")
        #expect(failed.last?.text == "failed, run 1 (by hand or cron)")
        #expect(failed.health.state == .failing && failed.health.word == "failed")
        #expect(failed.health.advice.description == "FAILING: run 1 is failed: no key")
        #expect(try await Figures.read(pool: pool).lastRuns.map(\.state) == ["failed"])
        // One whose process was killed: nobody holds the job's lock.
        try await Self.insert("running", pool)
        let killed = try await Self.standing(pool)
        #expect(killed.last?.state == "interrupted" && killed.health.word == "stopped before its end")
        #expect(try await Figures.read(pool: pool).lastRuns.map(\.state) == ["interrupted"])
        try await Self.insert("incomplete", problem: "window 3\nwas not read", pool)
        #expect(try await Self.standing(pool).health.word == "incomplete")
        try await Self.insert("repaired", trigger: "schedule", pool)
        let well = try await Self.standing(pool)
        #expect(well.health.state == .ok && well.health.mark == .good && well.last?.text == "repaired, run 8")
        await pool.close()
    }

    @Test("a plan that waits is said with what is open, until it is applied")
    func waits() async throws {
        let pool = try await TestServer.pool()
        try await Self.insert("drift", problem: "a plan waits", pool)
        let alone = try await Self.standing(pool)
        #expect(alone.health.word == "waits for a person" && alone.health.state == .waiting)
        #expect(alone.health.advice.description == "WAITING: a plan waits")
        try await Self.run(Self.findings, pool)
        let both = try await Self.standing(pool).health.advice.description
        #expect(both == "WAITING: 2 differences are open (trueup findings list --job nightly); a plan waits")
        try await Self.insert("repaired", trigger: "apply", pool)
        let applied = try await Self.standing(pool).health.advice.description
        #expect(applied == "WAITING: 2 differences are open: trueup findings list --job nightly")
        await pool.close()
    }

    @Test("a job that nobody started in time is late, by a scheduler's book and by its last run, unless it is paused")
    func late() async throws {
        let pool = try await TestServer.pool()
        var job = Self.job
        job.expression = try CronExpression("* * * * *")
        try await Self.insert("clean", pool)
        try await Self.run("UPDATE trueup.run SET started_at = now() - interval '3 hours'", pool)
        let byHand = try await Self.standing(pool, of: job)
        // A minute's job is due again before it can be late by more: only what came due so long ago counts.
        #expect(byHand.health.state == .ok && byHand.behindSeconds == 0)
        try await Self.run(
            """
            INSERT INTO trueup.job_state (job, definition_hash, schedule, last_nominal)
            VALUES ('nightly', '', '', now() - interval '3 hours')
            """, pool)
        let known = try await Self.standing(pool, of: job)
        #expect(known.health.state == .late && known.health.word == "late by 2 h" && known.health.mark == .bad)
        #expect((10_500...10_800).contains(known.behindSeconds))
        let nightly = KnownJob(job: "nightly", definitionHash: "", schedule: "")
        #expect(try await Occurrences(pool: pool).pause(nightly, by: "ann"))
        let paused = try await Self.standing(pool, of: job)
        #expect(paused.health.state == .paused && paused.health.word == "paused by ann" && paused.behindSeconds == 0)
        await pool.close()
    }
}
