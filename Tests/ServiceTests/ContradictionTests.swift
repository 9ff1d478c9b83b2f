import Foundation
import Sandbox
import Support
import Testing

@Suite("Webhooks that contradict themselves, or Stripe")
struct ContradictionTests {
    /// The event with other words in its object.
    private static func changed(
        _ counter: Counter, _ event: [UInt8], type: String? = nil, _ words: [String: Int], status: String? = nil
    ) throws -> [UInt8] {
        try counter.changed(event) { event in
            var data = event["data"] as? [String: Any] ?? [:]
            var object = data["object"] as? [String: Any] ?? [:]
            for (name, value) in words { object[name] = value }
            if let status { object["status"] = status }
            data["object"] = object
            event["data"] = data
            if let type { event["type"] = type }
        }
    }

    static let partly: [[String: Int]] = [
        ["amount_remaining": 1], ["amount_paid": 199_999], ["amount_paid": 0, "amount_remaining": 200_000],
    ]

    @Test("an invoice that is not paid whole is read anew, and what Stripe says is done", arguments: partly)
    func readAnew(_ words: [String: Int]) async throws {
        try await Counter.with { counter in
            let (_, invoice, event) = try await counter.paid()
            let before = counter.server.statistics.log.count
            let reply = try await counter.deliver(
                try Self.changed(counter, event, words), account: "task_health")
            #expect(reply.status == 200 && reply.outcome == "done", "\(reply.text)")
            let asked = counter.server.statistics.log.dropFirst(before).map { "\($0.method) \($0.path)" }
            #expect(asked == ["GET /v1/invoices/\(invoice)"])
            #expect(try await counter.balance() == 10)
        }
    }

    @Test("where Stripe says another state than the event, nothing is granted, and a person hears of it once")
    func contradicted() async throws {
        try await Counter.with { counter in
            let order = try await counter.place()
            let invoice = try #require(order.stripeInvoiceId)
            let finalized = try await counter.event("invoice.finalized", of: invoice, account: "task_health")
            for status in ["open", "paid"] {
                let event = try Self.changed(counter, finalized, type: "invoice.paid", [:], status: status)
                let reply = try await counter.deliver(event, account: "task_health")
                #expect(reply.status == 409 && reply.code == "needs_a_person", "\(reply.text)")
                #expect(reply.message?.contains("Stripe says that invoice") == true, "\(reply.text)")
            }
            let voided = try Self.changed(counter, finalized, type: "invoice.voided", [:])
            #expect(try await counter.deliver(voided, account: "task_health").status == 409)
            #expect(try await counter.balance() == 0)
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_event") == 0)
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_refusal") >= 1)
            try counter.server.world(of: "task_health").pay(invoice)
            let paid = try await counter.event("invoice.paid", of: invoice, account: "task_health")
            #expect(try await counter.deliver(paid, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
        }
    }

    @Test("an invoice that Stripe calls paid though a part of it is not grants nothing, as at night")
    func paidInPart() async throws {
        try await Counter.with { counter in
            let order = try await counter.place()
            let invoice = try #require(order.stripeInvoiceId)
            try counter.server.world(of: "task_health").payPartly(invoice, amount: 50_000)
            let event = try await counter.event("invoice.paid", of: invoice, account: "task_health")
            let reply = try await counter.deliver(event, account: "task_health")
            #expect(reply.status == 409 && reply.code == "needs_a_person", "\(reply.text)")
            let words =
                "amount_mismatch: Stripe invoiced $500.00 ($2,000.00 less $1,500.00 that was credited before it was "
                + "paid, or never paid), the order is for $2,000.00."
            #expect(reply.message == words, "\(reply.text)")
            #expect(try await counter.balance() == 0)
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_refusal") == 1)
        }
    }

    @Test("an invoice that was paid elsewhere and marked so is paid")
    func outOfBand() async throws {
        try await Counter.with { counter in
            let order = try await counter.place()
            let invoice = try #require(order.stripeInvoiceId)
            try await counter.payElsewhere(invoice)
            let event = try await counter.event("invoice.paid", of: invoice, account: "task_health")
            #expect(try await counter.deliver(event, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
        }
    }
}
