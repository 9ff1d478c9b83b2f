import Sandbox
import Support
import Testing

@Suite("Webhooks of finalized invoices")
struct NoticeWebhookTests {
    private static func finalized(_ counter: Counter, customer: String?) async throws -> (String, [UInt8]) {
        let world = try counter.server.world(of: "medflyt")
        let invoice = try world.insert(SandboxInvoiceDraft(amount: 12_300, customerID: customer))
        try world.finalize(invoice)
        return (invoice, try await counter.event("invoice.finalized", of: invoice, account: "medflyt"))
    }

    private static func customer(_ counter: Counter) async throws -> String {
        try #require(try await counter.word(#"SELECT "stripeCustomerId" FROM agency WHERE id = 7"#))
    }

    @Test("the agency is told once: the notice and its mail are written together")
    func told() async throws {
        try await Counter.with { counter in
            let customer = try await Self.customer(counter)
            let (invoice, event) = try await Self.finalized(counter, customer: customer)
            #expect(try await counter.deliver(event, account: "medflyt").outcome == "done")
            #expect(try await counter.deliver(event, account: "medflyt").outcome == "already_done")
            #expect(
                try await counter.word("SELECT string_agg(recipient, ' ') FROM trueup.outbox") == "seven@example.com")
            #expect(
                try await counter.word("SELECT string_agg(stripe_invoice_id, ' ') FROM agency_invoice_notice")
                    == invoice)
        }
    }

    @Test("an invoice that is void by now, or of nobody that we know, is no reason for a mail")
    func notTold() async throws {
        try await Counter.with { counter in
            let (_, unknown) = try await Self.finalized(counter, customer: nil)
            #expect(try await counter.deliver(unknown, account: "medflyt").outcome == "ignored")
            let customer = try await Self.customer(counter)
            let (void, event) = try await Self.finalized(counter, customer: customer)
            try counter.server.world(of: "medflyt").void(void)
            #expect(try await counter.deliver(event, account: "medflyt").outcome == "ignored")
            #expect(try await counter.number("SELECT count(*) FROM trueup.outbox") == 0)
            #expect(
                try await counter.word("SELECT string_agg(reason, '; ' ORDER BY reason) FROM trueup.webhook_event")
                    == "no agency has its customer; the invoice is void by now")
        }
    }

    @Test(
        "a 404 that is not about the invoice does not say that it is gone: Stripe tries again, and the agency is told",
        arguments: [SandboxFault.unknownURL, .otherMissing])
    func otherNotFound(_ fault: SandboxFault) async throws {
        var setup = CounterSetup()
        setup.faults = SandboxFaults(scripts: [.init(fault, method: "GET", pathContains: "/v1/invoices/in_")])
        try await Counter.with(setup) { counter in
            let customer = try await Self.customer(counter)
            let (_, event) = try await Self.finalized(counter, customer: customer)
            let reply = try await counter.deliver(event, account: "medflyt")
            #expect(reply.status == 503 && reply.code == "stripe_unavailable", "\(reply.text)")
            #expect(try await counter.deliver(event, account: "medflyt").outcome == "done")
        }
    }

    @Test("without a way for mail, and for an agency without an address, Stripe keeps trying")
    func cannotTell() async throws {
        var setup = CounterSetup()
        setup.canSend = false
        try await Counter.with(setup) { counter in
            let customer = try await Self.customer(counter)
            let (_, event) = try await Self.finalized(counter, customer: customer)
            let reply = try await counter.deliver(event, account: "medflyt")
            #expect(reply.status == 503 && reply.code == "no_mail", "\(reply.text)")
        }
        try await Counter.with { counter in
            let customer = try await Self.customer(counter)
            try await counter.run("UPDATE agency SET email = NULL")
            let (_, event) = try await Self.finalized(counter, customer: customer)
            #expect(try await counter.deliver(event, account: "medflyt").status == 409)
            try await counter.run("UPDATE agency SET email = 'a@example.com'")
            #expect(try await counter.deliver(event, account: "medflyt").outcome == "done")
        }
    }

    @Test("while Stripe cannot be asked, what only Stripe can say is answered 503")
    func stripeAway() async throws {
        var setup = CounterSetup()
        setup.away = ["medflyt"]
        try await Counter.with(setup) { counter in
            let customer = try await Self.customer(counter)
            let (_, event) = try await Self.finalized(counter, customer: customer)
            let (_, _, paid) = try await counter.paid()
            // A final state needs no question.
            #expect(try await counter.deliver(paid, account: "task_health").outcome == "done")
            let reply = try await counter.deliver(event, account: "medflyt")
            #expect(reply.status == 503 && reply.code == "account_unverified", "\(reply.text)")
            #expect(try await counter.number("SELECT count(*) FROM agency_invoice_notice") == 0)
        }
    }
}
