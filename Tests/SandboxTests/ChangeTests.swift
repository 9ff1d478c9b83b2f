import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000

private let history = SandboxHistory.plain(
    seed: 5, invoices: 200, paymentIntents: 50, fromSeconds: now - 20 * 86_400, toSeconds: now, skew: .even)

@Suite("Changes")
struct ChangeTests {
    private func body(_ client: RawClient, _ id: String) async throws -> InvoiceBody {
        try await client.get("/v1/invoices/\(id)").decoded(InvoiceBody.self)
    }

    @Test("a deleted cursor is refused with 400, its object with 404")
    func deletedCursor() async throws {
        try await withSandbox(history) { _, client, world in
            let draft = try #require(world.allInvoices().first { $0.status == .draft && !$0.isSubscription })
            let before = try await client.page("/v1/invoices?limit=5&starting_after=\(draft.id)")
            try world.deleteDraft(draft.id)
            let gone = try await client.get("/v1/invoices?starting_after=\(draft.id)")
            let fault = try gone.decoded(ErrorBody.self).error
            #expect(gone.status == 400)
            #expect((fault.code, fault.param) == ("resource_missing", "starting_after"))
            #expect(fault.message == "No such invoice: '\(draft.id)'")
            let alone = try await client.get("/v1/invoices/\(draft.id)")
            #expect(alone.status == 404)
            #expect(try alone.decoded(ErrorBody.self).error.param == "invoice")
            let first = try #require(before.data.first)
            let rest = try await client.page("/v1/invoices?limit=5&created[lte]=\(first.created)")
            #expect(rest.ids.contains(first.id) && !rest.ids.contains(draft.id))
        }
    }

    @Test("every change writes its events, with the object as it was then")
    func events() async throws {
        try await withSandbox(history) { server, client, world in
            server.clock.advance(bySeconds: 100)
            let id = try world.insert(SandboxInvoiceDraft(amount: 20_000, metadata: ["order_id": "7"]))
            try world.setMetadata(id, ["order_id": "8"])
            try world.finalize(id)
            server.clock.advance(bySeconds: 50)
            try world.pay(id)
            try world.credit(id, amount: 5_000)
            let page = try await client.page("/v1/events?limit=100&created[gte]=\(now + 100)")
            let types = page.data.reversed().compactMap(\.type).filter { $0.hasPrefix("invoice.") }
            #expect(
                types == [
                    "invoice.created", "invoice.updated", "invoice.finalized", "invoice.updated", "invoice.updated",
                    "invoice.paid", "invoice.payment_succeeded", "invoice.updated",
                ])
            let update = try #require(page.data.last { $0.type == "invoice.updated" })
            let event = try await client.get("/v1/events/\(update.id)").body
            #expect(event.contains("\"previous_attributes\": {\n      \"metadata\": {\n        \"order_id\": \"7\""))
            #expect(event.contains("\"api_version\": \"2023-10-16\""))
        }
    }

    @Test("what a change decides, the history no longer does")
    func divergence() async throws {
        try await withSandbox(history, nowSeconds: now - 19 * 86_400) { server, client, world in
            let draft = try #require(world.allInvoices().first { $0.status == .draft && !$0.isSubscription })
            try world.deleteDraft(draft.id)
            server.clock.set(seconds: now)
            #expect(world.invoice(draft.id) == nil)
            let events = try await client.page("/v1/events?limit=100&created[lte]=\(now - 18 * 86_400)")
            for event in events.data where event.type != "invoice.created" && event.type != "invoice.deleted" {
                let body = try await client.get("/v1/events/\(event.id)").body
                #expect(!body.contains(draft.id), "\(event.type ?? "") of a deleted draft")
            }
        }
    }

    @Test("a silent change leaves no event, an undelivered one can be listed as such")
    func delivery() async throws {
        try await withSandbox { _, client, world in
            let silent = try world.insert(SandboxInvoiceDraft(amount: 100), delivery: .lost)
            try world.pay(silent, delivery: .lost)
            #expect(try await client.page("/v1/events").data.filter { $0.type == "invoice.paid" }.isEmpty)
            #expect(world.invoice(silent)?.status == .paid)
            let loud = try world.insert(SandboxInvoiceDraft(amount: 100))
            try world.pay(loud, delivery: .undelivered)
            let failed = try await client.page("/v1/events?delivery_success=false&type=invoice.paid")
            #expect(failed.data.count == 1)
        }
    }

    @Test("the clock reveals what lies ahead and lets events expire")
    func clock() async throws {
        try await withSandbox(history, nowSeconds: now - 10 * 86_400) { server, client, world in
            let early = world.allInvoices().count
            #expect(early > 50 && early < 150)
            #expect(try await client.page("/v1/invoices?created[gt]=\(now - 10 * 86_400)").data.isEmpty)
            let oldest = try #require(try await client.page("/v1/events?limit=100").data.last)
            server.clock.set(seconds: now)
            #expect(world.allInvoices().count == 200)
            server.clock.set(seconds: now + 60 * 86_400)
            #expect(try await client.page("/v1/events").data.isEmpty)
            #expect(try await client.get("/v1/events/\(oldest.id)").status == 404)
        }
    }

    @Test(
        "a state that does not allow an operation is refused, and nothing changes",
        arguments: [
            ("draft", "void"), ("draft", "mark_uncollectible"), ("open", "finalize"), ("paid", "pay"), ("paid", "void"),
            ("paid", "send"), ("paid", "mark_uncollectible"), ("void", "pay"), ("void", "void"),
            ("uncollectible", "mark_uncollectible"), ("uncollectible", "finalize"),
        ])
    func refusals(state: String, operation: String) async throws {
        try await withSandbox { _, client, world in
            let id = try world.insert(SandboxInvoiceDraft(amount: 100))
            if state != "draft" { try world.finalize(id) }
            if state == "paid" { try world.pay(id) }
            if state == "void" { try world.void(id) }
            if state == "uncollectible" { try world.markUncollectible(id) }
            let events = try await client.page("/v1/events?limit=100").data.count
            let answer = try await client.answer("POST", "/v1/invoices/\(id)/\(operation)", form: "")
            #expect(answer.status == 400)
            #expect(try answer.decoded(ErrorBody.self).error.type == "invalid_request_error")
            #expect(try await body(client, id).status == state)
            #expect(try await client.page("/v1/events?limit=100").data.count == events)
        }
    }

    @Test("a form is read with raw and escaped brackets, indices and plus signs")
    func forms() async throws {
        try await withSandbox { _, client, world in
            let customer = try world.insertCustomer(name: "Form", email: nil)
            let form = "customer=\(customer)&metadata[a+b]=x%20y&metadata%5Bq%5D=%22%C3%A9%22&description=1+2%2B3"
            let made = try await client.answer("POST", "/v1/invoices", form: form).decoded(InvoiceBody.self)
            #expect(made.metadata == ["a b": "x y", "q": "\"é\""])
            let cleared = try await client.answer(
                "POST", "/v1/invoices/\(made.id)", form: "metadata[q]=&metadata[z]=1")
            #expect(try cleared.decoded(InvoiceBody.self).metadata == ["a b": "x y", "z": "1"])
            #expect(cleared.body.contains("\"description\": \"1 2+3\""))
        }
    }
}
