import Sandbox
import Store
import Stripe
import Support
import Testing

@Suite("Whose the keys are")
struct AccountCheckTests {
    /// Stripe cannot be asked about any of the three accounts at the start.
    private static var late: CounterSetup {
        var setup = CounterSetup()
        setup.limits.verifySeconds = 1
        setup.faults = SandboxFaults(
            scripts: (1...3).map { .init(.unavailable, occurrence: $0, method: "GET", pathContains: "/v1/account") })
        return setup
    }

    /// A row with its invoice, which is paid, of a counter that cannot place orders.
    private static func paid(_ counter: Counter) async throws -> String {
        let customer = try await counter.word(#"SELECT "taskHealthStripeCustomerId" FROM agency WHERE id = 7"#)
        let world = try counter.server.world(of: "task_health")
        let invoice = try world.insert(SandboxInvoiceDraft(amount: 200_000, customerID: customer))
        try world.finalize(invoice)
        try world.pay(invoice)
        try await counter.run(
            """
            INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                stripe_invoice_id) VALUES (1, 7, 10, 200000, 'usd', '\(invoice)')
            """)
        return invoice
    }

    @Test("while Stripe cannot say it, orders are answered 503, and webhooks that carry all they need are taken in")
    func away() async throws {
        var setup = CounterSetup()
        setup.away = ["task_health"]
        try await Counter.with(setup) { counter in
            let reply = try await counter.askForOrder(key: "k")
            #expect(reply.status == 503 && reply.code == "account_unverified", "\(reply.text)")
            #expect(reply.headers["Retry-After"] != nil)
            #expect(try await counter.number("SELECT count(*) FROM task_credit_stripe_invoice") == 0)
            for path in ["/credit_order_options", "/credit_orders", "/credit_balance"] {
                let read = try await counter.ask(.get, Counter.orders + path, token: counter.token)
                #expect(read.status == 200, "\(read.text)")
            }
            let invoice = try await Self.paid(counter)
            let cancel = try await counter.ask(.delete, Counter.orders + "/credit_orders/1", token: counter.token)
            #expect(cancel.status == 503 && cancel.code == "account_unverified", "\(cancel.text)")
            let event = try await counter.event("invoice.paid", of: invoice, account: "task_health")
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
            #expect(counter.logs.text.contains("warning account not verified"), "\(counter.logs.text)")
        }
    }

    @Test("an event of another account than the one that Stripe says of the key is refused, where no setting names it")
    func eventOfAnother() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            let other = try counter.changed(event) { $0["account"] = "acct_1Other" }
            let refused = try await counter.deliver(other, account: "task_health")
            #expect(refused.status == 400 && refused.code == "wrong_account", "\(refused.text)")
            #expect(refused.message?.contains(SandboxAccount.taskHealthAccountID) == true, "\(refused.text)")
            #expect(try await counter.balance() == 0)
            let own = try counter.changed(event) { $0["account"] = SandboxAccount.taskHealthAccountID }
            #expect(try await counter.deliver(own, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
        }
    }

    @Test("while Stripe cannot say it, an event's account is held against what runs have known under the name")
    func eventOfAnotherWhileAway() async throws {
        for known in ["acct_1Known", nil] {
            var setup = CounterSetup()
            setup.away = ["task_health"]
            if let known { setup.known = ["task_health": known] }
            try await Counter.with(setup) { counter in
                let invoice = try await Self.paid(counter)
                let event = try await counter.event("invoice.paid", of: invoice, account: "task_health")
                let other = try counter.changed(event) { $0["account"] = "acct_1Other" }
                let refused = try await counter.deliver(other, account: "task_health")
                let expected = known == nil ? (503, "account_unverified") : (400, "wrong_account")
                #expect(refused.status == expected.0 && refused.code == expected.1, "\(refused.text)")
                #expect(try await counter.balance() == 0)
                let own = try counter.changed(event) { $0["account"] = known }
                #expect(try await counter.deliver(own, account: "task_health").outcome == "done")
                #expect(try await counter.balance() == 10)
            }
        }
    }

    @Test("it is asked again until Stripe says it")
    func later() async throws {
        try await Counter.with(Self.late) { counter in
            let end = ContinuousClock.now + .seconds(60)
            var reply = try await counter.askForOrder(key: "k")
            while reply.status == 503, ContinuousClock.now < end {
                #expect(reply.code == "account_unverified", "\(reply.text)")
                try await Task.sleep(for: .milliseconds(50))
                reply = try await counter.askForOrder(key: "k")
            }
            #expect(reply.status == 201, "\(reply.text)")
            #expect(counter.logs.text.contains("info account verified"))
        }
    }

    @Test("a key of another account that shows itself later ends the service")
    func swapped() async throws {
        var setup = Self.late
        setup.known = ["task_health": "acct_1Other"]
        try await Counter.with(setup) { counter in
            let error = await counter.ended() as? AccountChanged
            #expect(error?.known == "acct_1Other" && error?.found == SandboxAccount.taskHealthAccountID)
        }
    }
}
