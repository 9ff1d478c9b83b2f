import Foundation
import Glibc
import Sandbox
import Support
import Testing

@Suite("Backfills of the program", .timeLimit(.minutes(5)))
struct BackfillTests {
    @Test("Ctrl-C stops it, it says how to go on, --status says so too, and going on ends as if nothing had happened")
    func stopped() async throws {
        let now = Int64(time(nil))
        var expected = ""
        try await Scene.with(orders: 3_000, nowSeconds: now) { scene in
            let whole = try await scene.program.run("backfill", Scene.job, "--from", "2015-01-01", "--to", "2035-01-01")
            #expect(whole.status == 2, "\(whole.everything)")
            #expect(whole.talk.contains("--to 2035-01-01 lies ahead: the range ends the job's settle"), "\(whole.talk)")
            let ahead = try await scene.program.run("backfill", Scene.job, "--from", "2034-01-01", "--to", "2035-01-01")
            #expect(ahead.status == 64 && ahead.talk.contains("is empty"), "\(ahead.talk)")
            expected = try await scene.state()
        }
        try await Scene.with(orders: 3_000, latencyMilliseconds: 150, nowSeconds: now) { scene in
            try scene.folder.write(
                Scene.jobFile + "time_zone: America/New_York\n", to: "jobs/\(Scene.job).yaml")
            let none = try await scene.program.run("backfill", "--status")
            #expect(none.status == 0 && none.talk == "There are no backfills.\n" && none.output.isEmpty)
            #expect(try await Self.documents(scene).isEmpty)
            let words = ["backfill", Scene.job, "--from", "2015-01-01", "--to", "2035-01-01"]
            let running = try scene.program.start(words)
            try await scene.wait(until: Moment.reading.rawValue)
            let stopped = try await running.signal(SIGINT)
            #expect(stopped.status == 130, "\(stopped.everything)")
            let command = "trueup backfill \(Scene.job) --from 2015-01-01 --to 2035-01-01"
            #expect(stopped.talk.contains("To go on from here: \(command)\n"))
            #expect(stopped.talk.contains("created from 2015-01-01T00:00:00-05:00 to "))
            let status = try await scene.program.run("backfill", "--status")
            #expect(status.status == 0)
            #expect(status.output.contains("interrupted  2015-01-01"), "\(status.output)")
            let line = try #require(status.output.split(separator: "\n").last { $0.hasPrefix("To go on with run 1: ") })
            #expect(line.contains("trueup backfill \(Scene.job) --from 2015-01-01 --to 20"))
            let waiting = try await Self.documents(scene)
            #expect(waiting.map { $0["state"] as? String } == ["interrupted"])
            #expect(waiting.first?["command"] as? String == String(line.dropFirst("To go on with run 1: ".count)))
            // The command as it stands there.
            let again = try await scene.program.run(line.split(separator: " ").dropFirst(7).map(String.init))
            #expect(again.status == 2, "\(line) \(again.everything)")
            #expect(again.talk.contains("goes on with run 1"))
            #expect(try await scene.state() == expected)
            let after = try await scene.program.run("backfill", Scene.job, "--status")
            #expect(after.output.contains("drift") && !after.output.contains("To go on"))
            let ended = try #require(try await Self.documents(scene, [Scene.job]).first)
            #expect(ended["state"] as? String == "drift" && ended["command"] is NSNull, "\(ended)")
            #expect(ended["read_percent"] as? Int == 100 && (ended["objects"] as? Int ?? 0) > 2_000, "\(ended)")
            #expect(try await scene.program.run("backfill", "credit-invoice", "--status").status == 64)
        }
    }

    /// What `--status --json` says.
    private static func documents(_ scene: Scene, _ words: [String] = []) async throws -> [[String: Any]] {
        let result = try await scene.program.run(["backfill", "--status", "--json"] + words)
        #expect(result.status == 0 && result.talk.isEmpty, "\(result.everything)")
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(Set(document.keys) == ["format", "backfills"])
        #expect(document["format"] as? String == "trueup.backfills/1")
        let backfills = try #require(document["backfills"] as? [[String: Any]])
        for one in backfills {
            #expect(
                Set(one.keys) == [
                    "run", "job", "plan", "state", "accounts", "period", "started", "ended", "read_percent", "objects",
                    "counts", "command",
                ])
            #expect(one["accounts"] as? [String] == ["task_health"] && one["plan"] as? Bool == false, "\(one)")
        }
        return backfills
    }

    @Test("one that was killed is interrupted as well, and a line a minute is all that a log gets")
    func killed() async throws {
        try await Scene.with(orders: 3_000, latencyMilliseconds: 150) { scene in
            let running = try scene.program.start(
                "backfill", Scene.job, "--from", "2015-01-01", "--to", "2035-01-01", "--plan")
            try await scene.wait(until: Moment.reading.rawValue)
            let killed = try await running.signal(SIGKILL)
            #expect(killed.talk.split(separator: "\n").count <= 2, "\(killed.talk)")
            try await scene.wait(
                until: """
                    NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory'
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
                    """)
            let status = try await scene.program.run("backfill", "--status")
            #expect(status.output.contains("plan  interrupted"), "\(status.output)")
            #expect(status.output.contains(" --plan\n"))
            let plan = try await scene.program.run(
                "backfill", Scene.job, "--from", "2015-01-01", "--to", "2035-01-01", "--plan")
            #expect(plan.status == 2)
            #expect(plan.output.contains("finding"), "\(plan.output)")
            #expect(plan.output.contains("grant"), "\(plan.output)")
        }
    }
}
