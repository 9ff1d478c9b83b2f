import PostgreSQL
import Sandbox
import Support
import Testing

@Suite("Webhooks that meet something else")
struct WebhookMeetingTests {
    @Test("one that waits for the row which is being linked to its invoice finds it linked, and needs nobody")
    func linked() async throws {
        try await Counter.with { counter in
            let (_, invoice, event) = try await counter.paid()
            let table = "public.task_credit_stripe_invoice"
            let unlink = "UPDATE \(table) SET stripe_invoice_id = NULL WHERE stripe_invoice_id = $1 RETURNING id"
            let id: Int64 = try await counter.pool.withConnection { try await $0.query(unlink, invoice)[0]["id"] }
            let waiters = """
                SELECT count(*) FROM pg_stat_activity
                WHERE wait_event_type = 'Lock' AND datname = current_database()
                """
            let reply = try await counter.pool.transaction { connection in
                try await connection.execute(
                    "UPDATE \(table) SET stripe_invoice_id = $1 WHERE id = $2", invoice, id)
                let waiting = Task { try await counter.deliver(event, account: "task_health") }
                while try await counter.number(waiters) == 0 {
                    try await Task.sleep(for: .milliseconds(10))
                }
                return waiting
            }.value
            #expect(reply.status == 200 && reply.outcome == "done", "\(reply.text)")
            #expect(try await counter.balance() == 10)
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_refusal") == 0)
        }
    }

    @Test("one that has to be read anew is answered 503 at once while the database is away, and done when it is back")
    func away() async throws {
        var setup = CounterSetup()
        setup.sharesLimits = true
        try await Counter.with(setup) { counter in
            let order = try await counter.place()
            let invoice = try #require(order.stripeInvoiceId)
            let finalized = try await counter.event("invoice.finalized", of: invoice, account: "task_health")
            try counter.server.world(of: "task_health").pay(invoice)
            // It still shows the invoice open.
            let event = try counter.changed(finalized) { $0["type"] = "invoice.paid" }
            let name = try #require(counter.target.database)
            let admin = try await Connection.open(counter.target.with(database: "postgres"), applicationName: "test")
            try await admin.execute("ALTER DATABASE \(name) WITH ALLOW_CONNECTIONS false")
            try await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            // What was granted ahead of the limit is over by then.
            try await Task.sleep(for: .seconds(2))
            let before = ContinuousClock.now
            let reply = try await counter.deliver(event, account: "task_health")
            try await admin.execute("ALTER DATABASE \(name) WITH ALLOW_CONNECTIONS true")
            await admin.close()
            #expect(reply.status == 503, "\(reply.text)")
            #expect(ContinuousClock.now - before < .seconds(10))
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
        }
    }
}
