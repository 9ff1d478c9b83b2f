import Foundation
import PostgreSQL
import Store
import Support
import Testing

/// “Did tonight's statement run?” is answered by `jobs` and `runs`.
@Suite("Reports in the history", .timeLimit(.minutes(5)))
struct ReportAttemptTests {
    private static let job = """
        kind: report
        report: balance
        after: [\(Scene.job)]
        cut_off: {at: "00:00", time_zone: UTC}
        formats: [json]
        deliver: {directory: true, when: always}
        schedule: "0 4 * * *"
        time_zone: America/New_York

        """

    private static func with(_ body: (Scene) async throws -> Void) async throws {
        try await Scene.with(orders: 600) { scene in
            try scene.folder.write(
                Scene.jobFile.replacingOccurrences(of: "look_back: 35d", with: "look_back: 401d"),
                to: "jobs/\(Scene.job).yaml")
            try scene.folder.write(Self.job, to: "jobs/balance-report.yaml")
            try scene.folder.write(
                Scene.settings(scene.server.url) + "delivery: {directory: {path: reports}}\n", to: "jobs/settings.yaml")
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            try await scene.readFromTheBeginning()
            try await body(scene)
        }
    }

    /// What `jobs` says of the report's job.
    private static func lines(
        _ scene: Scene, of job: String = "balance-report"
    ) async throws -> (last: String, since: String, health: String) {
        let listed = try await scene.program.run("jobs")
        let block = listed.output.components(separatedBy: "\n\n").first { $0.hasPrefix(job + "  ") } ?? ""
        func line(_ word: String) -> String? {
            block.split(separator: "\n").first { $0.hasPrefix("  \(word) ") }.map(String.init)
        }
        return (line("last") ?? listed.everything, line("since") ?? "", line("health") ?? listed.everything)
    }

    /// A member of what `jobs --json` says of a job, or of an object in it: `last_report.state`.
    private static func json(_ scene: Scene, _ path: String, of job: String = "balance-report") async throws -> String {
        let text = try await scene.program.run("jobs", "--json").output
        let document = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let jobs = document?["jobs"] as? [[String: Any]]
        var value: Any? = jobs?.first { $0["name"] as? String == job }
        for name in path.split(separator: ".") { value = (value as? [String: Any])?[String(name)] }
        return value.map { $0 is NSNull ? "null" : "\($0)" } ?? "nothing in \(text)"
    }

    /// What was made so far is of the day before: a new cut-off has come.
    private static func nextDay(_ scene: Scene) async throws {
        try await scene.execute("UPDATE trueup.report_attempt SET cut_off_seconds = cut_off_seconds - 86400")
    }

    /// The rows of `runs` that are about reports, without what depends on the clock.
    private static func rows(_ scene: Scene, _ arguments: String...) async throws -> [String] {
        let listed = try await scene.program.run(["runs"] + arguments)
        #expect(listed.status == 0, "\(listed.everything)")
        return listed.output.split(separator: "\n").filter { $0.contains("balance-report") }.map {
            $0.split(separator: " ").prefix { !$0.contains("-") || $0 == "balance-report" }.joined(separator: " ")
        }
    }

    @Test("a report that was made, made again, incomplete or not made at all is in jobs and in runs")
    func byHand() async throws {
        try await Self.with { scene in
            let before = try await Self.lines(scene)
            #expect(before.last == "  last      never ran" && before.health.contains("never ran"), "\(before)")
            let made = try await scene.program.run("run", "balance-report")
            #expect(made.status == 2, "\(made.everything)")
            let items = try await scene.value(
                "SELECT open_items AS value FROM trueup.report WHERE id = 1", as: Int64.self)
            let once = try await Self.lines(scene)
            #expect(
                once.last.contains(" unexplained, report 1, \(items) open items, up to ")
                    && once.last.hasSuffix(" (by hand or cron)"), "\(once)")
            #expect(
                once.health == "  health    WAITING: report 1 is unexplained, with \(items) open items: "
                    + "trueup report show 1", "\(once)")
            #expect(try await Self.json(scene, "health") == "waiting")
            #expect(try await Self.rows(scene) == ["report 1 balance-report report unexplained"])
            let whole = try await scene.program.run("runs", "--job", "balance-report")
            let cutOff = try await scene.value(
                "SELECT to_char(to_timestamp(cut_off_seconds) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS value "
                    + "FROM trueup.report", as: String.self)
            #expect(
                whole.output.split(separator: "\n").count == 2
                    && whole.output.contains(" \(items)  up to \(cutOff) 00:00:00 UTC\n"), "\(whole.everything)")
            #expect(try await scene.program.run("runs", "--limit", "1").output.contains("report 1"))
            // The run before it is listed with it, and its number is shown as before.
            #expect(try await scene.program.run("runs").output.contains("     1  \(Scene.job)"))
            #expect(try await scene.program.run("runs", "1").output.contains("job        \(Scene.job)"))

            // The same figures are the same report; a report of another time is no report of tonight.
            #expect(try await scene.program.run("report", "--as-of", "2025-11-02").status != 1)
            #expect(try await scene.program.run("run", "balance-report").status == 2)
            #expect(try await Self.lines(scene).last.contains(" unexplained, report "))
            #expect(try await scene.program.run("report", "--as-of", "2025-11-02").status != 1)
            #expect(try await Self.lines(scene).last.hasSuffix(" (by hand or cron)"))

            try await Self.failsByHand(scene)

            try await scene.execute("UPDATE trueup.run SET state = 'incomplete', problems = '{window 3 was not read}'")
            #expect(try await scene.program.run("run", "balance-report").status == 3)
            let incomplete = try await Self.lines(scene)
            let last = try await scene.value("SELECT max(id) AS value FROM trueup.report", as: Int64.self)
            #expect(incomplete.last.contains(" incomplete, report \(last), "), "\(incomplete)")
            #expect(
                incomplete.health == "  health    FAILING: report \(last) is incomplete: trueup report show \(last)",
                "\(incomplete)")
        }
    }

    @Test("with --json a report that cannot be made has its line as well, with the members of one and why")
    func document() async throws {
        try await Self.with { scene in
            func first(of jobs: [String], _ status: Int32) async throws -> [String: Any] {
                let made = try await scene.program.run(["run"] + jobs + ["--json", "--jobs", "./jobs"])
                #expect(made.status == status, "\(made.everything)")
                // Of several jobs each document is a line, of one it has many.
                let line = try #require(made.output.split(separator: "\n").first)
                let text = jobs.count == 1 ? made.output : String(line)
                return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            }
            let whole = try await first(of: ["balance-report"], 2)
            #expect(
                Set(whole.keys) == [
                    "format", "report", "job", "state", "directory", "files", "repeated", "deliveries",
                ])
            #expect(whole["report"] as? Int == 1 && whole["state"] as? String == "unexplained")
            try await scene.execute("ALTER TABLE task_credit_adjustment RENAME TO elsewhere")
            let failed = try await first(of: ["balance-report", Scene.job], 1)
            #expect(Set(failed.keys) == Set(whole.keys).union(["exit_code", "problems"]), "\(failed)")
            #expect(failed["format"] as? String == "trueup.report-run/1" && failed["state"] as? String == "failed")
            #expect(failed["exit_code"] as? Int == 1 && failed["report"] is NSNull && failed["directory"] is NSNull)
            let why = (failed["problems"] as? [String])?.first ?? ""
            #expect(why.hasPrefix("The database has no table public.task_credit_adjustment."), "\(why)")
            #expect(why.hasSuffix(" with: trueup db migrate --application --jobs ./jobs"), "\(why)")
        }
    }

    /// A copy that fails does not hide that tonight's report is there, and one that fails before it is there does not
    /// look well.
    private static func failsByHand(_ scene: Scene) async throws {
        try scene.folder.write("a file", to: "taken")
        func fails() async throws -> Int64 {
            let failed = try await scene.program.run("report", "--out", "taken")
            #expect(failed.status == 1, "\(failed.everything)")
            return try await scene.value("SELECT max(id) AS value FROM trueup.report_number", as: Int64.self)
        }
        let copy = try await fails()
        #expect(try await rows(scene).first == "report \(copy) balance-report report failed")
        let well = try await lines(scene)
        #expect(well.last.contains(" unexplained, report ") && !well.last.contains("report \(copy),"), "\(well)")
        #expect(
            well.since.contains(" failed, report \(copy), up to ") && well.since.hasSuffix(" (by hand or cron)"),
            "\(well)")
        #expect(well.health.hasPrefix("  health    WAITING: report "), "\(well)")
        #expect(well.health.contains("; the report is there; to make it once more did not succeed"), "\(well)")
        #expect(try await json(scene, "health") == "waiting")
        #expect(try await json(scene, "last_report.state") == "unexplained")
        #expect(try await json(scene, "failed_since.report") == "\(copy)")
        #expect(try await json(scene, "previous_report") == "null")

        try await nextDay(scene)
        let number = try await fails()
        let sick = try await lines(scene)
        #expect(
            sick.last.contains(" failed, report \(number), up to ") && sick.since.isEmpty
                && sick.health.contains("FAILING: report \(number) was not made: "), "\(sick)")
        #expect(try await json(scene, "last_report.state") == "failed")
        let isOwn = try await json(scene, "last_report.own")
        #expect(["1", "true"].contains(isOwn))
        #expect(try await json(scene, "previous_report.state") == "unexplained")
        #expect(try await json(scene, "failed_since") == "null")
        let all = try await scene.program.run("runs", "--json").output
        let document = try JSONSerialization.jsonObject(with: Data(all.utf8)) as? [String: Any]
        let newest = try #require((document?["reports"] as? [[String: Any]])?.first)
        #expect(newest["own"] as? Bool == true && (newest["cut_off"] as? String)?.hasSuffix("T00:00:00Z") == true)
        let problem = try #require(newest["problem"] as? String)
        // What it says of it in words begins with the cut-off and goes on with why.
        let listed = try await scene.program.run("runs", "--job", "balance-report").output.split(separator: "\n")
        #expect(listed[1].contains("  up to ") && listed[1].hasSuffix(": " + problem), "\(listed)")
    }

    @Test("the schedule's report is shown once, with its occurrence, and one that failed says so")
    func scheduled() async throws {
        try await Self.with { scene in
            try await scene.due("balance-report", attemptsMax: 1)
            let worked = try await scene.program.run("work", "--until-empty")
            #expect(worked.status == 0, "\(worked.everything)")
            let made = try await Self.lines(scene)
            let due = try await scene.value(
                """
                SELECT to_char(scheduled_at AT TIME ZONE 'America/New_York', 'YYYY-MM-DD"T"HH24:MI:SS') AS value
                FROM trueup.occurrence
                """, as: String.self)
            #expect(
                made.last.hasPrefix("  last      \(due)") && made.last.contains(" unexplained, report 1, "), "\(made)")
            #expect(!made.last.contains("by hand"), "\(made)")
            #expect(made.health.hasPrefix("  health    WAITING: report 1 is unexplained, "), "\(made)")
            #expect(try await Self.rows(scene) == ["report 1 balance-report report unexplained"])
            #expect(try await scene.program.run("runs", "--missed").talk == "Nothing was missed.\n")

            // Its figures are complete, and a folder that cannot be written is a failure of the night all the same.
            try await scene.execute("UPDATE trueup.run SET state = 'failed'")
            try await scene.execute(
                """
                UPDATE trueup.occurrence SET scheduled_at = scheduled_at - interval '1 day';
                """)
            try await scene.due("balance-report", attemptsMax: 1)
            #expect(try await scene.program.run("work", "--until-empty").status == 0)
            let failed = try await Self.lines(scene)
            #expect(failed.last.contains(" incomplete, report 2, "), "\(failed)")
            #expect(failed.health.contains("FAILING: "), "\(failed)")
            #expect(
                try await Self.rows(scene) == [
                    "report 2 balance-report report incomplete", "report 1 balance-report report unexplained",
                ])
            let missed = try await scene.program.run("runs", "--missed")
            #expect(
                missed.output.contains("balance-report") && missed.output.contains("failed"), "\(missed.everything)")
        }
    }

    @Test("an incomplete report that did not get there ends with 1, and jobs say both")
    func incompleteAndUnreached() async throws {
        try await Self.with { scene in
            let bucket = try ScriptedServer { _ in ScriptedServer.status(403) }
            defer { bucket.stop() }
            let way = "  s3: {bucket: finance, endpoint: \"\(bucket.url)\"}\n"
            try scene.folder.write(
                Self.job.replacing("directory: true", with: "directory: true, s3: true"),
                to: "jobs/balance-report.yaml")
            try scene.folder.write(
                Scene.settings(scene.server.url) + "delivery:\n  directory: {path: reports}\n" + way,
                to: "jobs/settings.yaml")
            try await scene.execute("UPDATE trueup.run SET state = 'incomplete', problems = '{window 3 was not read}'")
            let program = scene.program(["AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"])
            let made = try await program.run("run", "balance-report")
            #expect(made.status == 1 && made.everything.contains("INCOMPLETE"), "\(made.everything)")
            let health = try await Self.lines(scene).health
            #expect(
                health == "  health    FAILING: report 1 is incomplete and has not reached everybody (s3): "
                    + "trueup report show 1")
            let again = try await program.run("report", "--deliver")
            #expect(again.status == 1, "\(again.everything)")

            // The schedule's own attempt says what lacks as well.
            try await scene.due("balance-report", attemptsMax: 1)
            _ = try await program.run("work", "--until-empty")
            let due = try await Self.lines(scene).health
            #expect(
                due.contains("FAILING: report 1 is incomplete: ") && due.contains("window 3 was not read")
                    && due.hasSuffix("; it did not reach everybody: s3"), "\(due)")

            bucket.answers { _ in ScriptedServer.status(200) }
            let there = try await program.run("run", "balance-report")
            #expect(there.status == 3, "\(there.everything)")
            #expect(
                try await Self.lines(scene).health
                    == "  health    FAILING: report 1 is incomplete: trueup report show 1")
        }
    }

    /// Kills a process that makes the report.
    /// - Parameter whileRunning: called while it runs.
    private static func kill(_ scene: Scene, whileRunning body: () async throws -> Void = {}) async throws {
        // Whoever makes a report waits here for what was made before.
        let holder = try await Connection.open(scene.target, applicationName: "test")
        try await holder.run(script: "BEGIN; LOCK TABLE trueup.report IN ACCESS EXCLUSIVE MODE")
        let running = try scene.program.start("run", "balance-report")
        try await scene.wait(
            until: "EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'trueup.report'::regclass "
                + "AND database = \(database))")
        try await body()
        #expect(try await running.signal(SIGKILL).status == -1)
        try await holder.run(script: "ROLLBACK")
        await holder.close()
        try await unlocked(scene)
    }

    /// Waits until the server knows that the processes are gone that held a lock.
    private static func unlocked(_ scene: Scene) async throws {
        try await scene.wait(
            until: "NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = \(database))")
    }

    private static let database = "(SELECT oid FROM pg_database WHERE datname = current_database())"

    @Test("while a report is made jobs and runs say so, and one whose process was killed is interrupted")
    func killed() async throws {
        try await Self.with { scene in
            try await Self.kill(scene) {
                let health = try await Self.lines(scene).health
                let rows = try await Self.rows(scene)
                #expect(health == "  health    it runs now")
                #expect(rows == ["– balance-report report running"])
            }
            #expect(try await Self.rows(scene) == ["– balance-report report interrupted"])
            let first = try await Self.lines(scene)
            #expect(
                first.last.contains(" killed before its end, up to ") && first.last.hasSuffix(" (by hand or cron)"),
                "\(first)")
            #expect(first.health.contains("FAILING: the report up to "), "\(first)")
            #expect(
                first.health.contains(" was not made: it was killed before its end, having started at ")
                    && first.health.hasSuffix("; run it again: trueup run balance-report"), "\(first)")

            #expect(try await scene.program.run("run", "balance-report").status == 2)
            let made = try await Self.lines(scene).health
            #expect(made.hasPrefix("  health    WAITING: report 1 is unexplained, "), "\(made)")
            #expect(
                try await Self.rows(scene) == [
                    "report 1 balance-report report unexplained", "– balance-report report interrupted",
                ])

            // Tonight's report is there: one that was to make it again says so, and does not hide it.
            try await Self.kill(scene)
            let there = try await Self.lines(scene)
            #expect(there.last.contains(" unexplained, report 1, "), "\(there)")
            #expect(there.since.contains(" killed before its end, up to "), "\(there)")
            #expect(there.health.contains("; the report is there; to make it once more did not succeed"), "\(there)")

            // The next night's is not.
            try await Self.nextDay(scene)
            try scene.folder.write("a file", to: "taken")
            #expect(try await scene.program.run("report", "--out", "taken").status == 1)
            let failed = try await Self.lines(scene)
            #expect(failed.last.contains(" failed, up to ") && failed.last.hasSuffix(" (by hand or cron)"), "\(failed)")
            #expect(failed.health.contains("FAILING: the report up to "), "\(failed)")
            try await Self.kill(scene)
            let lacking = try await Self.lines(scene)
            #expect(lacking.last.contains(" killed before its end, up to ") && lacking.since.isEmpty, "\(lacking)")
            #expect(
                lacking.health.contains("FAILING: the report up to ")
                    && lacking.health.contains(": trueup run balance-report; the last one: unexplained, report 1, "),
                "\(lacking)")
            #expect(try await Self.json(scene, "health") == "failing")
            #expect(try await Self.json(scene, "last_report.state") == "interrupted")
            let cutOff = try await Self.json(scene, "last_report.cut_off")
            #expect(cutOff.hasSuffix("T00:00:00Z"))
            #expect(try await Self.json(scene, "previous_report.report") == "1")
            _ = try await scene.program.run("run", Scene.job, "--metrics-file", "m.prom")
            let metrics = try scene.folder.text(of: "m.prom")
            #expect(
                metrics.contains(
                    "trueup_last_run_end_timestamp_seconds{job=\"balance-report\",state=\"interrupted\"} "),
                "\(metrics)")
            #expect(!metrics.contains("trueup_last_run_duration_seconds{job=\"balance-report\"}"), "\(metrics)")
        }
    }

    @Test("one that takes longer than its job's timeout is stopped, and the history says why")
    func timedOut() async throws {
        try await Self.with { scene in
            try scene.folder.write(Self.job + "timeout: 3s\n", to: "jobs/balance-report.yaml")
            let holder = try await Connection.open(scene.target, applicationName: "test")
            try await holder.run(script: "BEGIN; LOCK TABLE trueup.report IN ACCESS EXCLUSIVE MODE")
            let words = "It was stopped after 3 s, the job's timeout."
            let stopped = try await scene.program.run("run", "balance-report")
            #expect(stopped.status == 1 && stopped.talk.hasSuffix("trueup: \(words)\n"), "\(stopped.everything)")
            try await holder.run(script: "ROLLBACK")
            await holder.close()
            #expect(try await Self.rows(scene) == ["– balance-report report interrupted"])
            let why = try await scene.value("SELECT problem AS value FROM trueup.report_attempt", as: String.self)
            #expect(why == words)
        }
    }

    private static func open(_ scene: Scene) async throws -> Int64 {
        try await scene.value(
            "SELECT count(*) AS value FROM trueup.finding WHERE state = 'open' AND action <> 'inform'", as: Int64.self)
    }

    @Test("a run that was killed or stopped does not look well, and says what is open once it came to its end")
    func killedRun() async throws {
        try await Scene.with(orders: 6_000, latencyMilliseconds: 120) { scene in
            #expect(try await scene.program.run("run", Scene.job).status == 2)
            let count = try await Self.open(scene)
            let open =
                "  health    WAITING: \(count) differences are open: trueup findings list --job \(Scene.job)"
            #expect(try await Self.lines(scene, of: Scene.job).health == open)
            for (run, signal, words) in [
                (2, SIGKILL, "killed before its end, having started at "),
                (3, SIGTERM, "stopped before its end at "),
            ] {
                let running = try scene.program.start("run", Scene.job)
                try await scene.wait(
                    until: "EXISTS (SELECT FROM trueup.run r JOIN trueup.window w ON w.run_id = r.id "
                        + "WHERE r.id = \(run) AND r.state = 'running' AND NOT w.is_done)")
                _ = try await running.signal(signal)
                try await Self.unlocked(scene)
                let sick = try await Self.lines(scene, of: Scene.job)
                #expect(sick.last.hasSuffix(" interrupted, run \(run) (by hand or cron)"), "\(sick)")
                #expect(sick.health.contains("FAILING: run \(run) was " + words), "\(sick)")
                #expect(sick.health.hasSuffix("; run it again: trueup run \(Scene.job)"), "\(sick)")
                #expect(try await Self.json(scene, "health", of: Scene.job) == "failing")
                #expect(try await Self.json(scene, "last_run.state", of: Scene.job) == "interrupted")
                #expect(try await scene.program.run("run", Scene.job).talk.contains("goes on with run \(run)"))
                #expect(try await Self.lines(scene, of: Scene.job).health == open)
            }
        }
    }
}
