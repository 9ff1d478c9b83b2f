import PostgreSQL
import Schedule
import Store
import Support
import Testing

/// A database with jobs that are known, and occurrences of them.
struct OccurrenceScene {
    let pool: Pool
    let occurrences: Occurrences

    init(size: Int = 8) async throws {
        pool = try await TestServer.pool(size: size)
        occurrences = Occurrences(pool: pool)
    }

    func learn(_ jobs: String...) async throws {
        _ = try await occurrences.learn(jobs.map { KnownJob(job: $0, definitionHash: "h", schedule: "0 * * * * UTC") })
    }

    /// An occurrence that was due so many seconds ago.
    func due(
        _ job: String, ago seconds: Int64 = 0, deadline: Int64 = 3600, reason: NotRunReason? = nil,
        mayQueue: Bool = false, attempts: Int = 3, backoff: Int64 = 0, after: [NewOccurrence.Awaited] = []
    ) async throws -> NewOccurrence {
        let at = try await occurrences.nowSeconds() - seconds
        let planned = PlannedOccurrence(
            nominalSeconds: at, window: OccurrenceWindow(fromSeconds: at - 3600, toSeconds: at), notBeforeSeconds: at,
            startBeforeSeconds: at + deadline, isCatchUp: false, reason: reason)
        return NewOccurrence(
            job: job, definitionHash: "h", planned: planned, attemptsMax: attempts, backoffSeconds: backoff,
            mayQueue: mayQueue, after: after)
    }

    @discardableResult
    func insert(_ new: NewOccurrence...) async throws -> [Occurrence] {
        try await occurrences.insert(new, dealtWith: [:])
    }

    /// Changes what is known of all jobs.
    func set(_ assignments: String) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute("UPDATE trueup.job_state SET \(assignments)")
        }
    }

    /// Lets the pauses that last have begun so long ago: `1 hour`.
    func pausedSince(_ interval: String) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                "UPDATE trueup.pause SET paused_at = now() - $1::text::interval WHERE resumed_at IS NULL", interval)
        }
    }

    /// A pause that has ended, from so many seconds ago to so many.
    func wasPaused(_ job: String, from: Int64, to: Int64) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                INSERT INTO trueup.pause (job, paused_by, paused_at, resumed_at)
                VALUES ($1, 'ada', now() - $2 * interval '1 second', now() - $3 * interval '1 second')
                """, job, from, to)
        }
    }

    func claim(_ owner: String, _ jobs: [String], lease: Double = 60) async throws -> Lease? {
        try await occurrences.claim(for: owner, jobs: jobs, leaseSeconds: lease, limit: 1).first
    }

    func now(_ lease: Lease) async throws -> Occurrence? {
        try await occurrences.occurrence(of: lease.job, atSeconds: lease.occurrence.scheduledSeconds)
    }

    func close() async { await pool.close() }
}

@Suite("Occurrences in the database")
struct OccurrencesTests {
    @Test("a job that is new, or whose schedule changed, begins now")
    func learn() async throws {
        let scene = try await OccurrenceScene()
        let now = try await scene.occurrences.nowSeconds()
        let first = KnownJob(job: "a", definitionHash: "1", schedule: "0 1 * * * UTC")
        let states = try await scene.occurrences.learn([first])
        #expect((states["a"]?.lastNominalSeconds ?? 0) >= now)
        try await scene.pool.withConnection {
            _ = try await $0.execute("UPDATE trueup.job_state SET last_nominal = to_timestamp(1000)")
        }
        let sameTimes = KnownJob(job: "a", definitionHash: "2", schedule: "0 1 * * * UTC")
        #expect(try await scene.occurrences.learn([sameTimes])["a"]?.lastNominalSeconds == 1000)
        let changed = KnownJob(job: "a", definitionHash: "3", schedule: "0 2 * * * UTC")
        #expect((try await scene.occurrences.learn([changed])["a"]?.lastNominalSeconds ?? 0) >= now)
        await scene.close()
    }

    @Test("two schedulers that insert the same nominal times make one row of each")
    func insertTwice() async throws {
        let scene = try await OccurrenceScene()
        let jobs = (0..<20).map { "job-\($0)" }
        _ = try await scene.occurrences.learn(jobs.map { KnownJob(job: $0, definitionHash: "h", schedule: "s") })
        var made: [NewOccurrence] = []
        for job in jobs { made.append(try await scene.due(job, ago: 10)) }
        let new = made
        let inserted = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<8 {
                group.addTask {
                    var random = Seeded(UInt64(index))
                    return try await scene.occurrences.insert(new.shuffled(using: &random), dealtWith: [:]).count
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(inserted == jobs.count)
        #expect(try await scene.occurrences.latest(limit: 100).count == jobs.count)
        await scene.close()
    }

    @Test("what does not run is a row with its reason")
    func reasons() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a", "b")
        #expect(
            try await scene.occurrences.pause(
                KnownJob(job: "b", definitionHash: "h", schedule: "0 * * * * UTC"), by: "ada"))
        let rows = try await scene.insert(
            scene.due("a", ago: 7200, reason: .supersededByLatest), scene.due("b", ago: -1),
            scene.due("a", ago: 1))
        #expect(rows.map(\.state) == [.missed, .due, .skipped])
        #expect(rows.map(\.reason) == ["superseded_by_latest", nil, "paused"])
        await scene.close()
    }

    @Test("a pause ends now: nothing of it is caught up with, and what was due before it is")
    func resume() async throws {
        let scene = try await OccurrenceScene()
        let job = KnownJob(job: "a", definitionHash: "h", schedule: "0 * * * * UTC")
        #expect(try await scene.occurrences.pause(job, by: "ada"))
        #expect(try await !scene.occurrences.pause(job, by: "bob"))
        #expect(try await scene.occurrences.states(of: ["a"])["a"]?.pausedBy == "ada")
        try await scene.pausedSince("1 hour")
        try await scene.set("last_nominal = now() - interval '30 minutes'")
        let now = try await scene.occurrences.nowSeconds()
        #expect(try await scene.occurrences.resume(job))
        #expect(try await !scene.occurrences.resume(job))
        #expect((try await scene.occurrences.states(of: ["a"])["a"]?.lastNominalSeconds ?? 0) >= now)
        // Nobody has looked since before the pause.
        #expect(try await scene.occurrences.pause(job, by: "ada"))
        try await scene.pausedSince("1 hour")
        try await scene.set("last_nominal = to_timestamp(1000)")
        #expect(try await scene.occurrences.resume(job))
        #expect(try await scene.occurrences.states(of: ["a"])["a"]?.lastNominalSeconds == 1000)
        let rows = try await scene.insert(
            scene.due("a", ago: 7200, reason: .supersededByLatest), scene.due("a", ago: 3660),
            scene.due("a", ago: 3540), scene.due("a", ago: 60), scene.due("a", ago: -2))
        #expect(rows.map(\.state) == [.missed, .due, .skipped, .skipped, .due])
        #expect(rows.map(\.reason) == ["superseded_by_latest", nil, "paused", "paused", nil])
        await scene.close()
    }

    @Test("what was due before a pause is no part of it: it is held, and missed at its deadline")
    func dueBeforePause() async throws {
        let scene = try await OccurrenceScene()
        let job = KnownJob(job: "a", definitionHash: "h", schedule: "0 * * * * UTC")
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 90, deadline: 10), scene.due("a", ago: 80))
        #expect(try await scene.occurrences.pause(job, by: "ada"))
        try await scene.pausedSince("1 minute")
        let rows = try await scene.insert(scene.due("a", ago: 70), scene.due("a", ago: 30))
        #expect(rows.map(\.state) == [.due, .skipped])
        #expect(try await scene.claim("w", ["a"]) == nil)
        let changed = try await scene.occurrences.sweep()
        #expect(changed.map(\.reason) == ["past_deadline"])
        #expect(try await scene.occurrences.notRun(limit: 9).map(\.reason) == ["past_deadline"])
        #expect(try await scene.occurrences.resume(job))
        let lease = try #require(try await scene.claim("w", ["a"]))
        #expect(try await scene.occurrences.finish(lease, AttemptEnd(.done("clean")))?.state == .done)
        #expect(try await scene.claim("w", ["a"]) != nil)
        await scene.close()
    }

    @Test("what comes due in a pause is skipped, also where it was written before the pause began")
    func dueInPause() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 30))
        let job = KnownJob(job: "a", definitionHash: "h", schedule: "0 * * * * UTC")
        #expect(try await scene.occurrences.pause(job, by: "ada"))
        try await scene.pausedSince("1 minute")
        #expect(try await scene.occurrences.sweep().map(\.reason) == ["paused"])
        await scene.close()
    }

    @Test("several are taken in one transaction: of each job one, the oldest first, and by nobody else")
    func claimSeveral() async throws {
        let scene = try await OccurrenceScene()
        let jobs = (0..<7).map { "job-\($0)" }
        try await scene.learn("job-0", "job-1", "job-2", "job-3", "job-4", "job-5", "job-6")
        for (index, job) in jobs.enumerated() { try await scene.insert(scene.due(job, ago: 100 - Int64(index))) }
        try await scene.insert(scene.due("job-0", ago: 5, mayQueue: true))
        let first = try await scene.occurrences.claim(for: "v", jobs: jobs, leaseSeconds: 60, limit: 3)
        #expect(Set(first.map(\.job)) == ["job-0", "job-1", "job-2"])
        #expect(first.allSatisfy { $0.attempt == 1 && $0.owner == "v" && $0.occurrence.state == .running })
        let others = try await withThrowingTaskGroup(of: [Lease].self) { group in
            for worker in 0..<4 {
                group.addTask {
                    try await scene.occurrences.claim(for: "w\(worker)", jobs: jobs, leaseSeconds: 60, limit: 2)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(others.map(\.job).sorted() == ["job-3", "job-4", "job-5", "job-6"])
        #expect(try await scene.occurrences.claim(for: "x", jobs: jobs, leaseSeconds: 60, limit: 9).isEmpty)
        await scene.close()
    }

    @Test("an occurrence that nobody started before its deadline is missed")
    func deadline() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 100, deadline: 50))
        #expect(try await scene.claim("w", ["a"]) == nil)
        let changed = try await scene.occurrences.sweep()
        #expect(changed.map(\.state) == [.missed])
        #expect(changed.map(\.reason) == ["past_deadline"])
        await scene.close()
    }

    @Test("while one runs, the next one is skipped, or waits where the job says queue", arguments: [false, true])
    func overlap(_ mayQueue: Bool) async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 30, mayQueue: mayQueue))
        let lease = try #require(try await scene.claim("w", ["a"]))
        try await scene.insert(scene.due("a", ago: 5, mayQueue: mayQueue))
        #expect(try await scene.claim("w", ["a"]) == nil)
        let changed = try await scene.occurrences.sweep()
        #expect(changed.map(\.reason) == (mayQueue ? [] : ["overlap"]))
        #expect(try await scene.occurrences.finish(lease, AttemptEnd(.done("clean")))?.state == .done)
        #expect((try await scene.claim("w", ["a"]) != nil) == mayQueue)
        await scene.close()
    }

    @Test("a job waits for those it comes after, and knows when one of them failed", arguments: [true, false])
    func after(_ isGood: Bool) async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a", "b", "report")
        let (a, b) = (try await scene.due("a", ago: 20, attempts: 1), try await scene.due("b", ago: 10, attempts: 1))
        let awaited = [a, b].map {
            NewOccurrence.Awaited(job: $0.job, scheduledSeconds: $0.planned.nominalSeconds)
        }
        let rows = try await scene.insert(a, b, scene.due("report", after: awaited))
        #expect(rows.map(\.state) == [.due, .due, .waiting])
        let first = try #require(try await scene.claim("w", ["a"]))
        #expect(try await scene.occurrences.finish(first, AttemptEnd(.done("repaired")))?.state == .done)
        #expect(try await scene.occurrences.sweep().isEmpty)
        #expect(try await scene.claim("w", ["report"]) == nil)
        let second = try #require(try await scene.claim("w", ["b"]))
        let end: AttemptEnd = isGood ? AttemptEnd(.done("drift")) : AttemptEnd(.failed("error"), detail: "no key")
        _ = try await scene.occurrences.finish(second, end)
        let changed = try await scene.occurrences.sweep()
        #expect(changed.map(\.job) == ["report"])
        let report = try #require(try await scene.claim("w", ["report"]))
        #expect(report.occurrence.isIncomplete == !isGood)
        #expect(report.occurrence.detail == (isGood ? nil : "b: error"))
        await scene.close()
    }

    @Test("a job does not start while one that it comes after runs for an earlier time, nor before its next attempt")
    func afterOneThatStillRuns() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a", "report")
        try await scene.insert(scene.due("a", ago: 60))
        let running = try #require(try await scene.claim("w", ["a"]))
        let a = try await scene.due("a", ago: 5)
        let awaited = NewOccurrence.Awaited(job: "a", scheduledSeconds: a.planned.nominalSeconds)
        try await scene.insert(a, scene.due("report", after: [awaited]))
        #expect(try await scene.occurrences.sweep().map(\.reason) == ["overlap"])
        #expect(try await scene.occurrences.sweep().isEmpty)
        _ = try await scene.occurrences.finish(running, AttemptEnd(.failed("error")))
        #expect(try await scene.occurrences.sweep().isEmpty)
        #expect(try await scene.occurrences.retrying(of: ["a", "report"]).keys.sorted() == ["a"])
        let again = try #require(try await scene.claim("w", ["a"]))
        #expect(try await scene.occurrences.sweep().isEmpty)
        _ = try await scene.occurrences.finish(again, AttemptEnd(.done("clean")))
        #expect(try await scene.occurrences.sweep().map(\.job) == ["report"])
        #expect(try await scene.occurrences.retrying(of: ["a", "report"]).isEmpty)
        await scene.close()
    }
}
