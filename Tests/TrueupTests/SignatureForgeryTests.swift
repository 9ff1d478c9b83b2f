import Foundation
import PostgreSQL
import Support
import Testing

@Suite("Signatures whose rows somebody changed", .timeLimit(.minutes(8)))
struct SignatureForgeryTests {
    /// What whoever owns the tables could change, and a word of what is said of it.
    private static let forgeries = [
        (
            "UPDATE trueup.report_sign SET signed_at = signed_at - interval '1 hour' WHERE role = 'reviewer'",
            "the reviewer's signature"
        ),
        ("UPDATE trueup.report_sign SET signed_at = signed_at - interval '1 year' WHERE role = 'preparer'", "Signed"),
        ("UPDATE trueup.report_sign SET signed_at = signed_at - interval '1 microsecond'", "is not what was signed"),
        ("UPDATE trueup.report_sign SET system_user_name = 'miriam@laptop' WHERE role = 'reviewer'", "the machine"),
        ("UPDATE trueup.report_sign SET database_user_name = 'miriam' WHERE role = 'reviewer'", "the database"),
        ("UPDATE trueup.report_sign SET is_shared_login = false", "Shared login"),
        ("UPDATE trueup.report_sign SET note = '' WHERE role = 'preparer'", "Preparer, Checked"),
        ("UPDATE trueup.report_sign SET note = 'dana' WHERE role = 'reviewer'", "Reviewer, Checked"),
        ("UPDATE trueup.report_sign SET person = 'miriam' WHERE role = 'preparer'", "Preparer, Name, as typed"),
        ("UPDATE trueup.report_sign SET accepted = 'Read' WHERE role = 'reviewer'", "Accepted as"),
        ("DELETE FROM trueup.report_sign WHERE role = 'reviewer'", "was taken out of the tables"),
        ("DELETE FROM trueup.report_sign_proof WHERE role = 'preparer'", "has no proof of being given"),
        ("UPDATE trueup.report_sign_proof SET sha256 = 'a7' WHERE role = 'preparer'", "is not what was signed"),
        (
            "UPDATE trueup.report_sign_proof SET at = at - interval '1 year', is_late = true",
            "the proof's time, or that it was late, was changed"
        ),
        (
            "UPDATE trueup.report_sign_proof SET at = at + interval '1 day', is_late = true WHERE role = 'reviewer'",
            "or since when it is proven"
        ),
        ("UPDATE trueup.report_sign_proof SET at = at + interval '1 microsecond'", "or that it was late, was changed"),
        ("UPDATE trueup.report_sign_proof SET is_late = true WHERE role = 'preparer'", "or since when it is proven"),
        ("UPDATE trueup.report_sign_proof SET is_timed = false", "is not what was signed"),
    ]

    private static func sign(
        _ scene: Scene, _ report: Int, _ role: String, _ name: String, _ more: String...
    ) async throws {
        let signed = try await scene.program.run(
            [
                "report", "sign", "\(report)", "--as", role, "--name", name, "--note", "Read by \(name).",
                "--accept-unexplained", "the scene has no reservations",
            ] + more)
        #expect(signed.status == 0, "\(signed.everything)")
    }

    private static func share(_ scene: Scene) throws {
        let settings = try String(contentsOfFile: scene.folder.path + "/jobs/settings.yaml", encoding: .utf8)
        try scene.folder.write(settings + "\nsign_off: {shared_login: true}\n", to: "jobs/settings.yaml")
    }

    @Test("each word of a signature is held against its place on the page and what was kept when it was given")
    func forged() async throws {
        try await ReportTests.withReport { scene, folder in
            try Self.share(scene)
            try await Self.sign(scene, 1, "preparer", "dana")
            try await Self.sign(scene, 1, "reviewer", "miriam")
            func verify(_ path: String = "out/signatures.html") async throws -> Program.Result {
                try await scene.program.run("report", "verify", path)
            }
            try await ReportForgeryTests.forge(
                "CREATE TABLE signs AS TABLE trueup.report_sign; CREATE TABLE proofs AS TABLE trueup.report_sign_proof",
                scene)
            for (sql, word) in Self.forgeries {
                try await ReportForgeryTests.forge(sql, scene)
                let page = try await verify()
                #expect(page.status == 1 && page.output.contains(word), "\(sql): \(page.everything)")
                // No page that says so is written, which would prove the forgery.
                let again = try await scene.program.run("report", "signatures", "1", "--out", "again")
                #expect(
                    again.status == 1 && again.talk.contains("No page of signatures"), "\(sql): \(again.everything)")
                #expect(!FileManager.default.fileExists(atPath: scene.folder.path + "/again/signatures.html"))
                try await ReportForgeryTests.forge(
                    """
                    DELETE FROM trueup.report_sign; INSERT INTO trueup.report_sign SELECT * FROM signs;
                    DELETE FROM trueup.report_sign_proof;
                    INSERT INTO trueup.report_sign_proof OVERRIDING SYSTEM VALUE SELECT * FROM proofs
                    """, scene)
            }
            let whole = try await verify("out")
            #expect(whole.status == 0 && whole.output.contains("signatures of report 1 as they were given"))
            // As of signatures that were given before there were proofs.
            try await ReportForgeryTests.forge(
                """
                DELETE FROM trueup.report_sign_proof;
                SELECT trueup.prove_signature(s, true) FROM trueup.report_sign s ORDER BY signed_at
                """, scene)
            let late = try await verify()
            #expect(late.status == 0 && late.output.contains("and not from their giving"), "\(late.everything)")
            #expect(!late.output.contains("Not held"), "\(late.everything)")
            try await Self.olderProofs(scene, verify: { try await verify() })
        }
    }

    /// As of signatures whose proofs are of before a proof's own time was part of its hash.
    private static func olderProofs(_ scene: Scene, verify: () async throws -> Program.Result) async throws {
        func forge(_ sql: String) async throws { try await ReportForgeryTests.forge(sql, scene) }
        try await forge(
            """
            DELETE FROM trueup.report_sign_proof;
            INSERT INTO trueup.report_sign_proof (report_id, role, sha256, previous_sha256, at)
                SELECT report_id, role, trueup.sign_hash(s, NULL), NULL, signed_at FROM trueup.report_sign s
                WHERE role = 'preparer';
            INSERT INTO trueup.report_sign_proof (report_id, role, sha256, previous_sha256, at)
                SELECT s.report_id, s.role, trueup.sign_hash(s, p.sha256), p.sha256, s.signed_at
                FROM trueup.report_sign s, trueup.report_sign_proof p WHERE s.role = 'reviewer';
            UPDATE trueup.migration SET applied_at = now() WHERE name = 'proof_times'
            """)
        let older = try await verify()
        #expect(
            older.status == 0 && older.output.contains("Not held: since when they are proven"), "\(older.everything)")
        for change in [
            "at = at - interval '1 year', is_late = true", "at = at + interval '1 day', is_late = true",
            "at = at - interval '1 day'", "is_late = true",
        ] {
            try await forge("UPDATE trueup.report_sign_proof SET \(change)")
            let forged = try await verify()
            #expect(
                forged.status == 1 && forged.output.contains("or that it was late, was changed"),
                "\(change): \(forged.everything)")
            try await forge(
                """
                UPDATE trueup.report_sign_proof p SET at = s.signed_at, is_late = false FROM trueup.report_sign s
                WHERE s.report_id = p.report_id AND s.role = p.role
                """)
        }
        #expect(try await verify().status == 0)
    }

    @Test("which statement takes whose place is held as well: neither a row of it goes, nor one comes")
    func superseded() async throws {
        try await ReportTests.withReport { scene, _ in
            try Self.share(scene)
            try await Self.sign(scene, 1, "preparer", "dana")
            try await Self.sign(scene, 1, "reviewer", "miriam")
            for (id, out) in [(2, "two"), (3, "three")] {
                try await ReportForgeryTests.forge(
                    "UPDATE task_credit_agency_balance SET balance = balance + 1 WHERE agency_id = 1", scene)
                let made = try await scene.program.run("report", "--out", out, "--format", "json")
                #expect(made.talk.contains("Report \(id):"), "\(made.everything)")
            }
            let refused = try await scene.program.run(
                "report", "sign", "2", "--as", "preparer", "--name", "dana", "--note", "new", "--accept-unexplained",
                "the scene has no reservations")
            let words = "--supersede 1 --note \"why\" --name dana --accept-unexplained \"why\"\n"
            #expect(refused.status == 1 && refused.talk.hasSuffix("--as preparer " + words), "\(refused.everything)")
            try await Self.sign(scene, 2, "preparer", "dana", "--supersede", "1")
            func verify(_ path: String) async throws -> Program.Result {
                try await scene.program.run("report", "verify", path)
            }
            try await Self.pending(scene, verify: verify)
            try await Self.sign(scene, 2, "reviewer", "miriam")
            #expect(try Self.page(scene).contains("<h1>SUPERSEDED by report 2</h1>"))
            #expect(try await scene.program.run("report", "list").output.contains("reviewer, superseded by 2"))
            for folder in ["out", "two"] { #expect(try await verify(folder).status == 0) }
            try await ReportForgeryTests.forge("CREATE TABLE places AS TABLE trueup.report_supersede", scene)
            for (sql, word) in [
                ("DELETE FROM trueup.report_supersede", "in the place of report 1, and the tables say of none"),
                ("UPDATE trueup.report_supersede SET note = 'other'", "is not what was signed"),
                ("INSERT INTO trueup.report_supersede VALUES (3, 2, 'forged')", "takes the place of report 2"),
            ] {
                try await ReportForgeryTests.forge(sql, scene)
                for folder in ["out", "two"] {
                    let forged = try await verify(folder)
                    #expect(forged.status == 1 && forged.output.contains(word), "\(sql): \(forged.everything)")
                }
                let again = try await scene.program.run("report", "signatures", "2", "--out", "again")
                #expect(
                    again.status == 1 && again.talk.contains("No page of signatures"), "\(sql): \(again.everything)")
                try await ReportForgeryTests.forge(
                    """
                    DELETE FROM trueup.report_supersede; INSERT INTO trueup.report_supersede SELECT * FROM places
                    """, scene)
            }
            #expect(try await verify("two").status == 0)
        }
    }

    private static func page(_ scene: Scene) throws -> String {
        try String(contentsOfFile: scene.folder.path + "/out/signatures.html", encoding: .utf8)
    }

    /// Report 2, signed by its preparer alone, is about to take the place of report 1, which goes on counting.
    private static func pending(_ scene: Scene, verify: (String) async throws -> Program.Result) async throws {
        let words = "to be superseded by report 2, once its reviewer signs"
        let listed = try await scene.program.run("report", "list")
        #expect(listed.output.contains("preparer, reviewer, \(words)"), "\(listed.everything)")
        let shown = try await scene.program.run("report", "show", "1")
        #expect(shown.output.contains("\(words); until then this one counts"), "\(shown.everything)")
        let newer = try await scene.program.run("report", "show", "2")
        #expect(newer.output.contains("to supersede report 1, once its reviewer signs"), "\(newer.everything)")
        let page = try page(scene)
        #expect(page.contains("<h1>SIGNED by two people, ACCEPTED AS "), "\(page)")
        #expect(page.contains("To be superseded by report 2, once its reviewer signs. Until then this one counts."))
        for folder in ["out", "two"] {
            let held = try await verify(folder)
            #expect(held.status == 0, "\(held.everything)")
        }
        try await strangePages(scene, verify: verify)
    }

    /// The page of another report in a folder is no page of it, and a signed report whose page is gone is told.
    private static func strangePages(_ scene: Scene, verify: (String) async throws -> Program.Result) async throws {
        let folder = scene.folder.path
        func swap(_ one: String, _ other: String) throws {
            try FileManager.default.moveItem(atPath: "\(folder)/\(one)", toPath: "\(folder)/\(other)")
        }
        try swap("two/signatures.html", "kept.html")
        let gone = try await verify("two")
        #expect(gone.status == 0, "\(gone.everything)")
        #expect(gone.output.contains("two has no signatures.html, and report 2 is signed"), "\(gone.everything)")
        let unsigned = try await verify("three")
        #expect(unsigned.status == 0 && !unsigned.output.contains("no signatures.html"), "\(unsigned.everything)")
        for (name, id) in [("two", 2), ("three", 3)] {
            try FileManager.default.copyItem(
                atPath: folder + "/out/signatures.html", toPath: "\(folder)/\(name)/signatures.html")
            let strange = try await verify(name)
            let words = "has the signatures of report 1, and this is the folder of report \(id)."
            #expect(strange.status == 1 && strange.output.contains(words), "\(strange.everything)")
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)/signatures.html")
        }
        try swap("kept.html", "two/signatures.html")
        let whole = try await verify("two")
        #expect(whole.status == 0, "\(whole.everything)")
    }
}
