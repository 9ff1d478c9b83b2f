import PostgreSQL
import Reconciliation
import Schedule
import Store
import Support
import Testing

@Suite("Leases of occurrences")
struct LeaseTests {
    @Test("many workers at once take each occurrence exactly once, and one of a job at a time")
    func claimOnce() async throws {
        let scene = try await OccurrenceScene(size: 12)
        let jobs = (0..<10).map { "job-\($0)" }
        _ = try await scene.occurrences.learn(jobs.map { KnownJob(job: $0, definitionHash: "h", schedule: "s") })
        for job in jobs {
            for ago in 1...6 as ClosedRange<Int64> {
                try await scene.insert(scene.due(job, ago: ago * 10, mayQueue: true))
            }
        }
        let taken = try await withThrowingTaskGroup(of: [Lease].self) { group in
            for index in 0..<12 {
                group.addTask {
                    var taken: [Lease] = []
                    var empty = 0
                    while empty < 20 {
                        guard let lease = try await scene.claim("w\(index)", jobs) else {
                            empty += 1
                            try await Task.sleep(for: .milliseconds(5))
                            continue
                        }
                        taken.append(lease)
                        #expect(try await scene.occurrences.extend(lease, leaseSeconds: 60))
                        #expect(try await scene.occurrences.finish(lease, AttemptEnd(.done("clean"))) != nil)
                    }
                    return taken
                }
            }
            return try await group.reduce([], +)
        }
        #expect(taken.count == 60)
        #expect(Set(taken.map { "\($0.job) \($0.occurrence.scheduledSeconds)" }).count == 60)
        #expect(taken.allSatisfy { $0.attempt == 1 })
        for job in jobs {
            let order = taken.filter { $0.job == job }.sorted {
                ($0.occurrence.startedAt ?? .negativeInfinity) < ($1.occurrence.startedAt ?? .negativeInfinity)
            }
            #expect(order.map(\.occurrence.scheduledSeconds) == order.map(\.occurrence.scheduledSeconds).sorted())
        }
        await scene.close()
    }

    @Test("a worker that was thought dead writes nothing")
    func fenced() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 5))
        let stale = try #require(try await scene.claim("frozen", ["a"], lease: 0.05))
        try await Task.sleep(for: .milliseconds(120))
        #expect(try await scene.occurrences.sweep().map(\.reason) == ["lease_lost"])
        // Between the two nobody holds it.
        #expect(try await !scene.occurrences.extend(stale, leaseSeconds: 60))
        let lease = try #require(try await scene.claim("other", ["a"]))
        #expect(lease.attempt == 2)
        let before = try await scene.now(lease)
        #expect(try await !scene.occurrences.extend(stale, leaseSeconds: 600))
        #expect(try await !scene.occurrences.note(runID: 1, of: stale))
        #expect(try await !scene.occurrences.release(stale, reason: "stopped"))
        #expect(try await scene.occurrences.finish(stale, AttemptEnd(.done("clean"))) == nil)
        #expect(try await scene.occurrences.finish(stale, AttemptEnd(.failed("error"))) == nil)
        await #expect(throws: LeaseLost(job: "a", attempt: 1)) {
            try await scene.pool.transaction { try await Occurrences.hold(stale, on: $0) }
        }
        // Nor does it begin a run or take one from anybody: it may have been frozen before it had one.
        let origin = RunOrigin(
            trigger: .schedule, requestedBy: "tests", host: "here", processID: 2, programVersion: "0")
        let runs = Runs(pool: scene.pool)
        await #expect(throws: LeaseLost(job: "a", attempt: 1)) {
            try await runs.begin(
                job: "a", definitionHash: "h", isPlan: false, period: Window(fromSeconds: 0, toSeconds: 1), lists: [:],
                origin: origin, lease: stale)
        }
        await #expect(throws: LeaseLost(job: "a", attempt: 1)) {
            try await runs.takeUnfinished(
                job: "a", definitionHash: "h", isPlan: false, origin: origin, lease: stale)
        }
        #expect(try await runs.latest(limit: 10).isEmpty)
        #expect(try await scene.now(lease) == before)
        try await scene.pool.transaction { try await Occurrences.hold(lease, on: $0) }
        #expect(try await scene.occurrences.finish(lease, AttemptEnd(.done("clean")))?.state == .done)
        await scene.close()
    }

    @Test(
        "the lock of a stale attempt is taken away, of a run or of a report, that of a person is not",
        arguments: ["a", JobLock.reportPrefix + "a"])
    func staleLock(_ name: String) async throws {
        let scene = try await OccurrenceScene()
        let target = scene.pool.target
        try await scene.learn("a", "ab")
        try await scene.insert(scene.due("a", ago: 5), scene.due("ab", ago: 5))
        let stale = try #require(try await scene.claim("frozen", ["a"], lease: 0.05))
        let other = try #require(try await scene.claim("well", ["ab"]))
        try await Task.sleep(for: .milliseconds(120))
        #expect(try await scene.occurrences.sweep().map(\.reason) == ["lease_lost"])
        let lease = try #require(try await scene.claim("next", ["a"]))
        let person = try #require(try await JobLock.take(job: name, target: target))
        #expect(try await StaleRun.endSessions(for: lease, pool: scene.pool) == 0)
        await person.release()
        let neighbour = try #require(try await JobLock.take(job: "ab", for: other, target: target))
        let frozen = try #require(try await JobLock.take(job: name, for: stale, target: target))
        #expect(try await JobLock.take(job: name, for: lease, target: target) == nil)
        await #expect(throws: LeaseLost(job: "a", attempt: 1)) {
            try await StaleRun.endSessions(for: stale, pool: scene.pool)
        }
        #expect(try await StaleRun.endSessions(for: lease, pool: scene.pool) == 1)
        var taken: JobLock?
        for _ in 0..<2_000 where taken == nil {
            taken = try await JobLock.take(job: name, for: lease, target: target)
            // The server lets go of a lock a moment after its session.
            if taken == nil { try await Task.sleep(for: .milliseconds(5)) }
        }
        await (try #require(taken)).release()
        #expect(try await JobLock.held(of: ["ab"], pool: scene.pool) == ["ab"])
        await neighbour.release()
        await frozen.release()
        await scene.close()
    }

    @Test("a transaction that holds its lease is not taken over in its middle")
    func hold() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 5))
        let lease = try #require(try await scene.claim("slow", ["a"], lease: 0.05))
        try await scene.pool.transaction { connection in
            try await Occurrences.hold(lease, on: connection)
            try await Task.sleep(for: .milliseconds(120))
            #expect(try await scene.occurrences.sweep().isEmpty)
        }
        #expect(try await scene.occurrences.sweep().map(\.reason) == ["lease_lost"])
        await scene.close()
    }

    @Test("a worker that dies each time comes to an end")
    func deadAgain() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 5, attempts: 3))
        for attempt in 1...3 {
            let lease = try #require(try await scene.claim("w\(attempt)", ["a"], lease: 0.01))
            #expect(lease.attempt == attempt)
            try await Task.sleep(for: .milliseconds(40))
            _ = try await scene.occurrences.sweep()
        }
        let last = try await scene.occurrences.latest(limit: 1)[0]
        #expect(last.state == .failed)
        #expect(last.reason == "lease_lost")
        #expect(try await scene.claim("w", ["a"]) == nil)
        await scene.close()
    }

    @Test("a failed attempt is due again after a pause that doubles, until none is left")
    func backoff() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 5, attempts: 3, backoff: 100))
        var pauses: [Int64] = []
        for _ in 1...3 {
            let lease = try #require(try await scene.claim("w", ["a"]))
            let now = try await scene.occurrences.nowSeconds()
            let left = try #require(
                try await scene.occurrences.finish(lease, AttemptEnd(.failed("error"), detail: "no route")))
            #expect(left.detail == "no route")
            guard left.state == .due else {
                #expect(left.state == .failed && left.failures == 3)
                break
            }
            pauses.append(left.notBeforeSeconds - now)
            #expect(try await scene.claim("w", ["a"]) == nil)
            try await scene.pool.withConnection {
                _ = try await $0.execute("UPDATE trueup.occurrence SET not_before = now()")
            }
        }
        #expect(pauses.count == 2)
        for (found, expected) in zip(pauses, [100, 200] as [Int64]) { #expect(abs(found - expected) <= 2) }
        await scene.close()
    }

    @Test("what is given back is not a failure, and the deadline does not end it")
    func release() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 5, deadline: 6, attempts: 1))
        let lease = try #require(try await scene.claim("w", ["a"]))
        #expect(try await scene.occurrences.release(lease, reason: "stopped"))
        try await Task.sleep(for: .milliseconds(1_100))
        #expect(try await scene.occurrences.sweep().isEmpty)
        let again = try #require(try await scene.claim("w", ["a"]))
        #expect(again.attempt == 2)
        #expect(again.occurrence.failures == 0)
        await scene.close()
    }

    @Test("an end whose answer was lost may be told again")
    func finishTwice() async throws {
        let scene = try await OccurrenceScene()
        try await scene.learn("a")
        try await scene.insert(scene.due("a", ago: 5))
        let lease = try #require(try await scene.claim("w", ["a"]))
        #expect(try await scene.occurrences.finish(lease, AttemptEnd(.done("clean")))?.state == .done)
        #expect(try await scene.occurrences.finish(lease, AttemptEnd(.done("clean")))?.state == .done)
        #expect(try await scene.occurrences.finish(lease, AttemptEnd(.failed("error"))) == nil)
        await scene.close()
    }

    @Test("workers come and go")
    func workers() async throws {
        let scene = try await OccurrenceScene()
        let workers = Workers(pool: scene.pool)
        let worker = Worker(name: "w", kind: .work, host: "h", processID: 7, programVersion: "1")
        try await workers.beat(worker, running: 0)
        try await workers.beat(worker, running: 2)
        #expect(try await workers.alive(withinSeconds: 60) == [worker])
        try await workers.leave(worker)
        #expect(try await workers.alive(withinSeconds: 60).isEmpty)
        await scene.close()
    }
}
