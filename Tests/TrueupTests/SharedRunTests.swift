import Foundation
import Glibc
import Sandbox
import Support
import Testing

@Suite("One run that several processes read", .serialized, .timeLimit(.minutes(5)))
struct SharedRunTests {
    private static let plants: [Plant: Int] = {
        var plants = Scene.plants
        plants[.draftStaleOpen] = 20
        return plants
    }()

    private static let limits = SandboxLimits(perAccount: 80, perEndpoint: 20)
    /// The share is the default: a fifth stays free for what the way to Stripe does to the distances of requests.
    private static let rate = "{per_second: 80, per_endpoint: 20}"

    /// Of the windows that are not read to their end, those that a process reads.
    private static func reads(_ process: Running) -> String {
        "EXISTS (SELECT FROM trueup.window WHERE NOT is_done AND lease_owner LIKE '%:\(process.processID):%')"
    }

    private static func hasRead(_ process: Running) -> String {
        """
        EXISTS (SELECT FROM trueup.window WHERE NOT is_done AND pages > 0
            AND lease_owner LIKE '%:\(process.processID):%')
        """
    }

    /// Makes the job list all that there is: more to read than a few pages.
    private static func lookFurtherBack(_ scene: Scene) throws {
        try scene.folder.write(
            Scene.jobFile.replacingOccurrences(of: "look_back: 35d", with: "look_back: 390d"),
            to: "jobs/\(Scene.job).yaml")
    }

    /// The state after a run that nobody disturbed and nobody helped.
    private static func undisturbed(orders: Int, _ now: Int64) async throws -> String {
        var state = ""
        try await Scene.with(orders: orders, plants: plants, nowSeconds: now) { scene in
            try lookFurtherBack(scene)
            let result = try await scene.program.run("run", Scene.job)
            #expect(result.status == 2, "\(result.everything)")
            state = try await scene.state()
        }
        return state
    }

    @Test("three read one run, one is killed, one frozen until others have its windows: everything once, within limits")
    func three() async throws {
        let now = Int64(time(nil))
        let expected = try await Self.undisturbed(orders: 12_000, now)
        try await Scene.with(
            orders: 12_000, plants: Self.plants, latencyMilliseconds: 100,
            limits: Self.limits,
            rate: Self.rate, nowSeconds: now
        ) { scene in
            try Self.lookFurtherBack(scene)
            try await scene.due()
            let owner = try scene.program.start("work", "--lease", "4")
            try await scene.wait(until: Self.hasRead(owner))
            let killed = try scene.program.start("work", "--lease", "4")
            let frozen = try scene.program.start("work", "--lease", "4")
            try await scene.wait(until: "\(Self.hasRead(killed)) AND \(Self.reads(frozen))", seconds: 60)
            kill(frozen.processID, SIGSTOP)
            _ = try await killed.signal(SIGKILL)
            #expect(try await scene.value("SELECT \(Self.reads(frozen)) AS value", as: Bool.self))
            try await scene.wait(until: "NOT \(Self.reads(frozen)) AND NOT \(Self.reads(killed))", seconds: 60)
            kill(frozen.processID, SIGCONT)
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'done'", seconds: 90)
            #expect(try await frozen.signal(SIGTERM).status == 0)
            let end = try await owner.signal(SIGTERM)
            #expect(end.status == 0, "\(end.talk)")
            #expect(try await scene.state() == expected)
            let facts = try await scene.value(
                """
                SELECT concat_ws(' ', (SELECT count(*) FROM trueup.run), (SELECT attempt FROM trueup.run),
                    (SELECT attempt FROM trueup.occurrence),
                    (SELECT period_to_seconds FROM trueup.run)
                        = (SELECT extract(epoch FROM scheduled_at) - 300 FROM trueup.occurrence),
                    (SELECT sum(objects) FROM trueup.window WHERE object = 'invoice')
                        <= (SELECT stripe_objects FROM trueup.run),
                    (SELECT count(*) FROM trueup.repair)
                        = (SELECT count(DISTINCT (finding_id, effect)) FROM trueup.repair)) AS value
                """, as: String.self)
            #expect(facts == "1 1 1 t t t", "\(end.talk)")
            let seen = try #require(scene.server.statistics.accounts["task_health"])
            #expect(seen.refused == 0 && seen.maxPerSecond <= 80 && seen.maxPerSecondAndEndpoint <= 20, "\(seen)")
        }
    }

    @Test(
        "the owner is frozen at some write and another process goes on: what it writes later is refused",
        arguments: [
            Moment.reading.rawValue, "EXISTS (SELECT FROM trueup.finding)",
            "EXISTS (SELECT FROM trueup.stripe_write)", "(SELECT count(*) FROM trueup.repair) >= 20",
        ])
    func frozenOwner(_ moment: String) async throws {
        let now = Int64(time(nil))
        let expected = try await Self.undisturbed(orders: 2_000, now)
        try await Scene.with(
            orders: 2_000, plants: Self.plants, latencyMilliseconds: 60, nowSeconds: now
        ) { scene in
            try Self.lookFurtherBack(scene)
            try await scene.due()
            let first = try scene.program.start("work", "--lease", "3")
            try await scene.wait(until: moment)
            kill(first.processID, SIGSTOP)
            let second = try scene.program.start("work", "--lease", "3")
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'done'", seconds: 90)
            let before = try await scene.value(Self.written, as: String.self)
            kill(first.processID, SIGCONT)
            try await first.wait(forTalk: "lost its lease")
            #expect(try await first.signal(SIGTERM).status == 0)
            #expect(try await second.signal(SIGTERM).status == 0)
            #expect(try await scene.value(Self.written, as: String.self) == before)
            #expect(try await scene.state() == expected)
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.run", as: Int64.self) == 1)
        }
    }

    private static let written = """
        SELECT concat_ws(E'\\n', (SELECT string_agg(r::text, '' ORDER BY r.id) FROM trueup.run r),
            (SELECT string_agg(w::text, '' ORDER BY w.id) FROM trueup.window w),
            (SELECT string_agg(f::text, '' ORDER BY f.id) FROM trueup.finding f),
            (SELECT count(*) FROM trueup.repair),
            (SELECT string_agg(s::text, '' ORDER BY s.id) FROM trueup.stripe_write s)) AS value
        """

    @Test("an owner that is stopped while it reads gives the occurrence and its windows back within ten seconds")
    func stoppedOwner() async throws {
        try await Scene.with(orders: 4_000, plants: [:], latencyMilliseconds: 150) { scene in
            try Self.lookFurtherBack(scene)
            try await scene.due()
            let owner = try scene.program.start("work", "--lease", "600")
            try await scene.wait(until: Self.hasRead(owner))
            let start = ContinuousClock.now
            let stopped = try await owner.signal(SIGTERM)
            #expect(stopped.status == 0, "\(stopped.talk)")
            #expect(ContinuousClock.now - start < .seconds(10))
            let left = try await scene.value(
                """
                SELECT concat_ws(' ', (SELECT state || ' ' || reason FROM trueup.occurrence),
                    (SELECT state FROM trueup.run),
                    (SELECT count(*) FROM trueup.window WHERE lease_owner IS NOT NULL),
                    (SELECT count(*) > 0 FROM trueup.window WHERE NOT is_done)) AS value
                """, as: String.self)
            #expect(left == "due stopped interrupted 0 t")
            let next = try await scene.program.run("work", "--until-empty")
            #expect(next.status == 0, "\(next.talk)")
            let ended = try await scene.value(
                "SELECT state || ' ' || attempt AS value FROM trueup.run", as: String.self)
            #expect(ended == "clean 2")
        }
    }

    @Test("a helper that is stopped gives its windows back at once; a run by hand is helped too")
    func stoppedHelper() async throws {
        try await Scene.with(
            orders: 6_000, plants: [:], latencyMilliseconds: 100,
            limits: Self.limits,
            rate: Self.rate
        ) { scene in
            try Self.lookFurtherBack(scene)
            let helper = try scene.program.start("work", "--lease", "600")
            let owner = try scene.program.start("run", Scene.job)
            try await scene.wait(until: Self.hasRead(helper), seconds: 60)
            try await helper.wait(forTalk: "helps to read task_health, invoices")
            let start = ContinuousClock.now
            #expect(try await helper.signal(SIGTERM).status == 0)
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(try await !scene.value("SELECT \(Self.reads(helper)) AS value", as: Bool.self))
            let result = try await owner.result()
            #expect(result.status == 0, "\(result.everything)")
            // What the helper sent is part of what the run cost.
            let isCounted = try await scene.value(
                "SELECT (SELECT requests FROM trueup.run) >= (SELECT sum(pages) FROM trueup.window) AS value",
                as: Bool.self)
            #expect(isCounted)
            #expect(scene.server.statistics.accounts["task_health"]?.refused == 0)
        }
    }

    @Test("a worker without the account's key leaves its windows alone, and says so once")
    func noKey() async throws {
        try await Scene.with(
            orders: 4_000, plants: [:], latencyMilliseconds: 100,
            rate: "{per_second: 100, per_endpoint: 8, share: 1}"
        ) { scene in
            try Self.lookFurtherBack(scene)
            let helper = try scene.program(["TASK_HEALTH_STRIPE_SECRET_KEY": ""]).start("work")
            let owner = try scene.program.start("run", Scene.job)
            try await helper.wait(forTalk: "task_health: its windows are left alone")
            #expect(try await owner.result().status == 0)
            let talk = try await helper.signal(SIGTERM).talk
            #expect(talk.components(separatedBy: "left alone").count == 2, "\(talk)")
            #expect(!talk.contains(Scene.key))
        }
    }
}
