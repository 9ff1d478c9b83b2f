import Foundation
import PostgreSQL
import Support
import Testing

@Suite("Reports from the command line", .timeLimit(.minutes(5)))
struct ReportTests {
    /// A scene whose history was read to its beginning, with one report in `out`.
    static func withReport(_ body: (Scene, String) async throws -> Void) async throws {
        try await Scene.with(orders: 600) { scene in
            try scene.folder.write(
                Scene.jobFile.replacingOccurrences(of: "look_back: 35d", with: "look_back: 401d"),
                to: "jobs/\(Scene.job).yaml")
            let read = try await scene.program.run("run", Scene.job)
            #expect(read.status == 2, "\(read.everything)")
            try await scene.readFromTheBeginning()
            let made = try await scene.program.run("report", "--out", "out", "--format", "json,csv")
            #expect(made.status == 2, "\(made.everything)")
            #expect(made.output.contains("EXPLAINED"), "\(made.everything)")
            try await body(scene, scene.folder.path + "/out")
        }
    }

    @Test("verify proves a folder, and names what was changed, taken away, added or cannot be proven")
    func verify() async throws {
        try await Self.withReport { scene, folder in
            func verify() async throws -> Program.Result { try await scene.program.run("report", "verify", "out") }
            let whole = try await verify()
            #expect(whole.status == 0, "\(whole.everything)")
            #expect(whole.output.contains("as they were made"))
            #expect(whole.output.contains("holds"))

            let json = try Data(contentsOf: URL(filePath: folder + "/report.json"))
            var changed = json
            changed[changed.count / 2] ^= 1
            try changed.write(to: URL(filePath: folder + "/report.json"))
            let other = try await verify()
            #expect(other.status == 1)
            #expect(other.output.contains("out/report.json is not what was made: its hash is another."))

            try FileManager.default.removeItem(atPath: folder + "/report.json")
            let missing = try await verify()
            #expect(missing.status == 1)
            #expect(missing.output.contains("out/report.json is missing."))

            try json.write(to: URL(filePath: folder + "/report.json"))
            try Data("x".utf8).write(to: URL(filePath: folder + "/more.txt"))
            let added = try await verify()
            #expect(added.status == 1)
            #expect(added.output.contains("out/more.txt is no file of report 1"))

            try FileManager.default.removeItem(atPath: folder + "/more.txt")
            try Data("forged".utf8).write(to: URL(filePath: folder + "/report.pdf"))
            let printed = try await verify()
            #expect(printed.status == 0, "\(printed.everything)")
            #expect(printed.output.contains("out/report.pdf is not proven"))
        }
    }

    @Test("rows that were changed under a proven report, and signatures under their page, do not verify")
    func changedRows() async throws {
        try await Self.withReport { scene, folder in
            func sql(_ text: String) async throws { try await ReportForgeryTests.forge(text, scene) }
            func verify() async throws -> Program.Result { try await scene.program.run("report", "verify", folder) }
            let signed = try await scene.program.run(
                "report", "sign", "1", "--as", "preparer", "--name", "dana", "--note", "tied", "--accept-unexplained",
                "the scene has no reservations")
            #expect(signed.status == 0, "\(signed.everything)")
            let whole = try await verify()
            #expect(
                whole.status == 0 && whole.output.contains("says of report 1 what its files say"), "\(whole.everything)"
            )
            try await sql("UPDATE trueup.report_sign SET person = 'mallory'")
            let forged = try await verify()
            #expect(
                forged.status == 1 && forged.output.contains("other signatures of report 1"), "\(forged.everything)")
            try await sql("UPDATE trueup.report_sign SET person = 'dana'")
            try await sql("UPDATE trueup.report_line SET recorded = recorded + 1")
            try await sql("UPDATE trueup.report SET state = 'CLEAN'")
            let changed = try await verify()
            #expect(changed.status == 1 && changed.output.contains("its files, which are proven: state, agency "))
        }
    }

    @Test("two people sign, under two logins or a shared one; the folder has the page, and both are proven")
    func sign() async throws {
        try await Self.withReport { scene, folder in
            func sign(_ role: String, _ name: String, _ note: String) async throws -> Program.Result {
                try await scene.program.run(
                    "report", "sign", "1", "--as", role, "--name", name, "--note", note, "--accept-unexplained",
                    "the scene has no reservations")
            }
            func verify(_ path: String) async throws -> Program.Result {
                try await scene.program.run("report", "verify", path)
            }
            let early = try await sign("reviewer", "miriam", "seen")
            let words = "trueup report sign 1 --as preparer --note \"why\" --accept-unexplained \"why\"\n"
            #expect(early.status == 1 && early.talk.hasSuffix(words), "\(early.everything)")
            let bare = try await scene.program.run("report", "sign", "1", "--as", "preparer", "--note", "tied")
            #expect(bare.status == 1 && bare.talk.contains("Report 1 is UNEXPLAINED"), "\(bare.everything)")
            let first = try await sign("preparer", "dana", "tied to the bank")
            #expect(first.status == 0, "\(first.everything)")
            #expect(try await sign("reviewer", "Dana ", "seen").status == 1)
            let page = try String(contentsOfFile: folder + "/signatures.html", encoding: .utf8)
            #expect(page.contains("NOT YET REVIEWED") && page.contains("dana") && page.contains("tied to the bank"))
            #expect(page.contains("Accepted as UNEXPLAINED") && page.contains("the scene has no reservations"))
            // A name that looks like the preparer's on paper, and one that mixes alphabets, are nobody else's.
            let alike = try await sign("reviewer", "DANA\u{200B}", "seen")
            #expect(alike.status == 1 && alike.talk.contains("was prepared by dana"), "\(alike.everything)")
            let mixed = try await sign("reviewer", "d\u{0430}na", "seen")
            #expect(mixed.status == 1 && mixed.talk.contains("(Latin, Cyrillic)"), "\(mixed.everything)")
            // Both names were typed by one user: that is no second person.
            let typed = try await sign("reviewer", "miriam", "seen")
            #expect(typed.status == 1 && typed.talk.contains("a typed name is no second person"), "\(typed.everything)")
            let settings = try String(contentsOfFile: scene.folder.path + "/jobs/settings.yaml", encoding: .utf8)
            try scene.folder.write(settings + "\nsign_off: {shared_login: true}\n", to: "jobs/settings.yaml")
            let second = try await sign("reviewer", "miriam", "seen")
            #expect(second.status == 0, "\(second.everything)")
            let shown = try await scene.program.run("report", "show", "1")
            #expect(shown.output.contains("dana") && shown.output.contains("tied to the bank"), "\(shown.everything)")
            #expect(shown.output.contains("database user") && shown.output.contains("shared login allowed"))
            #expect(try await sign("preparer", "noa", "late").status == 1)

            let whole = try await verify("out")
            #expect(whole.status == 0, "\(whole.everything)")
            #expect(
                whole.output.contains("as they were made") && whole.output.contains("has the signatures of report 1"))
            let signed = folder + "/signatures.html"
            let now = try String(contentsOfFile: signed, encoding: .utf8)
            #expect(now.contains("SIGNED by two people"))
            // The page of before is proven to be old, a changed one is not proven.
            try scene.folder.write(page, to: "out/signatures.html")
            let old = try await verify("out/signatures.html")
            #expect(old.status == 1 && old.output.contains("an older page"), "\(old.everything)")
            try scene.folder.write(now.replacingOccurrences(of: "miriam", with: "noa"), to: "out/signatures.html")
            #expect(try await verify("out").status == 1)
            #expect(try await scene.program.run("report", "signatures", "1").status == 0)
            #expect(try await verify("out").status == 0)
        }
    }

    @Test("on a terminal of 80 columns the summary breaks between words; in a pipe its lines stay whole")
    func terminal() async throws {
        try await Self.withReport { scene, _ in
            let whole = try await scene.program.run("report", "--out", "whole", "--format", "json")
            #expect(whole.output.split(separator: "\n").contains { $0.count > 80 }, "\(whole.output)")
            // script(1) gives it a terminal.
            let folder = try TemporaryFolder()
            let command = "stty cols 80; exec \(Program.path) report --out shown --format json 2>/dev/null"
            let variables = ["PATH=/usr/bin:/bin", "HOME=\(folder.path)", "LC_ALL=C.UTF-8"]
            let shown = try await Running(
                ["/usr/bin/script", "-qec", command, "/dev/null"],
                environment: variables + scene.program.environment.map { "\($0)=\($1)" },
                directory: scene.folder.path, folder: folder, input: "/dev/null", output: folder.path + "/out",
                timeoutSeconds: 120
            ).result()
            let lines = shown.output.split(whereSeparator: \.isNewline)
            #expect(lines.count > 20 && lines.allSatisfy { $0.count <= 80 }, "\(shown.everything)")
            func words(_ text: String) -> [Substring] { text.split(whereSeparator: \.isWhitespace) }
            #expect(words(shown.output) == words(whole.output))
        }
    }

    @Test("how many files are written is what is said; that no job is of kind report is said as well")
    func written() async throws {
        try await Self.withReport { scene, folder in
            let made = try await scene.program.run("report", "--out", "out", "--format", "json,csv")
            let names = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0 != "csv" }
            #expect(names.contains("manifest.json"))
            #expect(made.talk.contains(": \(names.count) files in out\n"), "\(names): \(made.talk)")
            let usual = "There is no job of kind report in jobs: this is balance-report "
            #expect(made.talk.contains(usual), "\(made.talk)")
            try scene.folder.write("kind: report\nreport: balance\n", to: "jobs/mine.yaml")
            let named = try await scene.program.run("report", "--out", "own", "--format", "json")
            #expect(!named.talk.contains("no job of kind report"), "\(named.talk)")
            #expect(try await scene.program.run("report", "list").output.contains("  mine  "))
        }
    }

    @Test("a PDF counts among the files", .enabled(if: ReportTests.hasBrowser))
    func printed() async throws {
        try await Self.withReport { scene, _ in
            let printed = try await scene.program.run("report", "--out", "paper", "--format", "pdf")
            let names = try FileManager.default.subpathsOfDirectory(atPath: scene.folder.path + "/paper")
            #expect(names.contains("report.pdf") && names.contains("report.html"), "\(names)")
            #expect(printed.talk.contains(": \(names.count) files in paper\n"), "\(names): \(printed.talk)")
        }
    }

    /// Whether there is one that the program finds on its PATH.
    static let hasBrowser = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].contains {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0)")
    }

    @Test("CSV files for Excel are another report, and leave the first as it was made")
    func excel() async throws {
        try await Self.withReport { scene, folder in
            let made = try await scene.program.run(
                "report", "--out", "excel", "--format", "json,csv", "--csv-profile", "excel")
            #expect(made.talk.contains("Report 2:"), "\(made.everything)")
            let path = scene.folder.path + "/excel/csv/statement.csv"
            #expect(try Data(contentsOf: URL(filePath: path)).starts(with: [0xEF, 0xBB, 0xBF]))
            #expect(try await scene.program.run("report", "verify", "out").status == 0)
            #expect(try await scene.program.run("report", "verify", "excel").status == 0)
            let wrong = try await scene.program.run("report", "--csv-profile", "lotus")
            #expect(wrong.status == 64 && wrong.talk.contains("excel"), "\(wrong.everything)")
        }
    }

    @Test("a report that cannot be written keeps its number, and the list says why")
    func number() async throws {
        try await Self.withReport { scene, _ in
            try Data().write(to: URL(filePath: scene.folder.path + "/file"))
            let blocked = try await scene.program.run("report", "--as-of", "2026-01-01", "--out", "file/out")
            #expect(blocked.status == 1, "\(blocked.everything)")
            let made = try await scene.program.run("report", "--as-of", "2026-01-02", "--out", "next")
            #expect(made.talk.contains("Report 3:"), "\(made.everything)")
            let list = try await scene.program.run("report", "list")
            #expect(list.talk.contains("number 2, balance-report: taken "), "\(list.everything)")
            #expect(list.talk.contains("no report was made: "), "\(list.everything)")
            // What the system says of a file, not the domain and code of Foundation's error.
            #expect(list.talk.contains("cannot be read or written: "), "\(list.everything)")
            #expect(!list.talk.contains("Error Domain"), "\(list.everything)")
            let shown = try await scene.program.run("report", "show", "2")
            #expect(shown.status == 1 && shown.talk.contains("Number 2 is no report"), "\(shown.everything)")
        }
    }

    @Test("what cannot be reported is refused with words that say why")
    func refused() async throws {
        try await Self.withReport { scene, _ in
            let later = try await scene.program.run("report", "--as-of", "2999-01-01")
            #expect(later.status == 64, "\(later.everything)")
            #expect(later.talk.contains("lies in the future"))
            try Data().write(to: URL(filePath: scene.folder.path + "/file"))
            let blocked = try await scene.program.run("report", "--out", "file/out")
            #expect(blocked.status == 1, "\(blocked.everything)")
            #expect(blocked.talk.contains("cannot be read or written"), "\(blocked.talk)")
            #expect(!blocked.talk.contains("Error Domain"), "\(blocked.talk)")
        }
    }
}
