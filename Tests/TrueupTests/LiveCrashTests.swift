import Glibc
import Support
import Testing

@Suite("The live side in processes that are killed", .serialized)
struct LiveCrashTests {
    @Test(
        "killed while orders are placed and paid, no order is made twice, no credit is given twice or lost",
        arguments: Seeds.range(1, 3))
    func killed(_ seed: UInt64) async throws {
        try await Self.with { try await live($0, seed) }
    }

    @Test(
        "killed with the scheduler beside it, which heals the rest by itself", arguments: Seeds.range(11, 3))
    func killedWithScheduler(_ seed: UInt64) async throws {
        try await Self.with(schedule: "*/2 * * * * *") { try await scheduled($0, seed) }
    }

    private static func with(schedule: String? = nil, _ body: (LiveScene) async throws -> Void) async throws {
        let scene = try await LiveScene(schedule: schedule)
        do {
            try await body(scene)
        } catch {
            await scene.close()
            throw error
        }
        await scene.close()
    }

    private func live(_ scene: LiveScene, _ seed: UInt64) async throws {
        var random = Seeded(seed)
        let token = try await scene.token()
        var running = try await scene.serve()
        try scene.subscribe(seed: seed)
        let wishes = scene.wishes(18, &random)
        let clients = scene.clients(wishes, token: token)
        for round in 0..<5 {
            try await Task.sleep(for: .milliseconds(Int.random(in: 20...400, using: &random)))
            #expect(try await running.signal(SIGKILL).status == -1)
            try scene.pay(&random)
            if round == 2 { _ = try await scene.program.start("run", Scene.job).signal(SIGKILL) }
            running = try await scene.serve()
        }
        let answered = try await clients.value
        #expect(Set(answered).count == wishes.count, "every wish has its order")
        try scene.pay(&random)
        #expect(await scene.server.settleWebhooks(timeoutSeconds: 60))
        try await scene.settleMails()
        let end = try await running.signal(SIGTERM)
        #expect(end.status == 0, "\(end.talk)")
        // What was made in this very second is not in a run's period.
        try await Task.sleep(for: .seconds(2))
        let killed = try scene.program.start("run", Scene.job)
        try await Task.sleep(for: .milliseconds(Int.random(in: 50...300, using: &random)))
        _ = try await killed.signal(SIGKILL)
        // The first ends what was begun, with the period that it had; the second looks at everything.
        let rest = try await scene.program.run("run", Scene.job)
        #expect(rest.status == 0 || rest.status == 2, "\(rest.everything)")
        let run = try await scene.program.run("run", Scene.job)
        #expect(run.status == 0, "\(run.everything)")
        #expect(try await scene.faults(orders: wishes.count) == [])
        #expect(!run.everything.contains("CANARY") && !end.everything.contains("CANARY"))
    }

    /// Nobody runs the job by hand: what webhooks lose, the scheduler's runs find.
    private func scheduled(_ scene: LiveScene, _ seed: UInt64) async throws {
        var random = Seeded(seed)
        let token = try await scene.token()
        var serving = try await scene.serve()
        var scheduling = try scene.program.start("schedule", "--lease", "3")
        try scene.subscribe(seed: seed)
        let wishes = scene.wishes(15, &random)
        let clients = scene.clients(wishes, token: token)
        for _ in 0..<6 {
            try await Task.sleep(for: .milliseconds(Int.random(in: 100...1_500, using: &random)))
            let victims = Int.random(in: 0..<3, using: &random)
            if victims != 0 { #expect(try await serving.signal(SIGKILL).status == -1) }
            if victims != 1 { #expect(try await scheduling.signal(SIGKILL).status == -1) }
            try scene.pay(&random)
            if victims != 0 { serving = try await scene.serve() }
            if victims != 1 { scheduling = try scene.program.start("schedule", "--lease", "3") }
        }
        let answered = try await clients.value
        #expect(Set(answered).count == wishes.count, "every wish has its order")
        try scene.pay(&random)
        #expect(await scene.server.settleWebhooks(timeoutSeconds: 60))
        try await scene.settleMails()
        let served = try await serving.signal(SIGTERM)
        #expect(served.status == 0, "\(served.talk)")
        #expect(try await scene.settle(orders: wishes.count) == [])
        // Before it has begun, a signal ends it as it ends any program.
        try await scheduling.wait(forTalk: "with a schedule; this is")
        let ended = try await scheduling.signal(SIGTERM)
        #expect(ended.status == 0, "\(ended.talk)")
        #expect(try await scene.faults(orders: wishes.count) == [], "and it stays so")
        let run = try await scene.program.run("run", Scene.job)
        #expect(run.status == 0 || run.status == 2, "what was begun is ended: \(run.everything)")
        #expect(try await scene.program.run("run", Scene.job).status == 0)
        #expect(!served.everything.contains("CANARY") && !ended.everything.contains("CANARY"))
    }
}
