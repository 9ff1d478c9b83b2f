import Foundation
import Glibc
import Sandbox
import Testing

@Suite("Rates that change while a daemon runs", .serialized)
struct ChangedRateTests {
    private static let slow = "{per_second: 1, per_endpoint: 1, share: 1}"

    @Test("the scheduler's next runs keep to the new rate")
    func schedule() async throws {
        try await Scene.with(orders: 60, plants: [:], rate: Self.slow) { scene in
            try scene.folder.write(
                Scene.jobFile + "schedule: \"*/2 * * * * *\"\n", to: "jobs/\(Scene.job).yaml")
            // With one request a second a run of N takes N - 1 seconds at least.
            let quick = """
                EXISTS (SELECT FROM trueup.run WHERE state = 'clean' AND requests > 3
                    AND extract(epoch FROM ended_at - started_at) < requests - 2)
                """
            let running = try scene.program.start("schedule")
            try await scene.wait(until: "EXISTS (SELECT FROM trueup.run WHERE state = 'clean' AND requests > 3)")
            #expect(try await scene.value("SELECT NOT \(quick) AS value", as: Bool.self))
            try scene.folder.write(Scene.settings(scene.server.url), to: "jobs/settings.yaml")
            try await scene.wait(until: quick)
            let result = try await running.signal(SIGTERM)
            #expect(result.status == 0, "\(result.talk)")
        }
    }

    @Test("serve keeps to the new rate")
    func serve() async throws {
        let scene = try await LiveScene()
        do {
            let settings = try scene.folder.text(of: "jobs/settings.yaml")
            try scene.folder.write(
                settings.replacingOccurrences(of: Scene.noLimit, with: Self.slow), to: "jobs/settings.yaml")
            let token = try await scene.program.run("token", "create", "t", "--all-agencies").output
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let running = try await scene.serve()
            func seconds(_ key: String) async throws -> Double {
                let before = scene.server.statistics.total
                let start = ContinuousClock.now
                _ = try await scene.order(key, agency: 1, option: 1, token: token)
                let passed = (ContinuousClock.now - start) / .seconds(1)
                // An order takes five calls or so: at one a second they take four seconds.
                return passed / Double(max(1, scene.server.statistics.total - before - 1))
            }
            let slow = try await seconds("first")
            #expect(slow > 0.9, "\(slow) s a request")
            try scene.folder.write(settings, to: "jobs/settings.yaml")
            try await running.wait(forTalk: "rates count now")
            var quick = slow
            for index in 0..<20 where quick > 0.8 { quick = try await seconds("key \(index)") }
            #expect(quick <= 0.8, "\(quick) s a request")
            let result = try await running.signal(SIGTERM)
            #expect(result.status == 0, "\(result.talk)")
        } catch {
            await scene.close()
            throw error
        }
        await scene.close()
    }
}
