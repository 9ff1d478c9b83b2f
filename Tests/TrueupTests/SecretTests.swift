import Foundation
import PostgreSQL
import Sandbox
import Support
import Testing

@Suite("Secrets")
struct SecretTests {
    private static let commands = [
        ["check"], ["check", "--online"], ["jobs"], ["run", Scene.job, "--plan"], ["run", Scene.job, "--json"],
        ["run", Scene.job], ["runs"], ["runs", "1"], ["findings", "list"], ["findings", "show", "F-1"],
        ["db", "status"],
        ["db", "migrate"], ["db", "psql", "--", "-c", "\\conninfo"], ["run", "nothing"], ["revert", "2"],
    ]

    @Test("no command shows a key or a password, and none gets into a file or the database")
    func canary() async throws {
        try await Scene.with { scene in
            for command in Self.commands {
                let result = try await scene.program.run(command)
                #expect(!result.everything.contains("CANARY"), "\(command)")
            }
            // And where things go wrong.
            for environment in [
                ["TASK_HEALTH_STRIPE_SECRET_KEY": "sk_test_CANARYother1234567890"],
                ["TASK_HEALTH_STRIPE_SECRET_KEY": "CANARY with spaces "],
                ["DATABASE_URL": "postgresql://u:CANARYpassword77@127.0.0.1:1/x"],
                ["DATABASE_URL": "postgresql://u:CANARYpassword77@[::bad/x"], ["DATABASE_URL": "CANARYpassword77"],
                ["DATABASE_URL": "host=/nonexistent password='CANARYpassword77"],
            ] {
                for command in [["run", Scene.job], ["check", "--online"], ["runs"], ["db", "psql"]] {
                    let result = try await scene.program(environment).run(command)
                    #expect(!result.everything.contains("CANARY"), "\(command) with \(environment)")
                }
            }
            #expect(try await contents(scene).contains("credit-invoices"))
            #expect(!(try await contents(scene)).contains("CANARY"))
            #expect(try files(scene).isEmpty)
        }
    }

    @Test("a secret that a program prints is noticed, on either channel", arguments: [1, 2])
    func noticed(channel: Int) async throws {
        let folder = try TemporaryFolder()
        let speaker = try Running(
            ["/bin/sh", "-c", "echo the key is $KEY >&\(channel)"], environment: ["KEY=\(Scene.key)"],
            directory: "/", folder: folder, input: "/dev/null", output: folder.path + "/out", timeoutSeconds: 60)
        try await withKnownIssue {
            _ = try await speaker.result()
        } matching: { issue in
            issue.comments.contains { $0.rawValue.hasPrefix("a secret is in what") }
        }
    }

    /// Every row of every table of the database.
    private func contents(_ scene: Scene) async throws -> String {
        let connection = try await Connection.open(scene.target, applicationName: "canary")
        let tables = try await connection.query(
            """
            SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
            WHERE table_schema IN ('trueup', 'public') AND table_type = 'BASE TABLE'
            """)
        var text = ""
        for table in tables {
            let name: String = try table["name"]
            let rows = try await connection.query(
                "SELECT coalesce(string_agg(t::text, E'\\n'), '') AS rows FROM \(name) t")
            text += try rows[0]["rows"]
        }
        await connection.close()
        return text
    }

    /// Files that the program wrote and that hold a secret.
    private func files(_ scene: Scene) throws -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: scene.folder.path) else { return ["nothing to walk"] }
        return walk.compactMap { $0 as? String }.filter { name in
            let data = FileManager.default.contents(atPath: scene.folder.path + "/" + name) ?? Data()
            return data.range(of: Data("CANARY".utf8)) != nil
        }
    }
}
