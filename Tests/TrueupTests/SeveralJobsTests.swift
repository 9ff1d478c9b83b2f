import Foundation
import Glibc
import Sandbox
import Testing

@Suite("Several jobs of one command", .timeLimit(.minutes(5)))
struct SeveralJobsTests {
    /// A second account, whose key the stand-in refuses, and a job for it.
    private static func addStranger(to scene: Scene) throws -> Program {
        let settings = try scene.folder.text(of: "jobs/settings.yaml")
        let account = settings.split(separator: "\n").dropFirst().joined(separator: "\n")
            .replacing("task_health:", with: "stranger:").replacing("TASK_HEALTH_STRIPE_SECRET_KEY", with: "STRANGER")
        try scene.folder.write(settings + account + "\n", to: "jobs/settings.yaml")
        try scene.folder.write(
            Scene.jobFile.replacing("account: task_health", with: "account: stranger")
                .replacing("object: invoice", with: "object: payment_intent"), to: "jobs/strange.yaml")
        return scene.program(["STRANGER": "sk_test_CANARYwrong99"])
    }

    @Test("an error of one keeps none of the others from running, and the end says which failed")
    func error() async throws {
        try await Scene.with(orders: 200, plants: [.paidOpen: 2]) { scene in
            let program = try Self.addStranger(to: scene)
            let ran = try await program.run("run", "strange", Scene.job)
            #expect(ran.status == 1, "\(ran.everything)")
            #expect(ran.talk.contains("not accepted") && ran.output.contains("REPAIRED"), "\(ran.everything)")
            #expect(ran.talk.contains("trueup: strange: "), "\(ran.talk)")
            #expect(ran.talk.hasSuffix("1 of 2 jobs failed: strange (error)\n"), "\(ran.talk)")
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.repair", as: Int64.self) == 2)
            try scene.folder.write("kind: reconcil\n", to: "jobs/typo.yaml")
            let typo = try await program.run("run", "--quiet", "typo", "strange", Scene.job)
            #expect(typo.status == 1 && typo.talk.contains("typo.yaml:1"), "\(typo.everything)")
            #expect(typo.talk.hasSuffix("2 of 3 jobs failed: typo (error), strange (error)\n"), "\(typo.talk)")
            #expect(
                try await scene.value(
                    "SELECT count(*) AS value FROM trueup.run WHERE job = '\(Scene.job)'", as: Int64.self) == 2)
            let misspelt = try await program.run("run", Scene.job, "strang")
            #expect(misspelt.status == 64 && misspelt.talk.contains("Did you mean strange?"), "\(misspelt.talk)")
        }
    }

    @Test("with --json one that cannot begin has its line as well, with the members of a run and why")
    func documents() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write("kind: reconcil\n", to: "jobs/typo.yaml")
            let program = try Self.addStranger(to: scene)
            let ran = try await program.run("run", "typo", "strange", Scene.job, "--json")
            #expect(ran.status == 1, "\(ran.everything)")
            let documents = try ran.output.split(separator: "\n").map {
                try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(documents.map { $0["job"] as? String } == ["typo", "strange", Scene.job], "\(ran.output)")
            let whole = try #require(documents.last)
            for (failed, why) in zip(documents, ["Its file is wrong", "not accepted"]) {
                #expect(Set(failed.keys) == Set(whole.keys).union(["exit_code"]), "\(failed.keys.sorted())")
                #expect(failed["format"] as? String == "trueup.run/1" && failed["state"] as? String == "failed")
                #expect(failed["exit_code"] as? Int == 1)
                for member in ["run", "objects", "period", "requests", "requests_least"] {
                    #expect(failed[member] is NSNull, "\(member)")
                }
                #expect((failed["findings"] as? [Any])?.isEmpty == true && failed["plan"] as? Bool == false)
                #expect((failed["counts"] as? [String: Any])?.isEmpty == true)
                #expect((failed["problems"] as? [String])?.first?.contains(why) == true, "\(failed)")
            }
        }
    }

    @Test("Ctrl-C stops all of them and names those that are left")
    func stopped() async throws {
        try await Scene.with(orders: 6_000, plants: [:], latencyMilliseconds: 120) { scene in
            try scene.folder.write(Scene.jobFile, to: "jobs/again.yaml")
            let running = try scene.program.start("run", Scene.job, "again", "--plan", "--plans", "kept")
            try await scene.wait(until: "EXISTS (SELECT FROM trueup.run WHERE state = 'running')")
            let stopped = try await running.signal(SIGINT)
            #expect(stopped.status == 130)
            let words = "Stopped. To go on from here: trueup run \(Scene.job) again --plan --plans kept\n"
            #expect(stopped.talk.hasSuffix(words), "\(stopped.talk)")
        }
    }

    @Test("an error is one constant message in the log, with the job, and with the run where there is one")
    func logged() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let program = try Self.addStranger(to: scene)
            let ran = try await program.run("run", "strange", Scene.job, "--log-format", "json")
            #expect(ran.status == 1)
            var records: [[String: String]] = []
            for line in ran.talk.split(separator: "\n") {
                records.append(
                    try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]))
            }
            let failed = records.filter { $0["message"] == "run failed" }
            #expect(failed.count == 1 && failed.first?["trueup.job"] == "strange", "\(ran.talk)")
            #expect(failed.first?["text"]?.contains("not accepted") == true && failed.first?["level"] == "error")
            let ended = records.filter { $0["message"] == "run ended" }
            #expect(ended.map { $0["trueup.job"] } == [Scene.job])
            #expect(records.last?["message"] == "jobs failed" && records.last?["trueup.jobs.failed"] == "strange")
            let single = try await program.run("run", "strange", "--log-format", "json")
            let last = try #require(single.talk.split(separator: "\n").last)
            #expect(
                last.contains("\"message\":\"run failed\"") && last.contains("\"trueup.job\":\"strange\""), "\(last)")
        }
    }

    @Test("a run that cannot begin pings its start and its failure, also where the database is away")
    func pings() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write(
                Scene.jobFile + "notify: {ping_url_env: PING}\n", to: "jobs/\(Scene.job).yaml")
            let ping = scene.server.url + "/ping/uuid-of-the-check"
            // The stand-in knows no such path, and says so: one line of talk for each ping.
            let words = "the ping did not arrive: the service answered 4"
            let away = "postgresql://127.0.0.1:1/nowhere?connect_timeout=2"
            for change in [["DATABASE_URL": away], ["TASK_HEALTH_STRIPE_SECRET_KEY": "sk_test_CANARYwrong99"]] {
                let program = scene.program(["PING": ping].merging(change) { $1 })
                let ran = try await program.run("run", Scene.job)
                #expect(ran.status == 1 && ran.talk.components(separatedBy: words).count == 3, "\(ran.talk)")
            }
        }
    }

    @Test("where no plan can be written nothing is read, and what waits says how its plan is made")
    func plans() async throws {
        try await Scene.with(orders: 200, plants: [.paidOpen: 3]) { scene in
            let runs = "SELECT count(*) AS value FROM trueup.run"
            for words in [["run", Scene.job], ["run", Scene.job, "--plan"]] {
                let refused = try await scene.program.run(words + ["--plans", "/proc/plans"])
                #expect(refused.status == 1, "\(refused.everything)")
                #expect(refused.talk.contains("No plan can be written to /proc/plans"), "\(refused.talk)")
                #expect(refused.talk.contains("--plans") && refused.talk.contains("Nothing was read"))
            }
            #expect(try await scene.value(runs, as: Int64.self) == 0)
            try scene.folder.write(
                Scene.jobFile.replacing("max_repairs: 500", with: "max_repairs: 1"), to: "jobs/\(Scene.job).yaml")
            let waits = try await scene.program.run("run", Scene.job)
            #expect(
                waits.status == 2 && waits.output.contains("trueup apply plans/\(Scene.job)-"), "\(waits.everything)")
            let shown = try await scene.program.run("runs", "1")
            #expect(
                shown.output.contains("nothing was applied. To approve it, read its plan and give it to trueup apply."),
                "\(shown.output)")
            #expect(shown.output.contains("trueup run \(Scene.job) --plan"))
            let made = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path + "/plans")
            #expect(made.count == 1 && made.allSatisfy { $0.hasSuffix(".json") }, "\(made)")
        }
    }
}
