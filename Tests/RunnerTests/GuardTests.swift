import Curl
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Stripe
import Support
import Testing

@Suite("Guards before the first read")
struct GuardTests {
    /// Settings that do not fit the account, and what the refusal is called.
    static let misfits: [(name: String, kind: StripeError.Kind, change: @Sendable (inout Account) -> Void)] = [
        (
            "a live key where the settings say test", .wrongMode,
            { $0.secretKey = Secret("sk_live_sandbox_task_health") }
        ),
        ("a test key where the settings say live", .wrongMode, { $0.mode = .live }),
        (
            "a live key that the account does not know", .authentication,
            { account in
                account.secretKey = Secret("sk_live_sandbox_task_health")
                account.mode = nil
            }
        ),
        (
            "the key of another account", .wrongAccount,
            { account in
                account.secretKey = Secret("sk_test_sandbox_medflyt")
                account.accountID = SandboxAccount.taskHealthAccountID
            }
        ),
        ("the id of another account", .wrongAccount, { $0.accountID = "acct_1Other" }),
        ("a publishable key", .keyRefused, { $0.secretKey = Secret("pk_test_sandbox_task_health") }),
        ("a webhook secret", .keyRefused, { $0.secretKey = Secret("whsec_sandbox_task_health") }),
        ("no key", .keyRefused, { $0.secretKey = Secret("") }),
    ]

    @Test("misfits are refused before the first list, and nothing is written")
    func misfit() async throws {
        try await Night.with(try NightSetup.credits(seed: 70, orders: 300, plants: [.paidOpen: 2])) { night in
            let medflyt = try await SandboxServer.start(
                SandboxConfiguration(accounts: [.taskHealth(), .medflyt()], clockSeconds: NightSetup.nowSeconds))
            let before = try await night.everything()
            for misfit in Self.misfits {
                var account = night.account()
                misfit.change(&account)
                if misfit.name == "the key of another account" { account.apiBase = medflyt.url }
                let changed = account
                let error = await #expect(throws: StripeError.self, "\(misfit.name)") {
                    try await night.run(account: changed)
                }
                #expect(error?.kind == misfit.kind, "\(misfit.name)")
                #expect(error.map { "\($0)".contains("sandbox_task_health") } == false, "\(misfit.name): a key leaks")
                #expect(try await night.everything() == before, "\(misfit.name)")
            }
            #expect(try await night.number("SELECT count(*) FROM trueup.run") == 0)
            #expect(!night.requests().contains { $0.path.hasPrefix("/v1/invoices") })
            await medflyt.stop()
        }
    }

    @Test("objects of the other mode are refused: nothing of such a page is used")
    func livemode() async throws {
        // A test key on an account whose objects say that they are live: a proxy that leads elsewhere.
        try await Night.with(try NightSetup.credits(seed: 71, orders: 300, plants: [.paidOpen: 2])) { night in
            let live = SandboxAccount(
                name: "task_health", secretKey: "sk_live_sandbox_task_health",
                accountID: SandboxAccount.taskHealthAccountID, readOnlyKey: "sk_test_sandbox_task_health",
                livemode: true,
                history: .plain(
                    seed: 1, invoices: 50, paymentIntents: 0, fromSeconds: NightSetup.nowSeconds - 9 * 86_400,
                    toSeconds: NightSetup.nowSeconds - 86_400))
            let server = try await SandboxServer.start(
                SandboxConfiguration(accounts: [live], clockSeconds: NightSetup.nowSeconds))
            var account = night.account()
            account.apiBase = server.url
            let before = try await night.everything()
            let result = try await night.run(account: account)
            #expect(result.outcome.state == .incomplete)
            #expect(result.outcome.problems.contains { $0.contains("is live data") })
            #expect(try await night.everything() == before)
            await server.stop()
        }
    }

    /// Tables that are not what the job says, and the words that the refusal must have.
    static let tables: [(sql: String, words: [String])] = [
        ("ALTER TABLE task_credit_stripe_invoice RENAME TO other", ["no table", "public.task_credit_stripe_invoice"]),
        (
            "ALTER TABLE task_credit_stripe_invoice RENAME COLUMN amount_cents TO cents",
            ["amount_cents", "amount", "cents"]
        ),
        (
            "ALTER TABLE task_credit_stripe_invoice ALTER COLUMN paid DROP DEFAULT, ALTER COLUMN paid TYPE text",
            ["paid", "text", "boolean"]
        ),
        (
            "ALTER TABLE task_credit_stripe_invoice ALTER COLUMN cancelled_at TYPE timestamp",
            ["cancelled_at", "timestamp without time zone"]
        ),
        (
            """
            CREATE ROLE looker_70 LOGIN; GRANT USAGE ON SCHEMA trueup TO looker_70;
            GRANT ALL ON ALL TABLES IN SCHEMA public, trueup TO looker_70;
            ALTER TABLE task_credit_stripe_invoice ENABLE ROW LEVEL SECURITY
            """, ["Row-level security", "public.task_credit_stripe_invoice"]
        ),
    ]

    @Test("a table that is not what the job says is refused by name", arguments: tables.indices)
    func contract(_ number: Int) async throws {
        var setup = try NightSetup.credits(seed: 72, orders: 300, plants: [.paidOpen: 2])
        setup.changesSchema = true
        try await Night.with(setup) { night in
            let (sql, words) = Self.tables[number]
            var script = sql
            if sql.contains("TYPE text") {
                script = "DROP INDEX task_credit_stripe_invoice_open; " + sql
            }
            if sql.contains("TYPE timestamp") { script = "DROP INDEX task_credit_stripe_invoice_open; " + sql }
            try await night.pool.withConnection { [script] in try await $0.run(script: script) }
            var target = night.target
            if sql.contains("looker_70"), let host = target.host {
                target = ConnectionTarget(socketDirectory: host, database: target.database ?? "", user: "looker_70")
            }
            let place = target
            let error = await #expect(throws: ContractError.self) { try await night.run(target: place) }
            let told = error.map { "\($0)" } ?? ""
            for word in words { #expect(told.contains(word)) }
            #expect(night.requests().isEmpty)
            #expect(try await night.number("SELECT count(*) FROM trueup.run") == 0)
        }
    }

    @Test("a database without Trueup's schema is refused with the way out")
    func notMigrated() async throws {
        try await Night.with(try NightSetup.credits(seed: 73, orders: 300, plants: [.paidOpen: 1])) { night in
            let empty = try await TestServer.emptyDatabase()
            let error = await #expect(throws: MigrationError.self) { try await night.run(target: empty) }
            #expect(error == .missing)
            #expect(night.requests().isEmpty)
        }
    }

    @Test("a job that runs already is not started again, and another job is")
    func alreadyRunning() async throws {
        try await Night.with(try NightSetup.credits(seed: 74, orders: 300, plants: [.paidOpen: 1])) { night in
            let taken = try await JobLock.take(job: Night.job, target: night.target)
            let lock = try #require(taken)
            await #expect(throws: RunError.alreadyRunning(Night.job)) { try await night.run() }
            #expect(night.requests().isEmpty)
            #expect(try await night.number("SELECT count(*) FROM trueup.run") == 0)
            var other = night.definition()
            other.name = "another"
            #expect(try await night.run(definition: other).outcome.state == .repaired)
            await lock.release()
            #expect(try await night.run().outcome.state == .clean)
        }
    }
}
