import Foundation
import Testing

@Suite("Names of accounts", .timeLimit(.minutes(5)))
struct AccountNamesTests {
    @Test("a run remembers which account a name stands for, and another account is refused then; a plan does not")
    func plan() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--plan").status == 0)
            #expect(try await scene.value("SELECT count(*) AS value FROM trueup.account", as: Int64.self) == 0)
            #expect(try await scene.program.run("run", Scene.job).status == 0)
            let id = try await scene.value("SELECT account_id AS value FROM trueup.account", as: String.self)
            _ = try await scene.value(
                "UPDATE trueup.account SET account_id = 'acct_1Other' RETURNING account_id AS value", as: String.self)
            for words in [["run", Scene.job, "--plan"], ["run", Scene.job]] {
                let other = try await scene.program.run(words)
                #expect(
                    other.status == 1 && other.talk.contains("until now task_health was acct_1Other"), "\(other.talk)")
                #expect(other.talk.contains("belongs to \(id)") && other.talk.contains("forget the old one with"))
            }
        }
    }

    @Test("check --online tells of two names with one account, and of an account that has another name")
    func check() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            #expect(try await scene.program.run("run", Scene.job).status == 0)
            let settings = try scene.folder.text(of: "jobs/settings.yaml")
            let alone = try await scene.program.run("check", "--online")
            #expect(alone.status == 0 && alone.output.contains("hold the key to it: account_id: acct_"))
            let account = settings.split(separator: "\n").dropFirst().joined(separator: "\n")
            try scene.folder.write(
                settings
                    + account.replacing("task_health:", with: "twin:").replacing(
                        "TASK_HEALTH_STRIPE_SECRET_KEY", with: "TWIN") + "\n", to: "jobs/settings.yaml")
            try scene.folder.write(
                Scene.jobFile.replacing("account: task_health", with: "account: twin")
                    .replacing("object: invoice", with: "object: payment_intent"), to: "jobs/twin.yaml")
            let twins = try await scene.program(["TWIN": Scene.key]).run("check", "--online")
            #expect(twins.status == 1, "\(twins.everything)")
            let id = try await scene.value("SELECT account_id AS value FROM trueup.account", as: String.self)
            #expect(
                twins.output.contains(
                    "BAD  account twin: its key belongs to \(id), as that of account task_health does"),
                "\(twins.output)")
            #expect(
                twins.output.contains(
                    "BAD  key of twin: it belongs to \(id), which earlier runs have known as task_health"),
                "\(twins.output)")
            // Whichever of the two has the wrong key: nobody is told to hold it to that.
            #expect(!twins.output.contains("account_id:"), "\(twins.output)")
            // The settings know better than any run.
            _ = try await scene.value("DELETE FROM trueup.account RETURNING name AS value", as: String.self)
            try scene.folder.write(
                settings + "  other:\n    secret_key_env: OTHER\n    mode: test\n    account_id: \(id)\n",
                to: "jobs/settings.yaml")
            try FileManager.default.removeItem(atPath: scene.folder.path + "/jobs/twin.yaml")
            let named = try await scene.program.run("check", "--online")
            #expect(
                named.output.contains(
                    "BAD  key of task_health: it belongs to \(id), which settings.yaml says is account other"),
                "\(named.everything)")
            #expect(named.status == 1 && !named.output.contains("account_id:"))
        }
    }
}
