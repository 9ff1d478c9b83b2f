import Foundation
import Glibc
import Sandbox
import Support
import Testing

@Suite("The embedded database under the program", .serialized)
struct EmbeddedTests {
    @Test("is made at first use, used by two processes at once, survives a kill and its lock, and is stopped after")
    func life() async throws {
        try await Scene.with(latencyMilliseconds: 200) { scene in
            let program = scene.program(["DATABASE_URL": ""])
            let before = try await program.run("db", "status")
            #expect(before.status == 1)
            #expect(before.output.contains("not made yet"))

            async let one = program.run("db", "migrate", "--application")
            async let two = program.run("runs")
            let both = try await (one, two)
            #expect(both.0.status == 0, "\(both.0.talk)")
            #expect(both.1.status == 0, "\(both.1.talk)")
            #expect(both.0.output.contains("created public.task_credit_stripe_invoice"))

            let running = try program.start("run", Scene.job)
            try await running.wait(forTalk: "starts run")
            #expect(try await running.signal(SIGKILL).status == -1)

            let after = try await program.run("runs")
            #expect(after.status == 0, "\(after.talk)")
            #expect(after.output.contains("credit-invoices"))
            let rerun = try await program.run("run", Scene.job)
            #expect(rerun.status == 2, "\(rerun.talk)")
            #expect(try await program.run("db", "status").output.contains("stopped"))
        }
    }

    @Test("that goes away under a run is an error that names its log, and the rerun goes on")
    func gone() async throws {
        try await Scene.with(latencyMilliseconds: 200) { scene in
            let program = scene.program(["DATABASE_URL": ""])
            #expect(try await program.run("db", "migrate", "--application").status == 0)
            let running = try program.start("run", Scene.job)
            try await running.wait(forTalk: "starts run")
            let status = try await program.run("db", "status").output
            let words = status.split(whereSeparator: \.isWhitespace)
            let index = try #require(words.firstIndex(of: "process"))
            let server = try #require(Int32(words[index + 1]))
            #expect(server > 1)
            kill(server, SIGKILL)
            let result = try await running.result()
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.talk.contains("postgres.log"), "\(result.talk)")
            #expect(result.talk.contains("Run the same command again"), "\(result.talk)")
            #expect(!result.talk.contains("the statement was"))
            let rerun = try await program.run("run", Scene.job)
            #expect(rerun.status == 2, "\(rerun.talk)")
            #expect(rerun.talk.contains("goes on with run 1"))
        }
    }

    @Test("db start keeps it, db status knows it, psql reaches it, db stop ends it")
    func kept() async throws {
        let folder = try TemporaryFolder()
        let program = Program(environment: ["XDG_DATA_HOME": folder.path + "/data"], directory: folder.path)
        let started = try await program.run("db", "start")
        #expect(started.status == 0, "\(started.talk)")
        let status = try await program.run("db", "status")
        #expect(status.status == 0)
        #expect(status.output.contains("until db stop"))
        let psql = try await program.run("db", "psql", "--", "-XAtc", "SELECT 6 * 7")
        #expect(psql.status == 0, "\(psql.talk)")
        #expect(psql.output == "42\n")
        #expect(try await program.run("db", "status").status == 0)
        #expect(try await program.run("db", "stop").status == 0)
        #expect(try await program.run("db", "status").status == 1)
        let again = try await program.run("db", "stop")
        #expect(again.status == 0)
        #expect(again.talk == "It was not running.\n")
        // What leads to another place can be given as it stands.
        let spaced = try await program.run("db", "start", "--data-dir", "my data")
        #expect(spaced.status == 0, "\(spaced.talk)")
        #expect(spaced.talk.contains("until: trueup db stop --data-dir 'my data'\n"), "\(spaced.talk)")
        #expect(try await program.run("db", "stop", "--data-dir", "my data").status == 0)
    }
}

@Suite("The demo")
struct DemoTests {
    /// What a release build does alone in less than a minute, a debug build does beside other tests.
    private static let secondsMax = 150.0

    @Test("finds and repairs exactly what it planted on three accounts, with the job files of this repository")
    func demo() async throws {
        let folder = try TemporaryFolder()
        let start = ContinuousClock.now
        let result = try await Program(directory: folder.path).run("demo", "--data-dir", folder.path + "/demo")
        #expect(result.status == 0, "\(result.talk)")
        #expect(ContinuousClock.now - start < .seconds(Self.secondsMax))
        #expect(result.output.contains("Everything planted was found"))
        let files = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../jobs")
            .standardizedFileURL
        let names = try FileManager.default.contentsOfDirectory(atPath: files.path)
        for name in names where name.hasSuffix(".yaml") && name != "settings.yaml" {
            let written = try String(contentsOfFile: folder.path + "/demo/jobs/" + name, encoding: .utf8)
            #expect(written == (try String(contentsOf: files.appending(path: name), encoding: .utf8)), "\(name)")
            #expect(result.output.contains(name.replacing(".yaml", with: "")))
        }
        #expect(!result.output.contains("✗"))
        #expect(result.output.contains("exactly what was missing"))
        try Self.showsEverything(folder.path + "/demo/reports/last/report.json")
    }

    @Test("the commands to be given beside a demo that serves can be pasted, whatever its directory is called")
    func serves() async throws {
        let folder = try TemporaryFolder()
        let program = Program(directory: folder.path)
        let running = try program.start("demo", "--serve", "--data-dir", folder.path + "/my demo")
        try await running.wait(forTalk: "Ctrl-C stops.", seconds: Self.secondsMax)
        let served = try await running.signal(SIGINT)
        let place = "--jobs '\(folder.path)/my demo/jobs' --data-dir '\(folder.path)/my demo'\n"
        #expect(served.output.contains(" run credit-invoices --plan " + place), "\(served.everything)")
    }

    /// The last report has an item of every kind that there is, counted by the report's own list of kinds, and a row in
    /// every other part.
    private static func showsEverything(_ path: String) throws {
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path)))
        let report = try #require(object as? [String: Any])
        func rows(_ key: String) -> [[String: Any]] { report[key] as? [[String: Any]] ?? [] }
        func count(_ key: String, _ column: String) -> [String: Int] {
            Dictionary(rows(key).compactMap { $0[column] as? String }.map { ($0, 1) }, uniquingKeysWith: +)
        }
        let kinds = rows("definitions").filter { $0["group"] as? String == "Kind" }.compactMap { $0["term"] as? String }
        let items = count("open_items", "kind")
        #expect(kinds.count > 25)
        // Nothing finds a drift as an item: it is what the statement calls unexplained.
        for kind in kinds where kind != "balance_drift" { #expect(items[kind, default: 0] > 0, "\(kind)") }
        let states = count("open_items", "state")
        #expect(Set(states.keys) == ["new", "investigating", "accepted", "repair planned"], "\(states)")
        for part in [
            "statement", "charges", "item_effects", "resolved", "changed_since_sign_off", "matched", "aging", "repairs",
            "controls", "control_totals", "tie_out",
        ] { #expect(!rows(part).isEmpty, "\(part)") }
        let since = rows("summary").filter { $0["section"] as? String == "Since the last report" }
        for name in ["New", "Reopened", "Resolved", "Unchanged"] {
            let row = since.first { $0["item"] as? String == name }
            #expect((row?["value"] as? Int ?? 0) > 0, "\(name)")
        }
        #expect(rows("resolved").contains { $0["plan"] is String })
        #expect(rows("repairs").contains { $0["approved_by"] is String })
    }
}
