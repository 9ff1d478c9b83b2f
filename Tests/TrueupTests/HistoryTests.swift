import Foundation
import Glibc
import PostgreSQL
import Sandbox
import Store
import Support
import Testing

@Suite("History, names and health", .timeLimit(.minutes(5)))
struct HistoryTests {
    @Test(
        "a name that does not exist is a wrong command line, with the nearest one",
        arguments: [
            (["runs", "--job", "credit-invoice"], "Did you mean credit-invoices?"),
            (["findings", "list", "--job", "credit_invoices"], "Did you mean credit-invoices?"),
            (["findings", "list", "--account", "task_heath"], "Did you mean task_health?"),
            (["findings", "list", "--account", "zzz"], "There are: task_health."),
            (["report", "list", "--job", "credit-invoice"], "Did you mean credit-invoices?"),
        ])
    func names(_ arguments: [String], _ words: String) async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let wrong = try await scene.program.run(arguments)
            #expect(wrong.status == 64 && wrong.output.isEmpty, "\(wrong.everything)")
            #expect(wrong.talk.contains(words), "\(wrong.talk)")
            // A job without runs is no mistake.
            #expect(try await scene.program.run("runs", "--job", Scene.job).status == 0)
            #expect(try await scene.program.run("findings", "list", "--account", "task_health").status == 0)
        }
    }

    @Test("several jobs in one command give one JSON document a line")
    func json() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write(
                "kind: expire\naccount: task_health\nlimits: {max_repair_share: 1}\n", to: "jobs/expire.yaml")
            let both = try await scene.program.run("run", Scene.job, "expire", "--json")
            let lines = both.output.split(separator: "\n")
            #expect(lines.count == 2, "\(both.everything)")
            let jobs = try lines.map { line in
                let document = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                return document?["job"] as? String
            }
            #expect(jobs == [Scene.job, "expire"])
        }
    }

    @Test("a misspelt --data-dir is refused, and makes nothing")
    func dataDirectory() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let program = scene.program(["DATABASE_URL": ""])
            let wrong = try await program.run("runs", "--data-dir", "typo")
            #expect(wrong.status == 1 && wrong.talk.contains("There is no database in typo."), "\(wrong.talk)")
            #expect(wrong.talk.contains("trueup db start --data-dir typo"))
            #expect(!FileManager.default.fileExists(atPath: scene.folder.path + "/typo"))
            // What is advised can be given as it stands.
            for words in [["runs"], ["check", "--online"]] {
                let spaced = try await program.run(words + ["--data-dir", "my data"])
                #expect(spaced.everything.contains("trueup db start --data-dir 'my data'"), "\(spaced.everything)")
            }
            // A directory that cannot be looked into is not one without a database.
            let inner = scene.folder.path + "/closed/postgres"
            try scene.folder.write("", to: "closed/file")
            try FileManager.default.createSymbolicLink(atPath: inner, withDestinationPath: "postgres")
            for words in [["runs"], ["db", "status"]] {
                let closed = try await program.run(words + ["--data-dir", "closed"])
                #expect(closed.status == 1, "\(closed.everything)")
                #expect(closed.talk.contains("cannot look into \(inner): "), "\(closed.everything)")
                #expect(!closed.everything.contains("no database") && !closed.everything.contains("not made"))
            }
        }
    }

    @Test("a run by hand shows in jobs, a paused one says that it runs all the same, and accepted findings add up")
    func jobs() async throws {
        try await Scene.with(plants: [.openAbsent: 2]) { scene in
            #expect(try await scene.program.run("jobs").output.contains("  last      never ran"))
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            let jobs = try await scene.program.run("jobs")
            #expect(jobs.output.contains(" drift, run 1 (by hand or cron)"), "\(jobs.output)")
            #expect(jobs.output.contains("\n  open      2 differences\n"), "\(jobs.output)")
            let words = "  health    WAITING: 2 differences are open: trueup findings list --job \(Scene.job)\n"
            #expect(jobs.output.contains(words), "\(jobs.output)")
            #expect(try await scene.program.run("jobs", "pause", Scene.job).status == 0)
            let paused = try await scene.program.run("run", Scene.job)
            #expect(paused.talk.contains("is paused by ") && paused.talk.contains("It runs now all the same"))
            for number in 1...2 {
                let accepted = try await scene.program.run("findings", "accept", "F-\(number)", "--note", "known")
                #expect(accepted.status == 0, "\(accepted.everything)")
            }
            let quiet = try await scene.program.run("run", Scene.job)
            #expect(quiet.status == 0, "\(quiet.everything)")
            #expect(quiet.output.contains("finding          found  repaired  accepted  open"), "\(quiet.output)")
            let shown = try await scene.program.run("runs", "3")
            #expect(shown.output.contains("missing_locally      2         0         2     0"), "\(shown.output)")
            #expect(try await scene.program.run("jobs", "resume", Scene.job).status == 0)
            let well = try await scene.program.run("jobs").output
            #expect(well.contains("  health    ok\n") && !well.contains("  open  "), "\(well)")
        }
    }

    @Test("a run that could not begin is in the history, and its job does not look well")
    func couldNotBegin() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let wrong = scene.program(["TASK_HEALTH_STRIPE_SECRET_KEY": "sk_test_rolled00000000000000"])
            let failed = try await wrong.run("run", Scene.job, "--quiet")
            #expect(failed.status == 1, "\(failed.everything)")
            let runs = try await scene.program.run("runs")
            #expect(runs.output.contains("failed"), "\(runs.everything)")
            let one = try await scene.program.run("runs", "1")
            #expect(one.output.contains("period     none: it could not begin"), "\(one.everything)")
            let jobs = try await scene.program.run("jobs")
            #expect(jobs.output.contains("FAILING: run 1 is failed: "), "\(jobs.everything)")
            #expect(try await scene.program.run("run", Scene.job).status == 0)
            #expect(try await scene.program.run("jobs").output.contains("health    ok"))
        }
    }

    @Test("a paused job does not run from cron, and the typo in one file does not keep another job from running")
    func fromCron() async throws {
        var plants: [Plant: Int] = [:]
        plants[.paidOpen] = 2
        try await Scene.with(orders: 200, plants: plants) { scene in
            #expect(try await scene.program.run("jobs", "pause", Scene.job).status == 0)
            let paused = try await scene.program.run("run", "--quiet", Scene.job)
            #expect(paused.status == 0 && paused.everything.isEmpty, "\(paused.everything)")
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.run", as: Int64.self) == 0)
            #expect(try await scene.program.run("jobs", "resume", Scene.job).status == 0)
            try scene.folder.write("kind: reconcil\n", to: "jobs/typo.yaml")
            try scene.folder.write("kind: expire\naccount: task_health\nstale_after: 7d\n", to: "jobs/old-drafts.yaml")
            let refused = try await scene.program.run("run", "--quiet", "old-drafts")
            #expect(refused.status == 1 && refused.talk.contains("typo.yaml:1"), "\(refused.everything)")
            let ran = try await scene.program.run("run", "--quiet", Scene.job)
            #expect(ran.status == 0, "\(ran.everything)")
            #expect(ran.talk.contains("typo.yaml:1") && ran.talk.contains("These files are left out"), "\(ran.talk)")
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.repair", as: Int64.self) == 2)
        }
    }

    @Test("what did not run is listed with its reason, and a job that nobody started is late")
    func missed() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write(
                Scene.jobFile + "schedule: \"* * * * *\"\ntime_zone: Europe/Berlin\n", to: "jobs/\(Scene.job).yaml")
            #expect(try await scene.program.run("runs", "--missed").talk == "Nothing was missed.\n")
            let pool = Pool(scene.target, size: 1, applicationName: "scene")
            let occurrences = Occurrences(pool: pool)
            _ = try await occurrences.learn([
                KnownJob(job: Scene.job, definitionHash: "", schedule: "* * * * * Europe/Berlin")
            ])
            try await pool.withConnection { connection in
                _ = try await connection.execute(
                    """
                    UPDATE trueup.job_state SET last_nominal = date_trunc('minute', now()) - interval '10 minutes'
                    """)
            }
            await pool.close()
            #expect(try await scene.program.run("jobs").output.contains("  health    LATE: it was due at "))
            let running = try scene.program.start("schedule")
            try await scene.wait(until: "(SELECT count(*) FROM trueup.occurrence WHERE state = 'missed') >= 8")
            #expect(try await running.signal(SIGTERM).status == 0)
            let listed = try await scene.program.run("runs", "--missed", "--job", Scene.job)
            #expect(listed.output.contains("superseded_by_latest"), "\(listed.everything)")
            #expect(listed.output.contains("+01:00") || listed.output.contains("+02:00"))
        }
    }

    @Test("an apply that was killed is interrupted, going on with the plan ends it, and then it is done already")
    func apply() async throws {
        var plants: [Plant: Int] = [:]
        plants[.paidOpen] = 60
        try await Scene.with(orders: 3_000, plants: plants, latencyMilliseconds: 40) { scene in
            let plan = try await scene.program.run("run", Scene.job, "--plan")
            #expect(plan.status == 2, "\(plan.everything)")
            let made = try FileManager.default.contentsOfDirectory(atPath: scene.folder.path + "/plans")
            let path = try #require(made.first.map { "plans/" + $0 })
            let running = try scene.program.start("apply", path)
            try await scene.wait(until: "EXISTS (SELECT FROM trueup.run WHERE trigger = 'apply')")
            _ = try await running.signal(SIGKILL)
            try await scene.wait(
                until: """
                    NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory'
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
                    """)
            let state = try await scene.value(
                "SELECT state AS value FROM trueup.run WHERE trigger = 'apply'", as: String.self)
            let shown = try await scene.program.run("runs")
            if state == "running" { #expect(shown.output.contains("apply  interrupted"), "\(shown.output)") }
            let again = try await scene.program.run("apply", path)
            #expect(again.status == 0, "\(again.everything)")
            let third = try await scene.program.run("apply", path)
            #expect(third.status == 0 && third.output.contains("This plan is done already: all of its 60 items"))
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.repair", as: Int64.self) == 60)
        }
    }

    @Test("check --online says which privileges lack, and whether the mail server lets us in")
    func online() async throws {
        try await MailServerProcess.with("plain") { mail in
            try await Scene.with(orders: 60, plants: [:]) { scene in
                let settings = try scene.folder.text(of: "jobs/settings.yaml")
                try scene.folder.write(
                    settings + "delivery: {email: {from: trueup@example.com}, directory: {path: reports}}\n",
                    to: "jobs/settings.yaml")
                let program = scene.program(["SMTP_URL": "smtp://127.0.0.1:\(mail.port)"])
                let good = try await program.run("check", "--online")
                #expect(good.status == 0, "\(good.everything)")
                #expect(good.output.contains("ok   mail: smtp://127.0.0.1:\(mail.port) lets us in"))
                #expect(good.output.contains("ok   report directory: reports will be made"))
                #expect(try mail.received().isEmpty)
                let away = try await scene.program(["SMTP_URL": "smtp://127.0.0.1:1"]).run("check", "--online")
                #expect(away.status == 1 && away.output.contains("BAD  mail: "), "\(away.output)")
                let connection = try await Connection.open(scene.target, applicationName: "scene")
                let role = "reader_\(UInt32.random(in: 0...UInt32.max))"
                try await connection.run(
                    script: """
                        CREATE ROLE \(role) LOGIN;
                        GRANT USAGE ON SCHEMA trueup, public TO \(role);
                        GRANT SELECT ON ALL TABLES IN SCHEMA trueup, public TO \(role);
                        """)
                let url = try #require(program.environment["DATABASE_URL"])
                var other = program
                other.environment["DATABASE_URL"] = url.replacingOccurrences(
                    of: "user=\(scene.target.user ?? "")", with: "user=\(role)")
                let poor = try await other.run("check", "--online")
                #expect(poor.status == 1, "\(poor.everything)")
                #expect(poor.output.contains("role \(role) lacks UPDATE on "), "\(poor.output)")
                #expect(poor.output.contains("lacks INSERT, UPDATE on public.task_credit_agency_balance"))
                #expect(poor.output.contains("GRANT CREATE ON SCHEMA trueup"))
                let all = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA trueup, public TO \(role)"
                try await connection.run(script: all)
                let run = try await other.run("run", Scene.job)
                #expect(run.status == 1 && run.talk.contains(": GRANT CREATE ON SCHEMA trueup TO "), "\(run.talk)")
                try await connection.run(script: "DROP OWNED BY \(role); DROP ROLE \(role);")
                await connection.close()
            }
        }
    }
}
