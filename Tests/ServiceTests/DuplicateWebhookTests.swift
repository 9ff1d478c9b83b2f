import Sandbox
import Support
import Testing

@Suite("Webhooks of invoices that were made twice")
struct DuplicateWebhookTests {
    /// An order with its invoice, and the event that a second invoice of it was voided.
    private static func voided(
        _ counter: Counter, amount: Int64 = 200_000
    ) async throws -> (order: Counter.Order, invoice: String, event: [UInt8]) {
        let order = try await counter.place()
        let invoice = try #require(order.stripeInvoiceId)
        let customer = try await counter.word(#"SELECT "taskHealthStripeCustomerId" FROM agency WHERE id = 7"#)
        let world = try counter.server.world(of: "task_health")
        let twin = try world.insert(
            SandboxInvoiceDraft(
                amount: amount, customerID: customer, metadata: ["order_id": "\(order.id)", "agency_id": "7"]))
        try world.finalize(twin)
        try world.void(twin)
        return (order, invoice, try await counter.event("invoice.voided", of: twin, account: "task_health"))
    }

    private static let state = """
        SELECT concat_ws(' ', stripe_invoice_id, paid, cancelled_at IS NOT NULL) FROM task_credit_stripe_invoice
        """

    @Test("a duplicate that was voided leaves its order, which has another invoice, as it is, and needs nobody")
    func linked() async throws {
        try await Counter.with { counter in
            let (order, invoice, event) = try await Self.voided(counter, amount: 100)
            for _ in 0..<2 {
                let reply = try await counter.deliver(event, account: "task_health")
                #expect(reply.status == 200 && reply.outcome == "already_done", "\(reply.text)")
            }
            #expect(try await counter.word(Self.state) == "\(invoice) f f", "order \(order.id)")
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_refusal") == 0)
        }
    }

    @Test("an order that has no invoice yet is not cancelled by a void one; what the rules leave to a person is told")
    func unlinked() async throws {
        try await Counter.with { counter in
            let (order, _, event) = try await Self.voided(counter)
            try await counter.run("UPDATE task_credit_stripe_invoice SET stripe_invoice_id = NULL")
            let reply = try await counter.deliver(event, account: "task_health")
            #expect(reply.status == 200 && reply.outcome == "already_done", "\(reply.text)")
            #expect(try await counter.word(Self.state) == "f f")
            try await counter.run("UPDATE task_credit_stripe_invoice SET amount_cents = 150000")
            let mismatch = try await counter.deliver(event, account: "task_health")
            #expect(mismatch.status == 409 && mismatch.text.contains("amount_mismatch"), "\(mismatch.text)")
            try await counter.run("DELETE FROM task_credit_stripe_invoice")
            let gone = try await counter.deliver(event, account: "task_health")
            #expect(gone.status == 409 && gone.text.contains("order \(order.id), which is not there"), "\(gone.text)")
        }
    }
}
