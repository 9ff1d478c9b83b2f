import PostgreSQL
import Store
import Support
import Testing

@Suite("Figures of all runs")
struct FiguresTests {
    private static func insert(_ job: String, _ state: String, isEnded: Bool, on pool: Pool) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id, started_at, ended_at, requests,
                    stripe_objects)
                VALUES ($1, 'manual', false, $2, 0, 1, '', '', '', '', 1, now() - interval '10 s',
                    CASE WHEN $3::boolean THEN now() END, 5, 400)
                """, job, state, isEnded)
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
        #expect(figures.lastRuns.map(\.job) == ["a"])
        await lock.release()
        #expect(try await JobLock.held(of: ["a", "b"], pool: pool).isEmpty)
        #expect(Self.value(try await Figures.read(pool: pool).runs, "b", "interrupted") == 1)
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
