import PostgreSQL
import Schedule
import Store
import Support
import Testing

@Suite("Pauses of jobs")
struct PauseTests {
    private static let job = KnownJob(job: "a", definitionHash: "h", schedule: "0 * * * * UTC")

    @Test("what came due in either of two pauses is skipped, and nothing else is, whoever was away meanwhile")
    func two() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a", "b")
        try await scene.set("last_nominal = to_timestamp(1000)")
        try await scene.wasPaused("a", from: 9_000, to: 8_000)
        #expect(try await scene.occurrences.pause(Self.job, by: "bob"))
        try await scene.pausedSince("5000 seconds")
        #expect(try await scene.occurrences.resume(Self.job))
        #expect(try await scene.occurrences.states(of: ["a"])["a"]?.lastNominalSeconds == 1_000)
        let rows = try await scene.insert(
            scene.due("a", ago: 9_500, reason: .supersededByLatest), scene.due("a", ago: 8_500),
            scene.due("a", ago: 8_400, reason: .supersededByLatest), scene.due("a", ago: 6_000),
            scene.due("a", ago: 2_000), scene.due("a", ago: -2), scene.due("b", ago: 8_500))
        let expected = ["superseded_by_latest", "paused", "paused", nil, "paused", nil, nil]
        #expect(rows.map(\.reason) == expected)
        #expect(rows.map(\.state) == [.missed, .skipped, .skipped, .due, .skipped, .due, .due])
        #expect(try await scene.occurrences.notRun(limit: 9).count == 1)
        await scene.close()
    }

    @Test("every pause is kept with who paused; one lasts at a time, also after several")
    func kept() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.wasPaused("a", from: 9_000, to: 8_000)
        #expect(try await scene.occurrences.pause(Self.job, by: "bob"))
        #expect(try await !scene.occurrences.pause(Self.job, by: "eve"))
        let state = try #require(try await scene.occurrences.states(of: ["a"])["a"])
        #expect(state.isPaused && state.pausedBy == "bob")
        try await scene.insert(scene.due("a", ago: 30))
        #expect(try await scene.claim("w", ["a"]) == nil)
        #expect(try await scene.occurrences.resume(Self.job))
        #expect(try await scene.occurrences.states(of: ["a"])["a"]?.isPaused == false)
        #expect(try await scene.claim("w", ["a"]) != nil)
        let now = try await scene.occurrences.nowSeconds()
        let all = try await scene.occurrences.pauses(since: ["a": 0, "b": 0])
        #expect(all.keys.sorted() == ["a"] && all["a"]?.count == 2)
        #expect(all["a"]?.first?.toSeconds.map { $0 <= now - 7_900 } == true)
        #expect(try await scene.occurrences.pauses(since: ["a": now - 7_000])["a"]?.count == 1)
        await scene.close()
    }

    @Test("the pauses that an earlier version kept in columns are rows: one that had ended, and one that lasts")
    func migrated() async throws {
        let target = try await TestServer.emptyDatabase()
        let connection = try await Connection.open(target, applicationName: "tests")
        let before = Migration.trueup.prefix { $0.name != "pause_rows" }
        _ = try await Migrator.migrate(connection, migrations: Array(before))
        try await connection.run(
            script: """
                INSERT INTO trueup.job_state (job, definition_hash, schedule, last_nominal, paused_at, paused_by,
                    last_pause_from, last_pause_to)
                SELECT job, 'h', '0 * * * * UTC', to_timestamp(1000), to_timestamp(p), CASE WHEN p > 0 THEN 'ada' END,
                    to_timestamp(f), to_timestamp(t)
                FROM (VALUES ('ended', NULL, 2000, 3000), ('lasts', 4000, 2000, 3000), ('never', NULL, NULL, NULL))
                    AS old (job, p, f, t)
                """)
        #expect(try await Migrator.migrate(connection).contains("0033_pause_rows"))
        await connection.close()
        let pool = Pool(target, size: 2, applicationName: "tests")
        let occurrences = Occurrences(pool: pool)
        let states = try await occurrences.states(of: ["ended", "lasts", "never"])
        #expect(states["lasts"]?.pausedBy == "ada" && states["lasts"]?.pausedAt?.seconds == 4_000)
        #expect(states["ended"]?.isPaused == false && states["never"]?.isPaused == false)
        var new: [NewOccurrence] = []
        for job in ["ended", "lasts", "never"] {
            for at in [1_500, 2_500, 3_500, 4_500] as [Int64] { new.append(Self.due(job, at: at)) }
        }
        let rows = try await occurrences.insert(new, dealtWith: [:])
        let paused = rows.filter { $0.reason == "paused" }.map { "\($0.job) \($0.scheduledSeconds)" }
        #expect(paused == ["ended 2500", "lasts 2500", "lasts 4500"])
        let job = KnownJob(job: "lasts", definitionHash: "h", schedule: "0 * * * * UTC")
        #expect(try await !occurrences.pause(job, by: "eve"))
        #expect(try await occurrences.resume(job))
        // Nobody had looked since before both pauses.
        #expect(try await occurrences.states(of: ["lasts"])["lasts"]?.lastNominalSeconds == 1_000)
        #expect(try await occurrences.pauses(since: ["lasts": 0])["lasts"]?.count == 2)
        await pool.close()
    }

    private static func due(_ job: String, at seconds: Int64) -> NewOccurrence {
        let planned = PlannedOccurrence(
            nominalSeconds: seconds, window: OccurrenceWindow(fromSeconds: seconds - 60, toSeconds: seconds),
            notBeforeSeconds: seconds, startBeforeSeconds: seconds + 60)
        return NewOccurrence(job: job, definitionHash: "h", planned: planned)
    }
}
