import Foundation
import Testing

/// The `timeout` of a job, for what `trueup run` starts, such as cron.
@Suite("Runs that take too long", .timeLimit(.minutes(5)))
struct TimeoutTests {
    /// Of a hundred pages, few are read in the time.
    private static func slow(_ scene: Scene, timeout: String, perSecond: Int, more: String = "") throws {
        try scene.folder.write(Scene.jobFile + "timeout: \(timeout)\n" + more, to: "jobs/\(Scene.job).yaml")
        let rate = "{per_second: \(perSecond), per_endpoint: \(perSecond), share: 1}"
        try scene.folder.write(Scene.settings(scene.server.url, rate: rate), to: "jobs/settings.yaml")
    }

    @Test("one is stopped after its job's timeout, the command says so, the next job runs, and the next run goes on")
    func stopped() async throws {
        try await Scene.with(orders: 3_000, plants: [.paidOpen: 3]) { scene in
            try Self.slow(scene, timeout: "8s", perSecond: 1)
            try scene.folder.write("kind: reconcil\n", to: "jobs/typo.yaml")
            let ran = try await scene.program.run("run", Scene.job, "typo", "--json", "--jobs", "./jobs")
            #expect(ran.status == 1, "\(ran.everything)")
            let words = "Job \(Scene.job) was stopped after 8 s, its timeout. What was read and repaired stays. "
            let next = "To go on from there: trueup run \(Scene.job) --jobs ./jobs"
            #expect(ran.talk.contains("trueup: \(Scene.job): " + words + next + "\n"), "\(ran.talk)")
            #expect(ran.talk.hasSuffix("2 of 2 jobs failed: \(Scene.job) (error), typo (error)\n"), "\(ran.talk)")
            let documents = try ran.output.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(documents.map { $0["job"] as? String } == [Scene.job, "typo"], "\(ran.output)")
            #expect(documents.first?["state"] as? String == "failed" && documents.first?["exit_code"] as? Int == 1)
            #expect((documents.first?["problems"] as? [String])?.first == words + next, "\(ran.output)")
            #expect(
                try await scene.value("SELECT state || problems[1] AS value FROM trueup.run", as: String.self)
                    == "interruptedIt was stopped after 8 s, the job's timeout; the same command goes on from there.")
            // The rate is no part of the job: the run is the same.
            try scene.folder.write(Scene.settings(scene.server.url), to: "jobs/settings.yaml")
            let again = try await scene.program.run("run", Scene.job)
            #expect(again.status == 0 && again.talk.contains("goes on with run 1"), "\(again.everything)")
            #expect(
                try await scene.value("SELECT concat(state, attempt) AS value FROM trueup.run", as: String.self)
                    == "repaired2")
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.repair", as: Int64.self) == 3)
        }
    }

    @Test("a run of the schedule is stopped by the same, and pings its start and its failure")
    func schedule() async throws {
        try await Scene.with(orders: 3_000, plants: [:]) { scene in
            try Self.slow(scene, timeout: "3s", perSecond: 2, more: "notify: {ping_url_env: PING}\n")
            try await scene.due(attemptsMax: 1)
            try await scene.execute("UPDATE trueup.occurrence SET timeout_seconds = 3")
            // The stand-in knows no such path, and says so: one line of talk for each ping.
            let program = scene.program(["PING": scene.server.url + "/ping/uuid-of-the-check"])
            let worked = try await program.run("work", "--until-empty")
            let words = "the ping did not arrive: the service answered 4"
            #expect(worked.status == 0 && worked.talk.components(separatedBy: words).count == 3, "\(worked.talk)")
            let reason = "SELECT concat_ws(': ', reason, detail) AS value FROM trueup.occurrence"
            #expect(
                try await scene.value(reason, as: String.self)
                    == "timeout: It was stopped after 3 s, the job's timeout.")
        }
    }

    @Test("a backfill takes as long as it takes")
    func backfill() async throws {
        try await Scene.with(orders: 3_000, plants: [.paidOpen: 3]) { scene in
            try Self.slow(scene, timeout: "1s", perSecond: 10)
            let ran = try await scene.program.run("backfill", Scene.job, "--from", "2015-01-01", "--to", "2035-01-01")
            #expect([0, 2].contains(ran.status), "\(ran.everything)")
            let isLong = "SELECT ended_at - started_at > interval '1 second' AND attempt = 1 AS value FROM trueup.run"
            #expect(try await scene.value(isLong, as: Bool.self))
        }
    }
}
