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
            try await body(scene)
        }
    }

    /// What `jobs` says of the report's job.
    private static func lines(_ scene: Scene) async throws -> (last: String, health: String) {
        let listed = try await scene.program.run("jobs")
        let block = listed.output.components(separatedBy: "\n\n").first { $0.hasPrefix("balance-report  ") } ?? ""
        func line(_ word: String) -> String {
            block.split(separator: "\n").first { $0.hasPrefix("  \(word) ") }.map(String.init) ?? listed.everything
        }
        return (line("last"), line("health"))
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
            #expect(once.health == "  health    ok")
            #expect(try await Self.rows(scene) == ["report 1 balance-report report unexplained"])
            let whole = try await scene.program.run("runs", "--job", "balance-report")
            #expect(whole.output.split(separator: "\n").count == 2 && whole.output.hasSuffix(" \(items)\n"))
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

            try scene.folder.write("a file", to: "taken")
            let failed = try await scene.program.run("report", "--out", "taken")
            #expect(failed.status == 1, "\(failed.everything)")
            let number = try await scene.value(
                "SELECT max(id) AS value FROM trueup.report_number", as: Int64.self)
            #expect(try await Self.rows(scene).first == "report \(number) balance-report report failed")
            let sick = try await Self.lines(scene)
            #expect(
                sick.last.contains(" failed, report \(number) (by hand")
                    && sick.health.contains("FAILING: report \(number) was not made: "), "\(sick)")

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
            #expect(!made.last.contains("by hand") && made.health == "  health    ok", "\(made)")
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

    @Test("while a report is made jobs and runs say so, and one whose process was killed is interrupted")
    func killed() async throws {
        try await Self.with { scene in
            // Whoever makes a report waits here for its number.
            let holder = try await Connection.open(scene.target, applicationName: "test")
            try await holder.run(script: "BEGIN; LOCK TABLE trueup.report_number IN SHARE ROW EXCLUSIVE MODE")
            let running = try scene.program.start("run", "balance-report")
            try await scene.wait(
                until: "EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock')")
            #expect(try await Self.lines(scene).health == "  health    it runs now")
            #expect(try await Self.rows(scene) == ["the report balance-report report running"])
            _ = try await running.signal(SIGKILL)
            try await holder.run(script: "ROLLBACK")
            await holder.close()
            try await scene.wait(
                until: "NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = "
                    + "(SELECT oid FROM pg_database WHERE datname = current_database()))")
            #expect(try await Self.rows(scene) == ["the report balance-report report interrupted"])
            #expect(try await Self.lines(scene).last == "  last      never ran")
        }
    }
}
