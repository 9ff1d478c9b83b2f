import Foundation
import Testing

@Suite("Which database a command uses", .timeLimit(.minutes(5)))
struct DatabaseChoiceTests {
    /// Commands that are about the embedded database alone.
    private static let embedded = ["db stop", "demo"]

    @Test("every command that has a database has --jobs, whose settings name it")
    func everyCommand() async throws {
        let program = Program()
        var waiting: [[String]] = [[]]
        var withDatabase: [String] = []
        while let command = waiting.popLast() {
            let help = try await program.run(command + ["--help"])
            #expect(help.status == 0)
            let lines = help.output.split(separator: "\n", omittingEmptySubsequences: false)
            if let start = lines.firstIndex(of: "SUBCOMMANDS:") {
                for line in lines[(start + 1)...].prefix(while: { !$0.isEmpty }) {
                    guard let name = line.firstMatch(of: /^  ([a-z-]+)(?: |$)/)?.output.1 else { continue }
                    waiting.append(command + [String(name)])
                }
            } else if help.output.contains("--data-dir") {
                let words = command.joined(separator: " ")
                withDatabase.append(words)
                #expect(help.output.contains("--jobs <dir>") != Self.embedded.contains(words), "trueup \(words)")
            }
        }
        #expect(
            Set(withDatabase).isSuperset(of: ["run", "findings accept", "outbox list", "db migrate", "report show"]))
    }

    @Test("url_env of the settings counts for all of them, and nothing becomes of the embedded database")
    func named() async throws {
        try await Scene.with(orders: 200, plants: [.openAbsent: 2]) { scene in
            let settings = try scene.folder.text(of: "jobs/settings.yaml")
            try scene.folder.write(settings + "database: {url_env: BOOKS_URL}\n", to: "jobs/settings.yaml")
            let program = scene.program([
                "BOOKS_URL": scene.program.environment["DATABASE_URL"] ?? "", "DATABASE_URL": "",
            ])
            #expect(try await program.run("run", Scene.job).status == 2)
            let id = try await scene.value("SELECT min(id) AS value FROM trueup.finding", as: Int64.self)
            let commands: [(words: [String], expected: String)] = [
                (["findings", "list"], "F-\(id)"), (["findings", "show", "F-\(id)"], "missing_locally"),
                (["findings", "assign", "F-\(id)", "--to", "ada"], "belongs to ada"),
                (["findings", "accept", "F-\(id)", "--note", "known"], "is accepted"),
                (["findings", "reopen", "F-\(id)"], "is open again"), (["runs", "1"], Scene.job),
                (["outbox", "list"], "Every message was sent."), (["report", "list"], "No reports yet."),
                (["db", "migrate"], "Schema trueup is up to date."), (["db", "status"], "BOOKS_URL is set"),
            ]
            for (words, expected) in commands {
                let result = try await program.run(words)
                #expect(result.everything.contains(expected), "\(words): \(result.everything)")
            }
            #expect(
                try await scene.value("SELECT owner AS value FROM trueup.finding WHERE id = \(id)", as: String.self)
                    == "ada")
            var lost = program
            lost.environment["BOOKS_URL"] = "postgresql://127.0.0.1:1/nowhere?connect_timeout=2"
            let refused = try await lost.run("outbox", "list")
            #expect(refused.status == 1 && refused.talk.contains("Check BOOKS_URL"), "\(refused.talk)")
            #expect(!FileManager.default.fileExists(atPath: scene.folder.path + "/data/trueup"))
        }
    }

    @Test("a variable that is set to nothing is said to be empty, and no other database is used")
    func empty() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            var program = scene.program
            for name in ["DATABASE_URL", "DATABASE_URL_FILE"] {
                program.environment["DATABASE_URL"] = name == "DATABASE_URL" ? "" : nil
                program.environment["DATABASE_URL_FILE"] = name == "DATABASE_URL" ? nil : ""
                let result = try await program.run("runs")
                #expect(result.status == 1 && result.talk.contains("\(name) is empty; "), "\(result.everything)")
                #expect(!result.talk.contains("not set"), "\(result.talk)")
            }
            #expect(!FileManager.default.fileExists(atPath: scene.folder.path + "/data/trueup"))
        }
    }

    @Test("where the settings are wrong or were misspelt nobody knows which database is meant, and none is used")
    func unknown() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            try scene.folder.write("kind: reconcil\n", to: "jobs/typo.yaml")
            let typo = try await scene.program.run("outbox", "list")
            #expect(typo.status == 0, "a wrong job file says nothing of the database: \(typo.everything)")
            let runs = try await scene.program.run("runs")
            #expect(runs.status == 0 && runs.talk.contains("some job files are wrong"), "\(runs.everything)")
            let elsewhere = try await scene.program.run("findings", "accept", "F-1", "--note", "x", "--jobs", "job")
            #expect(elsewhere.status == 64 && elsewhere.talk.contains("no settings.yaml in job"), "\(elsewhere.talk)")
            try scene.folder.write("accounts: 7\n", to: "jobs/settings.yaml")
            for words in [["outbox", "list"], ["runs"], ["findings", "show", "F-1"], ["db", "migrate"]] {
                let result = try await scene.program.run(words)
                #expect(result.status == 1 && result.talk.contains("settings.yaml:1"), "\(words): \(result.everything)")
            }
        }
    }
}
