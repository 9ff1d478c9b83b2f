import Glibc
import Sandbox
import Support
import Testing

/// Where a run is hit.
enum Moment: String, CaseIterable, Sendable {
    case reading =
        "EXISTS (SELECT FROM trueup.window WHERE pages > 0) AND EXISTS (SELECT FROM trueup.window WHERE NOT is_done)"
    case repairing = "(SELECT count(*) FROM trueup.repair) >= 2"
}

@Suite("A run that is hit on its way", .serialized)
struct CrashTests {
    /// Fixed, so that every run of a test has the same world; near enough that the program's own clock fits it.
    private static let drafts: [Plant: Int] = {
        var plants = Scene.plants
        plants[.draftStaleOpen] = 40
        return plants
    }()

    /// The end of a run that nobody disturbs, in a world of its own.
    private func undisturbed(_ now: Int64) async throws -> String {
        var state = ""
        try await Scene.with(orders: 6_000, plants: Self.drafts, nowSeconds: now) { scene in
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            state = try await scene.state()
        }
        return state
    }

    private func now() -> Int64 { Int64(time(nil)) }

    @Test("killed in the middle, the rerun ends as if nothing had happened", arguments: Moment.allCases)
    func killed(_ moment: Moment) async throws {
        let now = now()
        let expected = try await undisturbed(now)
        try await Scene.with(orders: 6_000, plants: Self.drafts, latencyMilliseconds: 120, nowSeconds: now) { scene in
            let running = try scene.program.start("run", Scene.job)
            try await scene.wait(until: moment.rawValue)
            #expect(try await running.signal(SIGKILL).status == -1)
            #expect(try await scene.value("SELECT state AS value FROM trueup.run", as: String.self) == "running")
            #expect(try await scene.state() != expected)
            let rerun = try await scene.program.run("run", Scene.job)
            #expect(rerun.status == 2)
            #expect(rerun.talk.contains("goes on with run 1"))
            #expect(try await scene.state() == expected)
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.run", as: Int64.self) == 1)
        }
    }

    @Test("killed again and again, it still comes to its end, and every credit is granted once")
    func killedOften() async throws {
        let now = now()
        let expected = try await undisturbed(now)
        try await Scene.with(orders: 6_000, plants: Self.drafts, latencyMilliseconds: 60, nowSeconds: now) { scene in
            for round in 1...6 {
                let running = try scene.program.start("run", Scene.job)
                try await Task.sleep(for: .milliseconds(250 * round))
                _ = try await running.signal(SIGKILL)
            }
            #expect([0, 2].contains(try await scene.program.run("run", Scene.job).status))
            #expect(try await scene.state() == expected)
        }
    }

    @Test("Ctrl-C stops in order, says how to go on, and the rerun does", arguments: [SIGINT, SIGTERM])
    func stopped(_ signal: Int32) async throws {
        let now = now()
        let expected = try await undisturbed(now)
        try await Scene.with(orders: 6_000, plants: Self.drafts, latencyMilliseconds: 120, nowSeconds: now) { scene in
            let running = try scene.program.start("run", Scene.job)
            try await scene.wait(until: Moment.reading.rawValue)
            let stopped = try await running.signal(signal)
            #expect(stopped.status == 130)
            #expect(stopped.output.isEmpty)
            #expect(stopped.talk.contains("Stopping; once more to stop at once."))
            #expect(stopped.talk.hasSuffix("Stopped. To go on from here: trueup run credit-invoices\n"))
            #expect(try await scene.value("SELECT state AS value FROM trueup.run", as: String.self) == "interrupted")
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            #expect(try await scene.state() == expected)
        }
    }

    @Test("connections that break on the way are opened again, and the run ends as if nothing had happened")
    func connectionsLost() async throws {
        let now = now()
        let expected = try await undisturbed(now)
        try await Scene.with(orders: 6_000, plants: Self.drafts, latencyMilliseconds: 120, nowSeconds: now) { scene in
            let running = try scene.program.start("run", Scene.job)
            try await scene.wait(until: Moment.reading.rawValue)
            try await scene.wait(
                until: """
                    SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name LIKE 'trueup run%'
                    """)
            let result = try await running.result()
            #expect([1, 2].contains(result.status), "\(result.talk)")
            #expect(!result.talk.contains("the statement was"))
            if result.status == 1 { #expect(try await scene.program.run("run", Scene.job).status == 2) }
            #expect(try await scene.state() == expected)
        }
    }
}
