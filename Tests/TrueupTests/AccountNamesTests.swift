import Testing

@Suite("Names of accounts", .timeLimit(.minutes(5)))
struct AccountNamesTests {
    @Test("a plan leaves its row of history and which account a name stands for, and another account is refused then")
    func plan() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            #expect(try await scene.program.run("run", Scene.job, "--plan").status == 0)
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
            #expect(try await scene.program.run("check", "--online").status == 0)
            let account = settings.split(separator: "\n").dropFirst().joined(separator: "\n")
            try scene.folder.write(
                settings
                    + account.replacing("task_health:", with: "twin:").replacing(
                        "TASK_HEALTH_STRIPE_SECRET_KEY", with: "TWIN") + "\n", to: "jobs/settings.yaml")
            try scene.folder.write(
                Scene.jobFile.replacing("account: task_health", with: "account: twin"), to: "jobs/twin.yaml")
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
        }
    }
}
