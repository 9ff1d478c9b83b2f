import Jobs
import PostgreSQL
import Runner
import Store
import Stripe
import Support
import Synchronization
import Testing

@Suite("The worker's loop", .timeLimit(.minutes(3)))
struct WorkLoopTests {
    struct Trouble: Error, CustomStringConvertible {
        let description: String
    }

    private func row(_ scene: ScheduleScene, _ job: String) async throws -> Occurrence {
        try #require(try await scene.occurrences.latest(limit: 1, job: job).first)
    }

    @Test("it runs what is due and writes how it ended")
    func runs() async throws {
        let job = try ScheduleScene.job("a")
        let scene = try await ScheduleScene([job])
        try await scene.due(job)
        let loop = scene.loop { definition, lease in
            #expect(definition.name == "a" && lease.attempt == 1)
            return AttemptEnd(.done("repaired"))
        }
        let task = Task { await loop.run() }
        #expect(try await scene.wait(for: "a ended done repaired"))
        task.cancel()
        await task.value
        #expect(try await row(scene, "a").state == .done)
        #expect(try await Workers(pool: scene.pool).alive(withinSeconds: 60).isEmpty)
        await scene.close()
    }

    @Test("a place that becomes free is taken at once, not at the next look")
    func fullPlaces() async throws {
        let jobs = try (0..<20).map { try ScheduleScene.job("a\($0)") }
        let scene = try await ScheduleScene(jobs)
        for job in jobs { try await scene.due(job) }
        // The next look never comes by time.
        let standing = MonotonicClock(
            now: MonotonicClock.system.now,
            sleepUntil: { _ async throws(CancellationError) in
                while !Task.isCancelled { _ = try? await Task.sleep(for: .seconds(60)) }
                throw CancellationError()
            })
        let atOnce = Mutex((now: 0, most: 0))
        let loop = scene.loop(places: 3, clock: standing) { _, _ in
            atOnce.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
            try await Task.sleep(for: .milliseconds(20))
            atOnce.withLock { $0.now -= 1 }
            return AttemptEnd(.done("clean"))
        }
        let task = Task { await loop.run() }
        for job in jobs { #expect(try await scene.wait(for: "\(job.name) ended done clean")) }
        #expect(atOnce.withLock { $0.most } == 3)
        task.cancel()
        await task.value
        await scene.close()
    }

    @Test("an attempt that fails is made again, so often as the job says")
    func retries() async throws {
        let job = try ScheduleScene.job("a", attempts: 2)
        let scene = try await ScheduleScene([job])
        try await scene.due(job)
        let loop = scene.loop { _, _ in throw Trouble(description: "no route to Stripe") }
        let task = Task { await loop.run() }
        #expect(try await scene.wait(for: "a ended failed failed"))
        task.cancel()
        await task.value
        let found = try await row(scene, "a")
        #expect(found.attempt == 2 && found.reason == "error" && found.detail == "no route to Stripe")
        await scene.close()
    }

    @Test("a run that takes too long is stopped")
    func timeout() async throws {
        let job = try ScheduleScene.job("a", timeoutSeconds: 1, attempts: 1)
        let scene = try await ScheduleScene([job])
        try await scene.due(job)
        let loop = scene.loop { _, _ in
            try await Task.sleep(for: .seconds(60))
            return AttemptEnd(.done("clean"))
        }
        let task = Task { await loop.run() }
        #expect(try await scene.wait(for: "a ended failed failed"))
        task.cancel()
        await task.value
        let found = try await row(scene, "a")
        #expect(found.reason == "timeout" && found.detail == "It was stopped after 1 s, the job's timeout.")
        await scene.close()
    }

    @Test("a worker that lost its lease stops its run and writes nothing")
    func lost() async throws {
        let job = try ScheduleScene.job("a")
        let scene = try await ScheduleScene([job])
        try await scene.due(job)
        let wasCancelled = Mutex(false)
        let loop = scene.loop(places: 1, leaseSeconds: 0.9) { _, _ in
            do {
                try await Task.sleep(for: .seconds(60))
            } catch {
                wasCancelled.withLock { $0 = true }
            }
            return AttemptEnd(.done("clean"))
        }
        let task = Task { await loop.run() }
        #expect(try await scene.wait(for: "a began 1"))
        // As if it had been frozen, and another one had taken over.
        try await scene.pool.withConnection { connection in
            _ = try await connection.execute(
                """
                UPDATE trueup.occurrence SET attempt = attempt + 1, lease_owner = 'other',
                    lease_until = now() + interval '1 hour'
                """)
        }
        #expect(try await scene.wait(for: "a lost 1"))
        task.cancel()
        await task.value
        #expect(wasCancelled.withLock { $0 })
        let found = try await row(scene, "a")
        #expect(found.state == .running && found.leaseOwner == "other" && found.attempt == 2)
        await scene.close()
    }

    @Test("a long run keeps its lease")
    func heartbeat() async throws {
        let job = try ScheduleScene.job("a")
        let scene = try await ScheduleScene([job])
        try await scene.due(job)
        let loop = scene.loop(leaseSeconds: 1.5) { _, _ in
            try await Task.sleep(for: .seconds(4))
            return AttemptEnd(.done("clean"))
        }
        let task = Task { await loop.run() }
        #expect(try await scene.wait(for: "a ended done clean"))
        task.cancel()
        await task.value
        #expect(try await row(scene, "a").attempt == 1)
        await scene.close()
    }

    @Test("when it is stopped it stops its runs, gives them back, and is gone within ten seconds")
    func stops() async throws {
        let job = try ScheduleScene.job("a", attempts: 1)
        let scene = try await ScheduleScene([job])
        try await scene.due(job)
        let loop = scene.loop { _, _ in
            try await Task.sleep(for: .seconds(60))
            return AttemptEnd(.done("clean"))
        }
        let task = Task { await loop.run() }
        #expect(try await scene.wait(for: "a began 1"))
        let start = ContinuousClock.now
        task.cancel()
        await task.value
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(scene.told.contains("a released stopped"))
        let found = try await row(scene, "a")
        #expect(found.state == .due && found.failures == 0)
        await scene.close()
    }

    @Test("a job that runs in another process waits for it")
    func busy() async throws {
        let job = try ScheduleScene.job("a")
        let scene = try await ScheduleScene([job])
        let at = try await scene.due(job)
        let loop = scene.loop { _, _ in throw JobBusy() }
        let task = Task { await loop.run() }
        #expect(try await scene.wait(for: "a released busy"))
        task.cancel()
        await task.value
        let found = try await row(scene, "a")
        #expect(found.state == .due && found.failures == 0 && found.notBeforeSeconds >= at + 4)
        await scene.close()
    }

    @Test("many occurrences on several workers run once each")
    func several() async throws {
        let jobs = try (0..<40).map { try ScheduleScene.job("job-\($0)") }
        let scene = try await ScheduleScene(jobs)
        for job in jobs { try await scene.due(job) }
        let runs = Mutex<[String: Int]>([:])
        let loops = (0..<3).map { index in
            scene.loop("w\(index)", places: 4) { definition, _ in
                runs.withLock { $0[definition.name, default: 0] += 1 }
                try await Task.sleep(for: .milliseconds(20))
                return AttemptEnd(.done("clean"))
            }
        }
        let tasks = loops.map { loop in Task { await loop.run() } }
        let end = ContinuousClock.now + .seconds(30)
        while scene.told.filter({ $0.hasSuffix("ended done clean") }).count < 40, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        #expect(runs.withLock { $0.count } == 40)
        #expect(runs.withLock { $0.values.allSatisfy { $0 == 1 } })
        await scene.close()
    }

    @Test("scheduler and worker survive a restart of the database")
    func restart() async throws {
        let directory = try TestServer.temporaryDirectory()
        defer { TestServer.remove(directory) }
        let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
        try await cluster.start()
        let target = try await cluster.createDatabaseIfMissing("trueup")
        let connection = try await Connection.open(target, applicationName: "tests")
        _ = try await Migrator.migrate(connection)
        await connection.close()
        let job = try ScheduleScene.job("a")
        let scene = try await ScheduleScene([job], pool: Pool(target, size: 4, applicationName: "tests"))
        let scheduler = scene.scheduler()
        let loop = scene.loop { _, _ in AttemptEnd(.done("clean")) }
        let tasks = [Task { await scheduler.run() }, Task { await loop.run() }]
        try await Task.sleep(for: .milliseconds(300))
        _ = try await cluster.stop()
        #expect(try await scene.wait(for: "lost database"))
        try await cluster.start()
        #expect(try await scene.wait(for: "database back"))
        try await scene.due(job)
        #expect(try await scene.wait(for: "a ended done clean"))
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await scene.close()
        _ = try await cluster.stop()
    }
}
