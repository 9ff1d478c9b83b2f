import Curl
import Stripe
import Support
import Testing

@Suite struct StripeClientReadTests {
    @Test("a list asks for what the query says, with version and key, and gives page and request id")
    func list() async throws {
        try await ClientRig.run { _ in
            ClientRig.list([InvoiceText()], hasMore: true)
        } _: { rig in
            let page = try await rig.client.invoices(
                ListQuery(
                    createdFrom: 1_706_200_000, createdTo: 1_706_200_001, startingAfter: "in_9", limit: 50,
                    filters: [("customer", "cus 1")]))
            #expect(page.objects.map(\.id) == ["in_1"])
            #expect(page.hasMore)
            #expect(page.requestID == "req_list")
            let request = try #require(rig.server.requests.first)
            let expected =
                "/v1/invoices?limit=50&created%5Bgte%5D=1706200000&created%5Blt%5D=1706200001"
                + "&starting_after=in_9&customer=cus%201"
            #expect(request.target == expected)
            #expect(request.headers["authorization"] == "Bearer \(ClientRig.canary)")
            #expect(request.headers["stripe-version"] == "2023-10-16")
            #expect(request.headers["idempotency-key"] == nil)
        }
    }

    @Test("a raw page shows the same as a page of values")
    func raw() async throws {
        try await ClientRig.run { _ in
            ClientRig.list([InvoiceText().with("id", #""in_\u00e9""#), InvoiceText().with("customer", "null")])
        } _: { rig in
            let values = try await rig.client.invoices(ListQuery()).objects
            let page = try await rig.client.invoicePage(ListQuery())
            var seen: [String] = []
            var customers: [Bool] = []
            page.forEach { invoice in
                seen.append(String(decoding: invoice.id, as: UTF8.self))
                customers.append(invoice.customer != nil)
            }
            #expect(page.invoices == values)
            #expect(seen == ["in_é", "in_1"])
            #expect(customers == [true, false])
            #expect(page.lastID == "in_1")
            #expect(page.lastCreatedSeconds == 1_706_200_000)
        }
    }

    @Test("what Stripe would refuse is not sent", arguments: [0, 101, -1])
    func limits(limit: Int) async throws {
        try await ClientRig.run { _ in
            ClientRig.list([])
        } _: { rig in
            #expect(await rig.listFailure(ListQuery(limit: limit))?.kind == .invalidRequest)
            let both = ListQuery(startingAfter: "in_1", endingBefore: "in_2")
            #expect(await rig.listFailure(both)?.kind == .invalidRequest)
            #expect(rig.server.requests.isEmpty)
        }
    }

    @Test("a page that is out of order, out of its window, too long or a repetition is an error that names the object")
    func contradictions() async throws {
        let older = InvoiceText().with("id", #""in_old""#).with("created", "1706199999")
        let cases: [([InvoiceText], ListQuery, String)] = [
            ([older, InvoiceText()], ListQuery(), "object 1 (in_1) is newer"),
            ([InvoiceText(), older], ListQuery(createdFrom: 1_706_200_000), "object 1 (in_old) was created"),
            ([InvoiceText()], ListQuery(createdTo: 1_706_200_000), "object 0 (in_1) was created"),
            ([InvoiceText(), older], ListQuery(limit: 1), "holds 2 objects"),
            ([InvoiceText()], ListQuery(startingAfter: "in_1"), "the page repeats"),
        ]
        for (invoices, query, words) in cases {
            try await ClientRig.run { _ in
                ClientRig.list(invoices)
            } _: { rig in
                let error = await rig.listFailure(query)
                #expect(error?.kind == .decoding)
                #expect(error?.description.contains(words) == true)
                #expect(error?.requestID == "req_list")
                #expect(rig.server.requests.count == 1)
            }
        }
    }

    @Test("live data under a test key is an error that names the object, in lists and alone")
    func livemode() async throws {
        let live = InvoiceText().with("livemode", "true")
        try await ClientRig.run { request in
            request.target.hasPrefix("/v1/invoices?")
                ? ClientRig.list([InvoiceText(), live]) : ScriptedServer.answer(live.json)
        } _: { rig in
            let listed = await rig.listFailure()
            #expect(listed?.kind == .wrongMode)
            #expect(listed?.description.contains("object 1 (in_1) is live data") == true)
            #expect(await rig.failure()?.kind == .wrongMode)
        }
    }

    @Test("an answer about another object is not taken")
    func otherObject() async throws {
        try await ClientRig.run { _ in
            ClientRig.invoice
        } _: { rig in
            let error = await #expect(throws: StripeError.self) { try await rig.client.invoice("in_2") }
            #expect(error?.kind == .decoding)
            #expect(error?.description.contains("asked for in_2, the answer is about in_1") == true)
        }
    }

    @Test("an id is escaped, and one that would lead elsewhere refused", arguments: ["", ".", ".."])
    func ids(id: String) async throws {
        try await ClientRig.run { _ in
            ClientRig.error(404)
        } _: { rig in
            let error = await #expect(throws: StripeError.self) { try await rig.client.invoice(id) }
            #expect(error?.kind == .invalidRequest)
            #expect(rig.server.requests.isEmpty)
            _ = try? await rig.client.invoice("a/../b?c#d")
            #expect(rig.server.requests.map(\.target) == ["/v1/invoices/a%2F..%2Fb%3Fc%23d"])
        }
    }

    @Test(
        "an answer that is not Stripe's shows how it begins",
        arguments: [
            ("<html><body>Proxy says no</body></html>", "<html><body>Proxy says no</body></html>"), ("", ""),
            (
                "\u{1}\n\tplain  text " + String(repeating: "x", count: 200),
                "plain text " + String(repeating: "x", count: 69)
            ),
        ])
    func notStripe(body: String, excerpt: String) async throws {
        try await ClientRig.run { _ in
            ScriptedServer.answer(body)
        } _: { rig in
            let error = await rig.failure()
            #expect(error?.kind == .unexpectedAnswer(excerpt: excerpt))
            #expect(await rig.listFailure()?.kind == .unexpectedAnswer(excerpt: excerpt))
        }
    }

    @Test("truncated JSON with a right length is an error, and nothing of the page is used")
    func truncated() async throws {
        try await ClientRig.run { _ in
            ScriptedServer.answer(String(String(decoding: InvoiceText().list, as: UTF8.self).dropLast(60)))
        } _: { rig in
            #expect(await rig.listFailure()?.kind == .decoding)
            #expect(rig.server.requests.count == 1)
        }
    }

    @Test("usage counts attempts, retries, refusals, errors and bytes")
    func usage() async throws {
        try await ClientRig.run { request in
            switch request.number {
            case 0: ClientRig.error(500, "12345")
            case 1: ClientRig.error(429, "12345")
            default: ClientRig.invoice
            }
        } _: { rig in
            _ = try await rig.client.invoice("in_1")
            _ = try? await rig.client.invoices(ListQuery())
            let usage = rig.client.usage
            #expect(usage.requests == 4)
            #expect(usage.byEndpoint == ["GET /v1/invoices/:id": 3, "GET /v1/invoices": 1])
            #expect(usage.retries == 2)
            #expect(usage.rateLimited == 1)
            #expect(usage.errors == 1)
            #expect(usage.bytesReceived == 10 + 2 * InvoiceText().bytes.count)
        }
    }
}
