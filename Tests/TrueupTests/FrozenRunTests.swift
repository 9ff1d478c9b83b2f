import Foundation
import Glibc
import PostgreSQL
import Sandbox
import Support
import Testing

@Suite("A run whose owner is frozen while another process goes on with it", .serialized, .timeLimit(.minutes(10)))
struct FrozenRunTests {
    /// One world for all who are frozen.
    private static let now = Int64(time(nil))
    private static let undisturbedEnd = Task { try await SharedRunTests.undisturbed(orders: 2_000, now) }

    /// A process is frozen at a moment, another one goes on until the end, the first one wakes.
    /// - Parameter freezes: returns when it is to be frozen.
    private func freeze(
        mustLose: Bool, _ freezes: (Scene) async throws -> Void
    ) async throws {
        let expected = try await Self.undisturbedEnd.value
        try await Scene.with(
            orders: 2_000, plants: SharedRunTests.plants, latencyMilliseconds: 60, nowSeconds: Self.now
        ) { scene in
            try SharedRunTests.lookFurtherBack(scene)
            try await scene.due()
            let first = try scene.program.start("work", "--lease", "3")
            try await freezes(scene)
            kill(first.processID, SIGSTOP)
            let second = try scene.program.start("work", "--lease", "3")
            try await scene.wait(
                until: "EXISTS (SELECT FROM trueup.worker WHERE process_id = \(second.processID))", seconds: 60)
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'done'", seconds: 90)
            let before = try await scene.value(Self.written, as: String.self)
            kill(first.processID, SIGCONT)
            let attempts = try await scene.value("SELECT attempt AS value FROM trueup.occurrence", as: Int32.self)
            // A process that came to the end just before it was frozen has nothing to lose.
            if mustLose { #expect(attempts > 1) }
            if attempts > 1 { try await first.wait(forTalk: "lost its lease") }
            #expect(try await first.signal(SIGTERM).status == 0)
            #expect(try await second.signal(SIGTERM).status == 0)
            #expect(try await scene.value(Self.written, as: String.self) == before)
            #expect(try await scene.state() == expected)
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.run", as: Int64.self) == 1)
            #expect(try await scene.value(SharedRunTests.hasRepairedTwice, as: Bool.self) == false)
        }
    }

    @Test(
        "the owner is frozen at some write and another process goes on: what it writes later is refused",
        arguments: [
            Moment.reading.rawValue, "(SELECT count(*) FROM trueup.window WHERE object = 'invoice') > 1",
            "EXISTS (SELECT FROM trueup.finding)", "EXISTS (SELECT FROM trueup.stripe_write)",
            "(SELECT count(*) FROM trueup.repair) >= 20",
        ])
    func frozenOwner(_ moment: String) async throws {
        try await freeze(mustLose: true) { try await $0.wait(until: moment) }
    }

    @Test("the owner is frozen when it has the job's lock and no run yet")
    func frozenBeforeTheRun() async throws {
        try await freeze(mustLose: true) { scene in
            try await scene.wait(
                until: """
                    EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                        AND application_name LIKE 'trueup lease %')
                    """)
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.run", as: Int64.self) == 0)
        }
    }

    @Test("the owner is frozen when all is repaired and only the end is to be written")
    func frozenAtTheEnd() async throws {
        try await freeze(mustLose: false) { scene in
            try await scene.wait(
                until: """
                    EXISTS (SELECT FROM trueup.finding WHERE action = 'apply')
                        AND NOT EXISTS (SELECT FROM trueup.finding WHERE action = 'apply' AND state = 'open')
                    """)
        }
    }

    @Test("a run and its occurrence end at once: who dies when one is to be ended leaves no second run")
    func killedBetweenTheEnds() async throws {
        let expected = try await Self.undisturbedEnd.value
        try await Scene.with(orders: 2_000, plants: SharedRunTests.plants, nowSeconds: Self.now) { scene in
            try SharedRunTests.lookFurtherBack(scene)
            try await scene.due()
            let first = try scene.program.start("work", "--lease", "3")
            try await scene.wait(until: "EXISTS (SELECT FROM trueup.run)")
            // Whoever ends the occurrence waits; what only holds it does not.
            let holder = try await Connection.open(scene.target, applicationName: "holder")
            try await holder.run(script: "BEGIN; SELECT FROM trueup.occurrence FOR SHARE")
            try await scene.wait(
                until: """
                    EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                        AND wait_event_type = 'Lock' AND query LIKE '%UPDATE trueup.occurrence SET state = ''done''%')
                    """, seconds: 60)
            kill(first.processID, SIGKILL)
            // Nor does the server write for the dead what waits.
            let ended = try await scene.value(
                """
                SELECT count(pg_terminate_backend(pid)) AS value FROM pg_stat_activity
                WHERE datname = current_database() AND application_name NOT IN ('scene', 'holder')
                """, as: Int64.self)
            #expect(ended > 0)
            await holder.close()
            let second = try scene.program.start("work", "--lease", "3")
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'done'", seconds: 90)
            #expect(try await second.signal(SIGTERM).status == 0)
            let runs = try await scene.value(
                "SELECT string_agg(concat_ws(' ', attempt, state), ', ' ORDER BY id) AS value FROM trueup.run",
                as: String.self)
            #expect(runs == "2 drift")
            #expect(try await scene.state() == expected)
            #expect(try await scene.value(SharedRunTests.hasRepairedTwice, as: Bool.self) == false)
        }
    }

    @Test("the owner is frozen at any time of its run", arguments: [1, 2, 3] as [UInt64])
    func frozenAnyTime(_ seed: UInt64) async throws {
        var random = Seeded(seed)
        let milliseconds = Int.random(in: 0..<4_000, using: &random)
        try await freeze(mustLose: false) { scene in
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'running'")
            try await Task.sleep(for: .milliseconds(milliseconds))
        }
    }

    private static let written = """
        SELECT concat_ws(E'\\n', (SELECT string_agg(r::text, '' ORDER BY r.id) FROM trueup.run r),
            (SELECT string_agg(w::text, '' ORDER BY w.id) FROM trueup.window w),
            (SELECT string_agg(f::text, '' ORDER BY f.id) FROM trueup.finding f),
            (SELECT count(*) FROM trueup.repair),
            (SELECT string_agg(s::text, '' ORDER BY s.id) FROM trueup.stripe_write s)) AS value
        """
}
