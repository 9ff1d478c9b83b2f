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

    /// What only the manifest has of the rows: each is put back before the next.
    private static let rows = [
        ("UPDATE trueup.report SET run_ids = '{1,2}'", "proven: run_ids."),
        ("UPDATE trueup.report SET open_items = 1", "proven: open_items."),
        ("UPDATE trueup.report SET created_at = created_at - interval '1 microsecond'", "proven: created_at, "),
        (
            "UPDATE trueup.report SET requested_by = 'miriam@laptop'",
            "proven: requested_by, report_number.requested_by."
        ),
        ("UPDATE trueup.report SET formats = '{csv,json}'", "proven: formats."),
        ("UPDATE trueup.report SET definition_hash = 'd'", "proven: definition_hash."),
        ("UPDATE trueup.report SET data_sha256 = 'd'", "proven: data_sha256."),
        ("UPDATE trueup.report SET program_version = '0.1'", "proven: program_version."),
        ("UPDATE trueup.report SET as_of_seconds = as_of_seconds - 1", "proven: as_of_seconds."),
        ("UPDATE trueup.report SET zone = 'Europe/Paris'", "proven: zone."),
        ("UPDATE trueup.report_number SET requested_by = 'miriam@laptop'", "proven: report_number.requested_by."),
        ("UPDATE trueup.report_number SET taken_at = taken_at - interval '1 day'", "proven: report_number.taken_at."),
        ("UPDATE trueup.report_repair SET repair_id = repair_id + 1000", "proven: rows of report_repair."),
        (
            "UPDATE trueup.report_resolved SET finding_id = finding_id + 1000",
            "resolved item F-"
        ),
        (
            "UPDATE trueup.report_resolved SET closed_at = closed_at + interval '1 microsecond'",
            "proven: rows of report_resolved."
        ),
        ("UPDATE trueup.report_made SET at = at - interval '9 days'", "and report_made says "),
        ("UPDATE trueup.report_made SET previous_sha256 = 'p'", "another job or report before it of report 1"),
        ("DELETE FROM trueup.report_made", "report_made has no row of report 1"),
        // The report was made by hand: it is none that others are compared with.
        ("INSERT INTO trueup.report_regular VALUES (1, now())", "nothing noted that it was sent"),
        (
            "INSERT INTO trueup.report_marked SELECT id, created_at FROM trueup.report; "
                + "INSERT INTO trueup.report_regular SELECT * FROM trueup.report_marked", "proven: report_regular.at."
        ),
        ("INSERT INTO trueup.report_marked VALUES (1, now())", "its row of report_regular was taken out"),
    ]

    @Test("the manifest has the rows themselves: who asked for a report, when, and on what it rests are held")
    func forgedRows() async throws {
        try await ReportTests.withReport { scene, folder in
            let tables = [
                "report", "report_number", "report_repair", "report_resolved", "report_made", "report_regular",
                "report_marked",
            ]
            let connection = try await Connection.open(scene.target, applicationName: "reader")
            let told = try await connection.query(
                "SELECT (SELECT count(*) FROM trueup.report_repair) AS repairs, "
                    + "(SELECT count(*) FROM trueup.report_resolved) AS resolved")[0]
            await connection.close()
            let (repairs, resolved): (Int64, Int64) = (try told["repairs"], try told["resolved"])
            #expect(repairs > 0 && resolved > 0)
            try await Self.forge(tables.map { "CREATE TABLE \($0)_was AS TABLE trueup.\($0);" }.joined(), scene)
            for (sql, words) in Self.rows {
                try await Self.forge(sql, scene)
                let changed = try await scene.program.run("report", "verify", folder)
                #expect(changed.status == 1 && changed.output.contains(words), "\(sql): \(changed.everything)")
                try await Self.forge(
                    tables.map { "DELETE FROM trueup.\($0); INSERT INTO trueup.\($0) SELECT * FROM \($0)_was;" }
                        .joined(), scene)
            }
            let whole = try await scene.program.run("report", "verify", folder)
            #expect(whole.status == 0, "\(whole.everything)")
            // The manifest alone, such as one that somebody kept, has the rows as well.
            let alone = try await scene.program.run("report", "verify", folder + "/manifest.json")
            #expect(alone.status == 0 && alone.output.contains("says of report 1 what its files say"))
            try await Self.forge("UPDATE trueup.report_line SET consumed = consumed + 1", scene)
            let line = try await scene.program.run("report", "verify", folder + "/manifest.json")
            #expect(line.status == 1 && line.output.contains("proven: rows of report_line."), "\(line.everything)")
            try await Self.forge("UPDATE trueup.report_line SET consumed = consumed - 1", scene)
            // Made again by hand it is the same; sent later, it is a regular one from then on, and not forged.
            let again = try await scene.program.run("report", "--out", "again", "--format", "json,csv", "--deliver")
            #expect(again.talk.contains("Report 1 (the same figures"), "\(again.everything)")
            let both = try await scene.program.run("report", "verify", folder, "again")
            #expect(both.status == 0, "\(both.everything)")
            try await Self.forge("DELETE FROM trueup.report_regular", scene)
            let hidden = try await scene.program.run("report", "verify", folder)
            #expect(hidden.status == 1 && hidden.output.contains("its row of report_regular was taken out"))
        }
    }

    @Test("a report of before, whose manifest has no rows, verifies with what it has, and verify says what is not held")
    func earlier() async throws {
        try await ReportTests.withReport { scene, folder in
            let path = folder + "/manifest.json"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let start = try #require(text.range(of: "\"rows\":{\"report\":"))
            let end = try #require(text.range(of: "\"files\":", range: start.upperBound..<text.endIndex))
            let earlier = text.replacingCharacters(in: start.lowerBound..<end.lowerBound, with: "")
            try scene.folder.write(earlier, to: "out/manifest.json")
            let quoted = earlier.replacingOccurrences(of: "'", with: "''")
            let sum = "encode(sha256(convert_to('\(quoted)', 'UTF8')), 'hex')"
            try await Self.forge(
                "UPDATE trueup.report SET manifest_sha256 = \(sum); "
                    + "UPDATE trueup.report_made SET manifest_sha256 = \(sum)", scene)
            func verify() async throws -> Program.Result { try await scene.program.run("report", "verify", folder) }
            let whole = try await verify()
            #expect(whole.status == 0 && whole.output.contains("is older than manifests that have its rows"))
            try await Self.forge("UPDATE trueup.report SET requested_by = 'miriam'", scene)
            #expect(try await verify().status == 0)
            for (column, value) in [("run_ids", "'{7}'"), ("open_items", "1"), ("program_version", "'0'")] {
                try await Self.forge("UPDATE trueup.report SET \(column) = \(value)", scene)
                let changed = try await verify()
                #expect(changed.status == 1 && changed.output.contains(column), "\(changed.everything)")
            }
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

    @Test("the list says of a number in the middle that it was a report, as far as the tables can know")
    func removedInBothPlaces() async throws {
        try await ReportTests.withReport { scene, _ in
            func make(_ day: String, _ out: String) async throws -> Program.Result {
                try await scene.program.run("report", "--as-of", day, "--out", out, "--format", "json")
            }
            func list() async throws -> String { try await scene.program.run("report", "list").talk }
            try Data().write(to: URL(filePath: scene.folder.path + "/file"))
            // 2 is made, 3 fails, 4 and 5 are made.
            for (day, out) in [("02", "two"), ("03", "file/three"), ("04", "four"), ("05", "five")] {
                _ = try await make("2026-01-\(day)", out)
            }
            #expect(try await !list().contains("goes on from manifest"))
            func remove(_ id: Int) async throws {
                try await Self.remove(id, scene)
                try await Self.forge(
                    "DELETE FROM trueup.report_made WHERE report_id = \(id); "
                        + "DELETE FROM trueup.report_marked WHERE report_id = \(id)", scene)
            }
            // Rows that were left are enough.
            try await Self.forge("DELETE FROM trueup.report_made WHERE report_id = 4", scene)
            try await Self.forge("DELETE FROM trueup.report WHERE id = 4", scene)
            let left = try await list()
            #expect(left.contains("it was a report: rows of it are in report_file, "), "\(left)")
            try await remove(4)
            let one = try await list()
            #expect(one.contains("it was a report: report 5 goes on from manifest "), "\(one)")
            #expect(!one.contains("killed"), "\(one)")
            let shown = try await scene.program.run("report", "show", "4")
            #expect(shown.status == 1 && shown.talk.contains("Number 4 is no report any more"), "\(shown.everything)")
            // Of two, one was it for sure, and number 3 is known to have failed.
            try await remove(2)
            let two = try await list()
            #expect(
                two.contains("it or number 2 was a report") && two.contains("it or number 4 was a report"), "\(two)")
            #expect(two.contains("no report was made: "), "\(two)")
            try await Self.forge("DELETE FROM trueup.report_number WHERE id = 2", scene)
            let gap = try await list()
            #expect(gap.contains("numbers are given out without a gap, and 2 is missing"), "\(gap)")
            // What the last one leaves nobody can know.
            try await remove(5)
            let last = try await list()
            #expect(last.contains("number 5") && last.contains("no sign that there was one"), "\(last)")
        }
    }
}
