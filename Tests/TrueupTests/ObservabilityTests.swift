import Foundation
import Glibc
import Sandbox
import Support
import Testing

@Suite("Logs, metrics and alerts of the program", .timeLimit(.minutes(5)))
struct ObservabilityTests {
    /// Lines of JSON, each an object with the keys that every record has.
    private func records(_ talk: String) throws -> [[String: String]] {
        try talk.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let record = try #require(object as? [String: String], "\(line)")
            let time = try #require(record["time"])
            #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
            #expect(["debug", "info", "warning", "error"].contains(record["level"]))
            #expect(record["message"] != nil)
            return record
        }
    }

    @Test("with --log-format json every line on stderr is a record, and stdout is data alone")
    func json() async throws {
        try await Scene.with(plants: [.paidOpen: 3]) { scene in
            let run = try await scene.program.run("run", Scene.job, "--json", "--log-format", "json")
            #expect(run.status == 0, "\(run.everything)")
            let records = try records(run.talk)
            let began = try #require(records.first { $0["message"] == "run began" })
            #expect(began["trueup.job"] == Scene.job && began["trueup.run.id"] == "1")
            let ended = try #require(records.first { $0["message"] == "run ended" })
            #expect(ended["trueup.run.state"] == "repaired" && ended["trueup.findings.repaired"] == "3")
            #expect(!run.talk.contains(Scene.key) && !run.talk.contains(Scene.password))
            #expect(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) is [String: Any])
            let wrong = try await scene.program(["TASK_HEALTH_STRIPE_SECRET_KEY": ""]).run(
                "run", Scene.job, "--log-format", "json")
            #expect(wrong.status == 1)
            #expect(try self.records(wrong.talk).last?["level"] == "error")
            let quiet = try await scene.program.run("run", Scene.job, "--log-format", "text", "--log-level", "error")
            #expect(quiet.status == 0 && quiet.talk.isEmpty, "\(quiet.talk)")
            let text = try await scene.program.run("run", Scene.job, "--log-format", "text")
            #expect(text.talk.contains(" UTC  \(Scene.job) starts run "), "\(text.talk)")
        }
    }

    @Test("metrics of a run are a file that Prometheus reads, also when the run failed")
    func file() async throws {
        try await Scene.with(plants: [.paidOpen: 3, .openAbsent: 2]) { scene in
            let path = scene.folder.path + "/trueup.prom"
            let run = try await scene.program.run("run", Scene.job, "--metrics-file", "trueup.prom")
            #expect(run.status == 2, "\(run.everything)")
            let metrics = try await MetricsReading.of(path)
            #expect(metrics["trueup_figures_readable{}"] == 1)
            #expect(metrics["trueup_runs_total{job=\(Scene.job),plan=false,state=drift,trigger=manual}"] == 1)
            #expect(metrics["trueup_repairs_total{effect=grant,job=\(Scene.job),kind=missed_paid}"] == 3)
            #expect(metrics["trueup_findings{job=\(Scene.job),kind=missing_locally,state=open}"] == 2)
            #expect(metrics["trueup_process_requests_total{account=task_health,status=200}"] ?? 0 > 3)
            #expect(metrics["trueup_run_duration_seconds_count{job=\(Scene.job)}"] == 1)
            let away = try await scene.program([
                "DATABASE_URL": "postgresql://127.0.0.1:1/nowhere?connect_timeout=2"
            ]).run("run", Scene.job, "--metrics-file", "trueup.prom")
            #expect(away.status == 1)
            let after = try await MetricsReading.of(path)
            #expect(after["trueup_figures_readable{}"] == 0 && after["trueup_build_info{version=0.1.0}"] == 1)
            #expect(!after.keys.contains { $0.hasPrefix("trueup_runs_total") })
            let refused = try await scene.program.run("run", Scene.job, "--metrics-file", "missing/x.prom")
            #expect(
                refused.status == 1
                    && refused.talk.contains("could not be written to missing/x.prom: No such file or directory"),
                "\(refused.talk)")
            #expect(!refused.talk.contains("NSCocoaErrorDomain"))
        }
    }

    @Test("the daemon serves metrics, logs records, and tells people of what it runs")
    func daemon() async throws {
        try await Scene.with(plants: [.openAbsent: 2]) { scene in
            try scene.folder.write(
                Scene.jobFile + "schedule: \"*/2 * * * * *\"\n", to: "jobs/\(Scene.job).yaml")
            let running = try scene.program.start("schedule", "--metrics-listen", "0", "--log-format", "json")
            try await running.wait(forTalk: "metrics served")
            try await scene.wait(until: "(SELECT count(*) FROM trueup.occurrence WHERE state = 'done') >= 1")
            let talk = running.talk
            let port = try #require(try records(talk).compactMap { $0["trueup.port"] }.first)
            let metrics = try await MetricsReading.of("http://127.0.0.1:\(port)/metrics")
            #expect(metrics["trueup_figures_readable{}"] == 1)
            #expect(metrics["trueup_occurrences_total{job=\(Scene.job),state=done}"] ?? 0 >= 1)
            #expect(metrics["trueup_schedule_lag_seconds{job=\(Scene.job)}"] != nil)
            #expect(metrics["trueup_workers{kind=schedule}"] == 1)
            let stopped = try await running.signal(SIGTERM)
            #expect(stopped.status == 0, "\(stopped.talk)")
            #expect(try records(stopped.talk).filter { $0["level"] == "error" } == [])
            let messages = try records(stopped.talk).compactMap { $0["message"] }
            #expect(Set(messages).isSuperset(of: ["scheduler began", "attempt began", "attempt ended", "run ended"]))
            let wrong = try await scene.program.run("schedule", "--metrics-listen", "nowhere:x")
            #expect(wrong.status == 64 && wrong.talk.contains("no address to listen on"))
        }
    }

    @Test("a run by hand or cron pings at its start and its end, and a plan does not")
    func pings() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write(
                Scene.jobFile + "notify: {ping_url_env: PING}\n", to: "jobs/\(Scene.job).yaml")
            // The stand-in knows no such path, and says so: one line of talk for each ping.
            let program = scene.program(["PING": scene.server.url + "/ping/uuid-of-the-check"])
            let words = "the ping did not arrive: the service answered 4"
            let run = try await program.run("run", Scene.job)
            #expect(run.status == 0 && run.talk.components(separatedBy: words).count == 3, "\(run.talk)")
            #expect(!run.talk.contains("uuid-of-the-check"))
            let plan = try await program.run("run", Scene.job, "--plan")
            #expect(plan.status == 0 && !plan.talk.contains(words), "\(plan.talk)")
            let unset = try await scene.program.run("run", Scene.job)
            #expect(unset.status == 0 && unset.talk.contains("no ping was sent"), "\(unset.talk)")
        }
    }

    @Test("whoever asked for it gets a mail about open differences, and about an error")
    func mail() async throws {
        try await MailServerProcess.with("plain") { mail in
            try await Scene.with(plants: [.openAbsent: 2]) { scene in
                let settings = try scene.folder.text(of: "jobs/settings.yaml")
                try scene.folder.write(
                    settings + "delivery: {email: {from: trueup@example.com}}\n", to: "jobs/settings.yaml")
                try scene.folder.write(
                    Scene.jobFile + "notify: {on: [drift, failure], email: [finance@example.com]}\n",
                    to: "jobs/\(Scene.job).yaml")
                let program = scene.program(["SMTP_URL": "smtp://127.0.0.1:\(mail.port)"])
                let run = try await program.run("run", Scene.job)
                #expect(run.status == 2, "\(run.everything)")
                let first = try mail.received()
                #expect(first.map(\.recipients) == [["finance@example.com"]])
                #expect(
                    first.first?.header("Subject") == "Trueup: \(Scene.job): 2 differences remain (run 1)")
                var broken = program
                broken.environment["TASK_HEALTH_STRIPE_SECRET_KEY"] = "sk_test_another"
                let failed = try await broken.run("run", Scene.job)
                #expect(failed.status != 0, "\(failed.everything)")
                let second = try mail.received()
                #expect(second.count == 2, "\(failed.everything)")
                #expect(second.last?.header("Subject") == "Trueup: \(Scene.job) failed")
                #expect(second.last?.text?.contains("sk_test_another") == false)
            }
        }
    }
}
