import Curl
import Runner
import Sandbox
import Store
import Stripe
import Support
import Testing

/// Making a plan is of no consequence, also where the keys of two accounts were swapped.
@Suite("The accounts that plans are made of")
struct PlanAccountTests {
    private static func setup(_ seed: UInt64) throws -> NightSetup {
        var setup = try NightSetup.credits(seed: seed, orders: 300, plants: [.paidOpen: 3, .openPaid: 1])
        setup.others = ["medflyt": try NightSetup.charges(seed: seed, charges: 60, plants: [:]).history]
        return setup
    }

    /// Task Health's account with Medflyt's key.
    private static func swapped(_ night: Night) -> Account {
        var account = night.account()
        account.secretKey = night.account("medflyt").secretKey
        return account
    }

    /// Task Health's account with the restricted key of one of the two.
    private static func keyed(_ night: Night, _ name: String) -> Account {
        var account = night.account()
        account.secretKey = Secret("rk_test_sandbox_\(name)")
        return account
    }

    @Test("a first plan with swapped keys does not keep the right key out, and is not applied with it")
    func firstPlan() async throws {
        try await Night.with(try Self.setup(61)) { night in
            let wrong = try #require(try await night.run(plan: true, account: Self.swapped(night)).plan)
            #expect(try await night.number("SELECT count(*) FROM trueup.account") == 0)
            let right = try #require(try await night.run(plan: true).plan)
            let (planned, found) = (try #require(wrong.accounts?["task_health"]), right.accounts?["task_health"])
            #expect(planned != found)
            await #expect(
                throws: PlanError.otherAccount("plan.json", name: "task_health", planned: planned, found: found ?? "")
            ) { _ = try await night.apply(wrong) }
            #expect(try await night.number("SELECT count(*) FROM trueup.account") == 0)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
            let text = try right.text()
            #expect(try Plan(text: text, path: "p") == right)
            #expect(throws: PlanError.edited("p")) {
                try Plan(text: text.replacing(found ?? "?", with: planned), path: "p")
            }
            #expect(try await night.apply(right).applied == 3)
            // From the approval on the name is held to it.
            let held = try await night.query("SELECT name || ' ' || account_id AS line FROM trueup.account")
            #expect(try held.map { try $0["line"] as String } == ["task_health \(found ?? "")"])
            await #expect(throws: AccountChanged.self) {
                _ = try await night.run(plan: true, account: Self.swapped(night))
            }
        }
    }

    @Test("a plan that was stopped is not gone on with under the key of another account")
    func resumed() async throws {
        try await Night.with(try Self.setup(62)) { night in
            let isBegun: @Sendable (RunProgress) -> Bool = { if case .comparing = $0 { true } else { false } }
            for account in [Self.swapped(night), night.account()] {
                await #expect(throws: CancellationError.self) {
                    try await night.runStopped(plan: true, account: account, when: isBegun)
                }
            }
            // What the wrong key read is replaced, what the right key read is gone on with.
            let result = try await night.run(plan: true)
            #expect(result.run.id == 2 && result.run.attempt == 2)
            let state: String = try await night.query("SELECT state FROM trueup.run WHERE id = 1")[0]["state"]
            #expect(state == "failed")
            #expect(result.plan?.items.count == 3)
        }
    }

    @Test("a restricted key that may not say its account has to find what was read of it")
    func restricted() async throws {
        var setup = try Self.setup(64)
        setup.hidesAccounts = true
        try await Night.with(setup) { night in
            #expect(try await night.run().outcome.problems.isEmpty)
            let newest: String = try await night.query(
                """
                SELECT id FROM trueup.stripe_payment WHERE account = 'task_health'
                ORDER BY created_seconds DESC LIMIT 1
                """)[0]["id"]
            let before = try await night.everything()
            let swapped = Self.keyed(night, "medflyt")
            for isPlan in [true, false] {
                let start = night.requests().count
                let error = await #expect(throws: PaymentNotFound.self) {
                    try await night.run(plan: isPlan, account: swapped)
                }
                #expect(error?.payment.id == newest && error?.payment.isInvoice == true)
                #expect(error?.description.contains("DELETE FROM trueup.account WHERE name = 'task_health'") == true)
                #expect(night.requests(since: start).count == 2)
            }
            #expect(try await night.everything() == before)
            let own = Self.keyed(night, "task_health")
            #expect(try await night.run(account: own).outcome.problems.isEmpty)
            // Without any payment there is nothing to tell it by.
            try await night.pool.withConnection { try await $0.run(script: "DELETE FROM trueup.stripe_payment") }
            _ = try await night.run(plan: true, account: swapped)
        }
    }

    @Test("a plan of a version that did not note accounts is applied as it was then")
    func older() async throws {
        try await Night.with(try Self.setup(63)) { night in
            var plan = try #require(try await night.run(plan: true).plan)
            plan.accounts = nil
            let result = try await night.apply(plan)
            #expect(result.applied == 3 && result.exitCode == 0)
            // A revert notes none either: its file looks like theirs.
            let revert = try await night.revert(result.runID)
            let text = try revert.text()
            #expect(!text.contains("accounts"))
            #expect(try Plan(text: text, path: "p") == revert)
            #expect(try await night.apply(revert).applied == 3)
        }
    }
}
