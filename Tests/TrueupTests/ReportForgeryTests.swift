import Foundation
import PostgreSQL
import Support
import Testing

@Suite("Reports whose rows somebody changed", .timeLimit(.minutes(5)))
struct ReportForgeryTests {
    @Test(
        "every row that a report left in the tables is held against its files",
        arguments: [
            ("UPDATE trueup.report_item SET credits_effect = credits_effect + 1", "item F-"),
            ("UPDATE trueup.report_item SET amounts = '{1}', currencies = '{usd}'", "item F-"),
            ("DELETE FROM trueup.report_item", "item F-"),
            ("INSERT INTO trueup.report_charge VALUES (1, 4, 'usd', 0, 100, 0)", "charges of agency 4 in USD"),
            ("UPDATE trueup.report_line SET opening = opening + 1", "agency 1"),
            ("UPDATE trueup.report_line SET consumed = consumed + 1", "agency 1"),
            // What adds up to the same closing.
            (
                "UPDATE trueup.report_line SET consumed = consumed + 5, adjustments = adjustments + 5 "
                    + "WHERE agency_id = 1", "agency 1"
            ),
            ("UPDATE trueup.report_line SET bought_locally = bought_locally - 5000 WHERE agency_id = 1", "agency 1"),
            ("UPDATE trueup.report SET period_from_seconds = cut_off_seconds - 86400", "start of the period"),
            ("DELETE FROM trueup.report_resolved", "resolved item F-"),
            ("UPDATE trueup.report_resolved SET closed_at = closed_at - interval '1 day'", "resolved item F-"),
            ("DELETE FROM trueup.report_repair", "the number of repairs"),
            ("UPDATE trueup.report SET cut_off_seconds = cut_off_seconds - 1", "cut-off"),
        ])
    func forgedRow(sql: String, name: String) async throws {
        try await ReportTests.withReport { scene, folder in
            try await Self.forge(sql, scene)
            let changed = try await scene.program.run("report", "verify", folder)
            #expect(changed.status == 1, "\(changed.everything)")
            let line = changed.output.split(separator: "\n").first { $0.contains("its files, which are proven: ") }
            #expect(line?.contains(name) == true, "\(changed.everything)")
        }
    }

    /// As whoever owns the tables can: without the triggers that refuse it.
    static func forge(_ sql: String, _ scene: Scene) async throws {
        let connection = try await Connection.open(scene.target, applicationName: "forger")
        try await connection.run(script: "SET session_replication_role = replica; " + sql)
        await connection.close()
    }

    /// Takes a report out of the tables.
    private static func remove(_ id: Int, _ scene: Scene) async throws {
        let tables = [
            "report_file", "report_line", "report_charge", "report_item", "report_resolved", "report_repair",
            "report_regular", "report_delivery",
        ]
        try await forge(
            tables.map { "DELETE FROM trueup.\($0) WHERE report_id = \(id); " }.joined()
                + "DELETE FROM trueup.report WHERE id = \(id)", scene)
    }

    @Test("a report that was taken out of the tables is missed, the last one, too, and is not called killed")
    func removed() async throws {
        try await ReportTests.withReport { scene, first in
            for (day, out) in [("2026-01-02", "two"), ("2026-01-03", "three")] {
                let made = try await scene.program.run("report", "--as-of", day, "--out", out, "--format", "json")
                #expect(made.talk.contains("Report "), "\(made.everything)")
            }
            func verify(_ path: String) async throws -> Program.Result {
                try await scene.program.run("report", "verify", path)
            }
            #expect(try await verify(first).status == 0)
            try await Self.remove(3, scene)
            let last = try await verify("three")
            #expect(last.status == 1 && last.output.contains("is the manifest of report 3"), "\(last.everything)")
            let before = try await verify(first)
            #expect(before.status == 1 && before.output.contains("Taken out of the tables: report 3, made "))
            let list = try await scene.program.run("report", "list")
            #expect(list.talk.contains("number 3, balance-report: was a report, made "), "\(list.everything)")
            #expect(!list.talk.contains("killed"), "\(list.everything)")
            let shown = try await scene.program.run("report", "show", "3")
            #expect(shown.status == 1 && shown.talk.contains("Number 3 was a report"), "\(shown.everything)")
            // Whoever takes out the second place as well leaves a folder that goes on from a known report, ...
            try await Self.forge("DELETE FROM trueup.report_made WHERE report_id = 3", scene)
            let orphan = try await verify("three")
            #expect(orphan.status == 1 && orphan.output.contains("goes on from report 2"), "\(orphan.everything)")
            // ... and whoever takes out one in the middle with its number breaks chain and numbers.
            try await Self.remove(2, scene)
            try await Self.forge(
                "DELETE FROM trueup.report_made WHERE report_id = 2; DELETE FROM trueup.report_number WHERE id = 2",
                scene)
            let gap = try await verify(first)
            #expect(gap.status == 1 && gap.output.contains("Numbers have no gap, and 2 is missing"))
        }
    }
}
