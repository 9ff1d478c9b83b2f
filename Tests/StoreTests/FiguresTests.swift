import PostgreSQL
import Store
import Support
import Testing

@Suite("Figures of all runs")
struct FiguresTests {
    private static func insert(
        _ job: String, _ state: String, trigger: String = "manual", isEnded: Bool, on pool: Pool
    ) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id, started_at, ended_at, requests,
                    stripe_objects)
                VALUES ($1, $4, false, $2, 0, 1, '', '', '', '', 1, now() - interval '10 s',
                    CASE WHEN $3::boolean THEN now() END, 5, 400)
                """, job, state, isEnded, trigger)
        }
    }

    private static func value(_ counts: [Figures.Count], _ words: String...) -> Double? {
        counts.first { Set(words).isSubset(of: Set($0.labels.map(\.value))) }?.value
    }

    @Test("runs are counted as they stand: one without a process is interrupted")
    func runs() async throws {
        let target = try await TestServer.database()
        let pool = Pool(target, size: 4, applicationName: "tests")
        try await Self.insert("a", "clean", isEnded: true, on: pool)
        try await Self.insert("a", "running", isEnded: false, on: pool)
        try await Self.insert("b", "running", isEnded: false, on: pool)
        let lock = try #require(try await JobLock.take(job: "b", target: target))
        #expect(try await JobLock.held(of: ["a", "b"], pool: pool) == ["b"])
        let figures = try await Figures.read(pool: pool)
        #expect(Self.value(figures.runs, "a", "clean") == 1)
        #expect(Self.value(figures.runs, "a", "interrupted") == 1)
        #expect(Self.value(figures.runs, "b", "running") == 1)
        #expect(Self.value(figures.requests, "a") == 10)
        #expect(Self.value(figures.runSeconds, "a") == 10)
        #expect(Self.value(figures.runsEnded, "a") == 1)
        #expect(figures.lastRuns.map(\.job) == ["a"] && figures.lastRuns.map(\.state) == ["interrupted"])
        // Nobody knows when it was killed.
        #expect(figures.lastRuns.first?.endedSeconds == nil && figures.lastRuns.first?.seconds == nil)
        let last = try await Runs(pool: pool).lastEnded(of: ["a", "b"])
        #expect(last.mapValues(\.id) == ["a": 2] && last["a"]?.endedAt == nil)
        // A backfill, and what applies a plan, say nothing of how the night went.
        for trigger in ["backfill", "apply", "revert"] {
            try await Self.insert("a", "clean", trigger: trigger, isEnded: true, on: pool)
        }
        #expect(try await Figures.read(pool: pool).lastRuns.map(\.state) == ["interrupted"])
        #expect(try await Runs(pool: pool).lastEnded(of: ["a"])["a"]?.id == 2)
        await lock.release()
        #expect(try await JobLock.held(of: ["a", "b"], pool: pool).isEmpty)
        #expect(Self.value(try await Figures.read(pool: pool).runs, "b", "interrupted") == 1)
        await pool.close()
    }

    @Test("a report is a run of its job: its last one, its last complete one, and how many there were")
    func reports() async throws {
        let target = try await TestServer.database()
        let pool = Pool(target, size: 4, applicationName: "tests")
        let attempts = ReportAttempts(pool: pool)
        let origin = RunOrigin(trigger: .schedule, requestedBy: "", host: "", processID: 1, programVersion: "")
        func made(_ state: String, isOwn: Bool, daysAgo: Int) async throws {
            let id = try await attempts.begin(job: "r", isOwn: isOwn, origin: origin)
            try await pool.withConnection { connection in
                _ = try await connection.execute(
                    """
                    UPDATE trueup.report_attempt SET state = $2, report_id = $1, cut_off_seconds = 0, open_items = 3,
                        started_at = now() - make_interval(days => $3::integer, secs => 4),
                        ended_at = now() - make_interval(days => $3::integer)
                    WHERE id = $1
                    """, id, state, Int64(daysAgo))
            }
        }
        try await made("explained", isOwn: true, daysAgo: 3)
        try await made("incomplete", isOwn: true, daysAgo: 2)
        try await made("clean", isOwn: false, daysAgo: 1)
        let figures = try await Figures.read(pool: pool)
        #expect(figures.lastRuns.map(\.job) == ["r"] && figures.lastRuns.map(\.state) == ["incomplete"])
        #expect(figures.lastRuns.first?.seconds == 4)
        let now = try await pool.withConnection {
            try await $0.query("SELECT extract(epoch FROM now())::double precision AS now")[0]["now"] as Double
        }
        let complete = try #require(Self.value(figures.lastComplete, "r"))
        #expect(abs(now - complete - 3 * 86_400) < 3_700)
        #expect(Self.value(figures.runs, "r", "explained", "schedule", "false") == 1)
        #expect(Self.value(figures.runsEnded, "r") == 3 && Self.value(figures.runSeconds, "r") == 12)

        // One that fails keeps why. It does not hide a report of the same cut-off, and does where there is none.
        func standing() async throws -> ReportStanding {
            try #require(try await attempts.standings(of: ["r", "s"])["r"])
        }
        func last() async throws -> String? { try await Figures.read(pool: pool).lastRuns.first?.state }
        try await attempts.record(failure: "no disk", job: "r", isOwn: true, cutOffSeconds: 0, origin: origin)
        let copied = try await standing()
        #expect(copied.last?.state == .incomplete && copied.since?.problem == "no disk" && copied.previous == nil)
        #expect(try await last() == "incomplete")
        try await attempts.record(failure: "no key", job: "r", isOwn: true, cutOffSeconds: 86_400, origin: origin)
        let failed = try await standing()
        #expect(failed.last?.state == .failed && failed.last?.problem == "no key" && failed.last?.reportID == nil)
        #expect(failed.since == nil && failed.previous?.state == .incomplete)
        #expect(try await last() == "failed")

        // One without a process is interrupted, and with one it runs.
        let killed = try await attempts.begin(job: "r", isOwn: true, origin: origin)
        #expect(Self.value(try await Figures.read(pool: pool).runs, "r", "interrupted") == 1)
        let dead = try await standing().last
        #expect(dead?.id == killed && dead?.isKilled == true)
        #expect(try await last() == "interrupted")
        let lock = try #require(try await JobLock.take(job: JobLock.reportPrefix + "r", target: target))
        #expect(Self.value(try await Figures.read(pool: pool).runs, "r", "running") == 1)
        let before = try await standing().last
        #expect(before?.state == .failed)
        #expect(try await last() == "failed")
        #expect(try await attempts.latest(limit: 2).map(\.state.rawValue) == ["running", "failed"])
        // Whoever begins the next one holds the lock: it is no sign of life of the one before.
        _ = try await attempts.begin(job: "r", isOwn: true, origin: origin)
        #expect(try await attempts.latest(limit: 2).map(\.state.rawValue) == ["running", "interrupted"])
        let swept = try await standing().last
        #expect(swept?.id == killed && swept?.isKilled == true)
        await lock.release()
        await pool.close()
    }

    @Test("the progress of a reading is the part of its period, and its pace says how long the rest takes")
    func progress() async throws {
        let pool = try await TestServer.pool()
        try await Self.insert("a", "running", isEnded: false, on: pool)
        let none = try await pool.withConnection { try await ReadProgress.of(run: 1, on: $0) }
        #expect(none == nil)
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                INSERT INTO trueup.window (run_id, account, from_seconds, to_seconds, cursor_seconds, pages, objects,
                    is_done)
                VALUES (1, 'x', 0, 100, NULL, 4, 380, true), (1, 'x', 100, 200, 150, 1, 100, false)
                """)
        }
        let progress = try #require(try await pool.withConnection { try await ReadProgress.of(run: 1, on: $0) })
        #expect(progress.windows == 2 && progress.windowsDone == 1 && progress.objects == 480 && progress.pages == 5)
        #expect(progress.share == 0.75)
        #expect(progress.secondsLeft(elapsed: 30) == 10)
        #expect(progress.secondsLeft(elapsed: 5, since: 0.5) == 5)
        #expect(progress.secondsLeft(elapsed: 5, since: 0.75) == nil)
        await pool.close()
    }
}
