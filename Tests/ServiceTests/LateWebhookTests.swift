import Foundation
import PostgreSQL
import Sandbox
import Support
import Testing

/// An event that comes late may tell of money that was given back since.
@Suite("Webhooks that come late")
struct LateWebhookTests {
    /// The event as if it had happened so many seconds ago.
    private static func event(_ event: [UInt8], secondsAgo: Int, _ counter: Counter) throws -> [UInt8] {
        try counter.changed(event) { $0["created"] = Int(Date().timeIntervalSince1970) - secondsAgo }
    }

    @Test(
        "nothing is granted for what was taken back by then, and a person hears of it; of one in time nobody asks",
        arguments: [false, true])
    func takenBack(_ isDispute: Bool) async throws {
        try await Counter.with { counter in
            let (order, invoice, event) = try await counter.paid()
            let world = try counter.server.world(of: "task_health")
            let intent = try #require(world.invoice(invoice)?.paymentIntentID)
            _ = isDispute ? try world.dispute(intent) : try world.refund(intent, amount: 1)
            let late = try Self.event(event, secondsAgo: 660, counter)
            for _ in 0..<2 {
                let reply = try await counter.deliver(late, account: "task_health")
                #expect(reply.status == 409 && reply.code == "needs_a_person", "\(reply.text)")
                #expect(reply.message?.hasPrefix(isDispute ? "disputed: " : "refunded: ") == true, "\(reply.text)")
            }
            #expect(try await counter.balance() == 0)
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_event") == 0)
            #expect(try await counter.number("SELECT deliveries FROM trueup.webhook_refusal") == 2)
            let paid = "SELECT paid FROM task_credit_stripe_invoice WHERE id = \(order.id)"
            #expect(try await counter.word(paid) == "false")

            let before = counter.server.statistics.log.count
            let fresh = try Self.event(event, secondsAgo: 0, counter)
            #expect(try await counter.deliver(fresh, account: "task_health").outcome == "done")
            #expect(counter.server.statistics.log.count == before)
            #expect(try await counter.balance() == 10)
            #expect(try await counter.number("SELECT count(*) FROM trueup.webhook_refusal") == 0)
            // Of an order that has its credits the night tells.
            #expect(try await counter.deliver(late, account: "task_health").outcome == "already_done")
            #expect(try await counter.balance() == 10)
        }
    }

    @Test(
        "where a list of what was taken back cannot be read to its end, nothing is granted until it can",
        arguments: ["refunds", "disputes"])
    func unreadable(_ list: String) async throws {
        var setup = CounterSetup()
        setup.faults = SandboxFaults(scripts: [.init(.emptyPage, pathContains: "/v1/\(list)?")])
        try await Counter.with(setup) { counter in
            let (_, _, event) = try await counter.paid()
            let late = try Self.event(event, secondsAgo: 660, counter)
            let reply = try await counter.deliver(late, account: "task_health")
            #expect(reply.status == 503 && reply.code == "stripe_unavailable", "\(reply.text)")
            #expect(try await counter.balance() == 0)
            #expect(try await counter.deliver(late, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
        }
    }

    @Test("what nobody took back is granted, however late it comes")
    func lateAlone() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            let late = try Self.event(event, secondsAgo: 20 * 86_400, counter)
            #expect(try await counter.deliver(late, account: "task_health").outcome == "done")
            #expect(try await counter.balance() == 10)
        }
    }

    static let versions = ["2023-10-16", "2026-07-29.dahlia"]

    /// Delivers an event of long ago.
    private static func deliverLate(
        _ type: String, of id: String, _ counter: Counter
    ) async throws -> Counter.Reply {
        let posted = try await counter.event(type, of: id, account: "task_health")
        return try await counter.deliver(
            try Self.event(posted, secondsAgo: 660, counter), account: "task_health")
    }

    @Test("what was taken back of a charge without a payment intent counts as well", arguments: versions)
    func loneCharge(_ version: String) async throws {
        var setup = CounterSetup()
        setup.apiVersion = version
        try await Counter.with(setup) { counter in
            let world = try counter.server.world(of: "task_health")
            var balance: Int64 = 0
            for isRefunded in [true, false] {
                let invoice = try #require(try await counter.place().stripeInvoiceId)
                let charge = try world.payByCharge(invoice)
                if isRefunded { try world.refund(charge, amount: 1) } else { balance += 10 }
                let reply = try await Self.deliverLate("invoice.paid", of: invoice, counter)
                #expect(reply.status == (isRefunded ? 409 : 200), "\(reply.text)")
                #expect(reply.message?.hasPrefix("refunded: ") ?? false == isRefunded, "\(reply.text)")
                #expect(try await counter.balance() == balance)
            }
        }
    }

    @Test("of a payment intent that paid two orders neither is granted where a part was taken back")
    func sharedPayment() async throws {
        var setup = CounterSetup()
        setup.apiVersion = Self.versions[1]
        try await Counter.with(setup) { counter in
            let world = try counter.server.world(of: "task_health")
            var invoices: [String] = []
            for _ in 0..<2 { invoices.append(try #require(try await counter.place().stripeInvoiceId)) }
            let intent = try world.payTogether(invoices)
            try world.refund(intent, amount: 1)
            for invoice in invoices {
                let reply = try await Self.deliverLate("invoice.paid", of: invoice, counter)
                #expect(reply.status == 409 && reply.code == "needs_a_person", "\(reply.text)")
                let message = reply.message ?? ""
                #expect(
                    message.hasPrefix("refunded: $0.01 of the payment that paid other invoices too"), "\(message)")
            }
            #expect(try await counter.balance() == 0)
        }
    }

    @Test("where nobody can be asked what was taken back, a person decides", arguments: versions)
    func unlisted(_ version: String) async throws {
        var setup = CounterSetup()
        setup.apiVersion = version
        try await Counter.with(setup) { counter in
            let world = try counter.server.world(of: "task_health")
            let invoice = try #require(try await counter.place().stripeInvoiceId)
            try world.payByRecord(invoice)
            let reply = try await Self.deliverLate("invoice.paid", of: invoice, counter)
            #expect(reply.status == 409 && reply.code == "needs_a_person", "\(reply.text)")
            #expect(reply.message?.hasPrefix("missed_paid: ") == true, "\(reply.text)")
            #expect(reply.message?.contains("neither refunds nor disputes") == true, "\(reply.text)")
            #expect(try await counter.balance() == 0)
        }
    }

    @Test("a charge whose payment was refunded by then does not succeed, and another one does")
    func charges() async throws {
        try await Counter.with { counter in
            let world = try counter.server.world(of: "medflyt")
            let customer = try #require(try await counter.word(#"SELECT "stripeCustomerId" FROM agency WHERE id = 7"#))
            for (id, isRefunded) in [(1, true), (2, false)] {
                let intent = try world.insertPaymentIntent(
                    amount: 4_900, customerID: customer, metadata: ["charge_id": "\(id)", "agency_id": "7"])
                try await counter.run(
                    """
                    INSERT INTO agency_charge (id, agency_id, purpose, amount_cents, currency, stripe_payment_intent_id)
                    VALUES (\(id), 7, 'sms_boost', 4900, 'usd', '\(intent)')
                    """)
                try world.succeed(paymentIntent: intent)
                if isRefunded { try world.refund(intent) }
                let event = try await counter.event("payment_intent.succeeded", of: intent, account: "medflyt")
                let late = try Self.event(event, secondsAgo: 660, counter)
                let reply = try await counter.deliver(late, account: "medflyt")
                #expect(reply.status == (isRefunded ? 409 : 200), "\(reply.text)")
                #expect(reply.message?.hasPrefix("refunded: ") ?? false == isRefunded, "\(reply.text)")
            }
            #expect(
                try await counter.word("SELECT string_agg(status, ' ' ORDER BY id) FROM agency_charge")
                    == "pending succeeded")
        }
    }
}
