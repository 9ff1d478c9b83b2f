import Foundation
import Glibc
import Sandbox
import Support
import Testing

@Suite("One run that several processes read", .serialized, .timeLimit(.minutes(5)))
struct SharedRunTests {
    static let plants: [Plant: Int] = {
        var plants = Scene.plants
        plants[.draftStaleOpen] = 20
        return plants
    }()

    private static let perSecond = 64
    private static let perEndpoint = 16
    private static let rate = "{per_second: \(perSecond), per_endpoint: \(perEndpoint), share: 1}"
    /// What Stripe would allow: where nothing is left free for what the way does to the distances of requests, the
    /// limits themselves are held to by the tests, and the sandbox refuses only what is far beyond them.
    private static let limits = SandboxLimits(perAccount: 2 * perSecond, perEndpoint: 2 * perEndpoint)

    /// No second has seen more requests than allowed. On a busy machine the sandbox, which knows by how much, comes
    /// late to look at requests, and sees those of more than a second at once.
    private static func expectWithinLimits(_ server: SandboxServer) throws {
        let seen = try #require(server.statistics.accounts["task_health"])
        let seconds = 1 + server.longestDelaySeconds
        let (account, endpoint) = (Double(perSecond) * seconds, Double(perEndpoint) * seconds)
        #expect(Double(seen.maxPerSecond) <= account + 1, "\(seen), late by \(server.longestDelaySeconds) s")
        #expect(
            Double(seen.maxPerSecondAndEndpoint) <= endpoint + 1, "\(seen), late by \(server.longestDelaySeconds) s")
    }

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
    static func lookFurtherBack(_ scene: Scene) throws {
        try scene.folder.write(
            Scene.jobFile.replacingOccurrences(of: "look_back: 35d", with: "look_back: 390d"),
            to: "jobs/\(Scene.job).yaml")
    }

    /// The state after a run that nobody disturbed and nobody helped.
    static func undisturbed(
        orders: Int, _ now: Int64, _ read: (Scene) async throws -> String = { try await $0.state() }
    ) async throws -> String {
        var state = ""
        try await Scene.with(orders: orders, plants: plants, nowSeconds: now) { scene in
            try lookFurtherBack(scene)
            let result = try await scene.program.run("run", Scene.job)
            #expect(result.status == 2, "\(result.everything)")
            state = try await read(scene)
        }
        return state
    }

    static let hasRepairedTwice = """
        SELECT count(*) <> count(DISTINCT (finding_id, effect)) AS value FROM trueup.repair
        """

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
            try Self.expectWithinLimits(scene.server)
        }
    }

    @Test("a backfill, a plan that is applied and a run of the schedule share one limit, and each comes to its end")
    func company() async throws {
        let now = Int64(time(nil))
        let expected = try await Self.undisturbed(orders: 6_000, now) { try await $0.books() }
        try await Scene.with(
            orders: 6_000, plants: Self.plants, latencyMilliseconds: 60, limits: Self.limits, rate: Self.rate,
            nowSeconds: now
        ) { scene in
            try Self.lookFurtherBack(scene)
            let definition = try String(
                contentsOfFile: scene.folder.path + "/jobs/\(Scene.job).yaml", encoding: .utf8)
            for name in ["sweep", "by-hand"] { try scene.folder.write(definition, to: "jobs/\(name).yaml") }
            let plan = try await scene.program.run("run", "by-hand", "--plan")
            #expect(plan.status == 2, "\(plan.everything)")
            let path = try #require(
                try FileManager.default.contentsOfDirectory(atPath: scene.folder.path + "/plans").first)
            let backfill = try scene.program.start(
                "backfill", "sweep", "--from", "2015-01-01", "--to", "2035-01-01", "--plan")
            try await scene.wait(
                until: """
                    EXISTS (SELECT FROM trueup.window w JOIN trueup.run r ON r.id = w.run_id
                        WHERE r.job = 'sweep' AND w.pages > 0)
                    """, seconds: 60)
            try await scene.due()
            let worker = try scene.program.start("work")
            let apply = try scene.program.start("apply", "plans/" + path)
            try await scene.wait(until: "(SELECT state FROM trueup.occurrence) = 'done'", seconds: 120)
            // What the run of the schedule had repaired before is left alone.
            let applied = try await apply.result()
            #expect([0, 2].contains(applied.status), "\(applied.everything)")
            let filled = try await backfill.result()
            #expect([0, 2].contains(filled.status), "\(filled.everything)")
            #expect(try await worker.signal(SIGTERM).status == 0)
            #expect(try await scene.books() == expected)
            #expect(try await scene.value(Self.hasRepairedTwice, as: Bool.self) == false)
            let ended = try await scene.value(
                """
                SELECT string_agg(job, ' ' ORDER BY job) AS value FROM trueup.run
                WHERE state IN ('clean', 'repaired', 'drift')
                """, as: String.self)
            #expect(ended == "by-hand by-hand credit-invoices sweep")
            try Self.expectWithinLimits(scene.server)
        }
    }

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
            let owner = try scene.program.start("run", Scene.job, "--json")
            try await scene.wait(until: Self.hasRead(helper), seconds: 60)
            try await helper.wait(forTalk: "helps to read task_health, invoices")
            let start = ContinuousClock.now
            #expect(try await helper.signal(SIGTERM).status == 0)
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(try await !scene.value("SELECT \(Self.reads(helper)) AS value", as: Bool.self))
            let result = try await owner.result()
            #expect(result.status == 0, "\(result.everything)")
            // What the helper sent is part of what the run cost, and of what the run says it did.
            let isCounted = try await scene.value(
                "SELECT (SELECT requests FROM trueup.run) >= (SELECT sum(pages) FROM trueup.window) AS value",
                as: Bool.self)
            #expect(isCounted)
            let requests = try await scene.value("SELECT requests AS value FROM trueup.run", as: Int64.self)
            let document = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
            #expect((document?["requests"] as? NSNumber)?.int64Value == requests, "\(result.output)")
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
