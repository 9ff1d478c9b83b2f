import Curl
import Stripe
import Support
import Testing

@Suite struct StripeErrorTests {
    private static func body(_ members: String) -> String {
        #"{"error":{"type":"invalid_request_error",\#(members)}}"#
    }

    @Test("answers of Stripe become kinds, with code, param and request id")
    func kinds() async throws {
        let cases: [(Int, String, StripeError.Kind)] = [
            (400, Self.body(#""code":"parameter_invalid_integer","param":"amount","message":"m""#), .invalidRequest),
            (400, Self.body(#""code":"resource_missing","param":"starting_after","message":"m""#), .invalidRequest),
            (400, Self.body(#""code":"resource_missing","param":"customer","message":"m""#), .invalidRequest),
            (404, Self.body(#""code":"resource_missing","param":"id","message":"m""#), .notFound),
            (404, Self.body(#""code":"resource_missing","param":"invoice","message":"m""#), .notFound),
            (404, Self.body(#""code":"resource_missing","param":"account","message":"m""#), .otherNotFound),
            (404, Self.body(#""code":"resource_missing","message":"m""#), .otherNotFound),
            (404, Self.body(#""code":"account_invalid","message":"m""#), .otherNotFound),
            (404, Self.body(#""message":"Unrecognized request URL (GET: /v1/invoices/in_1).""#), .otherNotFound),
            (404, #"{"error":{"message":"no healthy upstream"}}"#, .otherNotFound),
            (401, Self.body(#""message":"m""#), .authentication), (403, Self.body(#""message":"m""#), .permission),
            (402, #"{"error":{"type":"card_error","decline_code":"generic_decline","message":"m"}}"#, .card),
            (400, #"{"error":{"type":"idempotency_error","message":"m"}}"#, .idempotency),
            (409, Self.body(#""code":"idempotency_key_in_use","message":"m""#), .idempotency),
            (424, Self.body(#""message":"m""#), .invalidRequest), (500, #"{"error":{"type":"api_error"}}"#, .api),
            (429, Self.body(#""code":"lock_timeout""#), .rateLimited(.lockTimeout)),
            (404, "<html>x</html>", .unexpectedAnswer(excerpt: "<html>x</html>")),
            (302, "", .unexpectedAnswer(excerpt: "")),
        ]
        for (status, body, kind) in cases {
            try await ClientRig.run(retry: .never) { _ in
                ClientRig.error(status, body)
            } _: { rig in
                let error = try #require(await rig.failure())
                #expect(error.kind == kind)
                #expect(error.status == status)
                #expect(error.requestID == "req_bad")
                #expect(error.method == "GET")
                #expect(error.path == "/v1/invoices/in_1")
                #expect(error.isDeletedCursor == body.contains("starting_after"))
                #expect(error.description.hasPrefix("Stripe account rig, GET /v1/invoices/in_1: "))
                #expect(error.description.contains("status \(status), "))
            }
        }
    }

    /// The kind of the error of one call about an object, or of a list.
    private static func kind(_ client: StripeClient, _ call: String) async -> StripeError.Kind? {
        do throws(StripeError) {
            switch call {
            case "invoice": _ = try await client.invoice("x")
            case "invoice void": _ = try await client.voidInvoice("x")
            case "invoice delete": _ = try await client.deleteDraftInvoice("x")
            case "intent": _ = try await client.paymentIntent("x")
            case "intent cancel": _ = try await client.cancelPaymentIntent("x")
            case "event": _ = try await client.event("x")
            case "customer": _ = try await client.customer("x")
            case "method attach": _ = try await client.attachPaymentMethod("x", toCustomer: "cus_1")
            case "list": _ = try await client.invoicePayments(ListQuery())
            default: _ = try await client.createInvoice(InvoiceDraft(customer: "cus_1"))
            }
            return nil
        } catch {
            return error.kind
        }
    }

    @Test("an object is absent only where the answer names that of the path, whatever else is missing")
    func absent() async throws {
        let names: [(call: String, params: Set<String>)] = [
            ("invoice", ["id", "invoice"]), ("invoice void", ["id", "invoice"]), ("invoice delete", ["id", "invoice"]),
            ("intent", ["id", "intent", "payment_intent"]), ("intent cancel", ["id", "intent", "payment_intent"]),
            ("event", ["id", "event"]), ("customer", ["id", "customer"]), ("method attach", ["id", "payment_method"]),
            ("list", []), ("create", []),
        ]
        let all = names.reduce(into: Set(["account", "starting_after", ""])) { $0.formUnion($1.params) }
        for param in all {
            for version in ["2023-10-16", "2026-07-29.dahlia"] {
                try await ClientRig.run(version: version) { _ in
                    ClientRig.error(404, Self.body(#""code":"resource_missing","param":"\#(param)","message":"m""#))
                } _: { rig in
                    for (call, params) in names {
                        let expected: StripeError.Kind = params.contains(param) ? .notFound : .otherNotFound
                        #expect(await Self.kind(rig.client, call) == expected, "\(call), \(param)")
                    }
                }
            }
        }
    }

    /// Every fault that the client can meet, with the key in whatever comes back.
    private static var leaks: [[ScriptedServer.Step]] {
        let key = ClientRig.canary
        return [
            ClientRig.error(401, body(#""message":"Invalid API Key provided: \#(key)""#)),
            ClientRig.error(400, body(#""code":"\#(key)","param":"\#(key)","message":"\#(key)""#)),
            ClientRig.error(500, "<html>\(key)</html>", ["Request-Id": key]), ClientRig.error(429, key),
            ScriptedServer.answer(key), ScriptedServer.answer("<pre>Authorization: Bearer \(key)</pre>"),
            ScriptedServer.answer(InvoiceText().with("id", "\"\(key)\"").json),
            ScriptedServer.answer(InvoiceText().with("object", "\"\(key)\"").json),
            ScriptedServer.answer(String(repeating: "x", count: 70) + key), [.reset],
            [.send(key + "\r\n\r\n"), .close],
            ScriptedServer.answer(#"{"id":"x","object":"\#(key)"#),
        ]
    }

    @Test("no error ever shows the key, whatever the server sends back", arguments: 0..<12)
    func canary(index: Int) async throws {
        try await ClientRig.run(retry: .never) { _ in
            Self.leaks[index]
        } _: { rig in
            let list = await rig.listFailure(ListQuery(startingAfter: "in_7"))
            let write = await #expect(throws: StripeError.self) { try await rig.client.payInvoice("in_1") }
            for error in [await rig.failure(), list, write] {
                let error = try #require(error)
                var dumped = ""
                dump(error, to: &dumped)
                for text in [error.description, String(reflecting: error), dumped, "\(error)"] {
                    #expect(!text.contains("CANARY"), "\(index): \(text.count) bytes of text hold the key")
                }
            }
            var dumped = ""
            dump(rig.client.account, to: &dumped)
            #expect(!dumped.contains("CANARY"))
        }
    }

    @Test("an error says what happened, where, and what to do next, on one line")
    func words() async throws {
        try await ClientRig.run(retry: .never) { _ in
            ClientRig.error(403, Self.body(#""message":"The key rk_test_*****7 lacks rak_invoice_read""#))
        } _: { rig in
            let error = try #require(await rig.listFailure(ListQuery(startingAfter: "in_secret")))
            #expect(
                error.description
                    == "Stripe account rig, GET /v1/invoices: the key lacks a permission: The key rk_test_*** lacks "
                    + "rak_invoice_read [status 403, request req_bad]. Give the restricted key this permission in "
                    + "Stripe's dashboard, or use another key")
        }
    }
}
