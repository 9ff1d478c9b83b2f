import Foundation
import PostgreSQL
import Sandbox
import Support
import Testing

@Suite("Webhooks")
struct WebhookTests {
    @Test("a paid invoice grants its credits, once, however often and under whatever event id it is told")
    func grants() async throws {
        try await Counter.with { counter in
            let (order, invoice, event) = try await counter.paid()
            let first = try await counter.deliver(event, account: "task_health")
            #expect(first.status == 200 && first.outcome == "done" && first.deliveries == 1, "\(first.text)")
            #expect(try await counter.balance() == 10)
            let second = try await counter.deliver(event, account: "task_health")
            #expect(second.status == 200 && second.outcome == "already_done" && second.deliveries == 2)
            let twin = try counter.changed(event) { $0["id"] = "evt_twin" }
            #expect(try await counter.deliver(twin, account: "task_health").outcome == "already_done")
            #expect(try await counter.balance() == 10)
            let remembered = try await counter.word(
                """
                SELECT string_agg(concat_ws(' ', type, object_id, outcome, effects, local_id, deliveries), '; '
                    ORDER BY received_at) FROM trueup.webhook_event
                """)
            #expect(
                remembered == "invoice.paid \(invoice) done {grant} \(order.id) 2; "
                    + "invoice.paid \(invoice) already_done 1")
        }
    }

    @Test("a hundred deliveries at once are one effect")
    func atOnce() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            let outcomes = try await withThrowingTaskGroup(of: Counter.Reply.self) { group in
                for index in 0..<100 {
                    let body = try counter.changed(event) { if index % 2 == 1 { $0["id"] = "evt_\(index)" } }
                    group.addTask { try await counter.deliver(body, account: "task_health") }
                }
                var outcomes: [String] = []
                for try await reply in group { outcomes.append(reply.outcome ?? "\(reply.status) \(reply.text)") }
                return outcomes
            }
            #expect(outcomes.count { $0 == "done" } == 1)
            #expect(outcomes.count { $0 == "already_done" } == 99, "\(Set(outcomes))")
            #expect(try await counter.balance() == 10)
            #expect(
                try await counter.number("SELECT count(*) FROM trueup.webhook_event WHERE outcome = 'done'") == 1)
        }
    }

    @Test("the row decides, not the memory: an event that is remembered without its effect is applied again")
    func memoryLies() async throws {
        try await Counter.with { counter in
            let (order, _, event) = try await counter.paid()
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            // As after a restore of the application's tables alone.
            try await counter.run(
                """
                UPDATE task_credit_stripe_invoice SET paid = false, paid_at = NULL WHERE id = \(order.id);
                UPDATE task_credit_agency_balance SET balance = 0
                """)
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
        }
    }

    @Test("an order whose id was never written is found by the invoice's metadata, linked and granted")
    func links() async throws {
        try await Counter.with { counter in
            let (order, invoice, event) = try await counter.paid()
            try await counter.run("UPDATE task_credit_stripe_invoice SET stripe_invoice_id = NULL")
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            #expect(
                try await counter.word(
                    "SELECT stripe_invoice_id || paid FROM task_credit_stripe_invoice WHERE id = \(order.id)")
                    == invoice + "true")
            #expect(try await counter.word("SELECT effects FROM trueup.webhook_event") == "{link,grant}")
            #expect(try await counter.balance() == 10)
        }
    }

    @Test("a void invoice cancels its order; what comes late undoes nothing")
    func voids() async throws {
        try await Counter.with { counter in
            let order = try await counter.place()
            let invoice = try #require(order.stripeInvoiceId)
            try counter.server.world(of: "task_health").void(invoice)
            let event = try await counter.event("invoice.voided", of: invoice, account: "task_health")
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            #expect(try await counter.deliver(event, account: "task_health").outcome == "already_done")
            let state = "SELECT concat_ws(' ', paid, cancelled_at IS NOT NULL) FROM task_credit_stripe_invoice"
            #expect(try await counter.word(state + " WHERE id = \(order.id)") == "f t")
            // The order of two events is reversed by the network: finalized after void, and an unpaid one as paid.
            let stale = try counter.changed(event) { $0["type"] = "invoice.paid" }
            #expect(try await counter.deliver(stale, account: "task_health").outcome == "already_done")
            #expect(try await counter.word(state + " WHERE id = \(order.id)") == "f t")
            #expect(try await counter.balance() == 0)
        }
    }

    @Test("what needs a person is not answered 200, changes nothing and is not remembered")
    func conflicts() async throws {
        try await Counter.with { counter in
            let (order, _, event) = try await counter.paid()
            for (change, word) in [
                ("amount_cents = 150000", "amount_mismatch"), ("cancelled_at = now()", "paid_after_cancel"),
                ("agency_id = 8", "order_mismatch"), ("currency = 'eur'", "currency_mismatch"),
            ] {
                try await counter.run(
                    """
                    CREATE TABLE kept AS SELECT * FROM task_credit_stripe_invoice;
                    UPDATE task_credit_stripe_invoice SET \(change)
                    """)
                let reply = try await counter.deliver(event, account: "task_health")
                #expect(reply.status == 409 && reply.code == "needs_a_person", "\(change): \(reply.text)")
                #expect(reply.text.contains(word), "\(reply.text)")
                try await counter.run(
                    """
                    DELETE FROM task_credit_stripe_invoice;
                    INSERT INTO task_credit_stripe_invoice SELECT * FROM kept; DROP TABLE kept
                    """)
            }
            try await counter.run("DELETE FROM task_credit_stripe_invoice")
            let gone = try await counter.deliver(event, account: "task_health")
            #expect(gone.status == 409 && gone.text.contains("order \(order.id)"), "\(gone.text)")
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_event") == 0)
            #expect(try await counter.balance() == 0)
        }
    }

    @Test("what needs a person is written down and told once, shown, and settled by the delivery that succeeds")
    func refusals() async throws {
        try await Counter.with { counter in
            let (order, invoice, event) = try await counter.paid()
            try await counter.run("UPDATE task_credit_stripe_invoice SET amount_cents = 150000")
            for number in 1...3 {
                let twin = try counter.changed(event) { $0["id"] = "evt_\(number)" }
                #expect(try await counter.deliver(twin, account: "task_health").status == 409)
            }
            let noted = "SELECT string_agg(concat_ws(' ', object_id, type, event_id, deliveries), ';') "
            #expect(
                try await counter.word(noted + "FROM trueup.webhook_refusal") == "\(invoice) invoice.paid evt_3 3")
            let told = "SELECT string_agg(recipient || ' ' || subject, ';') FROM trueup.outbox"
            #expect(
                try await counter.word(told)
                    == "finance@example.com Trueup: credit-invoices: a webhook needs a person")
            #expect(try await counter.word("SELECT body_text FROM trueup.outbox")?.contains("amount_mismatch") == true)
            let page = try await counter.ask(.get, "/", token: counter.token).text
            #expect(page.contains("Webhooks that need a person") && page.contains(invoice), "\(page)")
            #expect(try await counter.ask(.get, "/metrics").text.contains("\ntrueup_webhooks_refused 1\n"))
            try await counter.run("UPDATE task_credit_stripe_invoice SET amount_cents = 200000")
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_refusal") == 0)
            #expect(try await counter.number("SELECT count(*) FROM trueup.outbox") == 1)
            #expect(try await counter.balance() == 10, "order \(order.id)")
            #expect(!(try await counter.ask(.get, "/", token: counter.token).text.contains("Webhooks that need")))
        }
    }

    @Test("types and invoices that are no business of ours are answered 200 and counted")
    func ignored() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            let strange = try counter.changed(event) { $0["type"] = "customer.created\nx 1" }
            let reply = try await counter.deliver(strange, account: "task_health")
            #expect(reply.status == 200 && reply.outcome == "ignored" && reply.deliveries == nil)
            let world = try counter.server.world(of: "task_health")
            let foreign = try world.insert(SandboxInvoiceDraft(amount: 500))
            try world.pay(foreign)
            let other = try await counter.event("invoice.paid", of: foreign, account: "task_health")
            #expect(try await counter.deliver(other, account: "task_health").outcome == "ignored")
            #expect(
                try await counter.word(
                    "SELECT string_agg(concat_ws(' ', outcome, reason), ';') FROM trueup.webhook_event")
                    == "ignored no local row is about it")
            let metrics = try await counter.ask(.get, "/metrics").text
            #expect(metrics.contains("trueup_webhooks_total{type=\"other\",outcome=\"ignored\"} 1\n"), "\(metrics)")
            #expect(metrics.contains("trueup_webhooks_total{type=\"invoice.paid\",outcome=\"ignored\"} 1\n"))
            #expect(try await counter.balance() == 0)
        }
    }

    @Test("an event of the other mode, of another account, or signed for another path is refused")
    func foreign() async throws {
        var setup = CounterSetup()
        setup.accountID = "acct_1QnTaskHlthCredit"
        try await Counter.with(setup) { counter in
            let (_, _, event) = try await counter.paid()
            let live = try counter.changed(event) { $0["livemode"] = true }
            let mode = try await counter.deliver(live, account: "task_health")
            #expect(mode.status == 400 && mode.code == "wrong_mode", "\(mode.text)")
            let named = try counter.changed(event) { $0["account"] = "acct_other" }
            let account = try await counter.deliver(named, account: "task_health")
            #expect(account.status == 400 && account.code == "wrong_account")
            let path = try await counter.deliver(event, account: "task_health", path: "/stripe/webhook")
            #expect(path.status == 400 && path.code == "signature_mismatch")
            #expect(try await counter.balance() == 0)
        }
    }

    @Test("payment intents settle their charges in any order of events")
    func intents() async throws {
        try await Counter.with { counter in
            let world = try counter.server.world(of: "medflyt")
            let customer = try #require(try await counter.word(#"SELECT "stripeCustomerId" FROM agency WHERE id = 7"#))
            func charge(_ id: Int64, linked: Bool = true) async throws -> String {
                let intent = try world.insertPaymentIntent(
                    amount: 4_900, customerID: customer, metadata: ["charge_id": "\(id)", "agency_id": "7"])
                try await counter.run(
                    """
                    INSERT INTO agency_charge (id, agency_id, purpose, amount_cents, currency, stripe_payment_intent_id)
                    VALUES (\(id), 7, 'sms_boost', 4900, 'usd', \(linked ? "'\(intent)'" : "NULL"))
                    """)
                return intent
            }
            let (first, second, third) = (
                try await charge(1), try await charge(2, linked: false), try await charge(3)
            )
            try world.fail(paymentIntent: first)
            let failed = try await counter.event(
                "payment_intent.payment_failed", of: first, account: "medflyt")
            try world.succeed(paymentIntent: first)
            let succeeded = try await counter.event("payment_intent.succeeded", of: first, account: "medflyt")
            #expect(try await counter.deliver(succeeded, account: "medflyt").outcome == "done")
            // The failure comes late, and is over.
            #expect(try await counter.deliver(failed, account: "medflyt").outcome == "already_done")
            try world.cancel(paymentIntent: second)
            let canceled = try await counter.event("payment_intent.canceled", of: second, account: "medflyt")
            #expect(try await counter.deliver(canceled, account: "medflyt").status == 200)
            try world.fail(paymentIntent: third)
            let declined = try await counter.event(
                "payment_intent.payment_failed", of: third, account: "medflyt")
            #expect(try await counter.deliver(declined, account: "medflyt").outcome == "done")
            #expect(
                try await counter.word("SELECT string_agg(status, ' ' ORDER BY id) FROM agency_charge")
                    == "succeeded canceled failed")
        }
    }
}
