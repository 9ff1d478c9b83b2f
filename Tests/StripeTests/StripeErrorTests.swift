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
            (400, Self.body(#""code":"resource_missing","param":"starting_after","message":"m""#), .notFound),
            (404, Self.body(#""code":"resource_missing","param":"id","message":"m""#), .notFound),
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
