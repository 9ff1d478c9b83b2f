import Testing

@Suite("Names of accounts", .timeLimit(.minutes(5)))
struct AccountNamesTests {
    @Test("a plan leaves nothing but its row of history: which account a name stands for is decided by a run")
    func plan() async throws {
        try await Scene.with(orders: 60, plants: [:]) { scene in
            let known = "SELECT count(*) AS value FROM trueup.account"
            #expect(try await scene.program.run("run", Scene.job, "--plan").status == 0)
            #expect(try await scene.value(known, as: Int64.self) == 0)
            #expect(try await scene.program.run("run", Scene.job).status == 0)
            #expect(try await scene.value(known, as: Int64.self) == 1)
            _ = try await scene.value(
                "UPDATE trueup.account SET account_id = 'acct_1Other' RETURNING account_id AS value", as: String.self)
            let other = try await scene.program.run("run", Scene.job, "--plan")
            #expect(other.status == 1 && other.talk.contains("until now task_health was acct_1Other"), "\(other.talk)")
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
