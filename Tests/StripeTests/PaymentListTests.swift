import Curl
import Stripe
import Support
import Testing

@Suite("Lists of what happens to money")
struct PaymentListTests {
    /// The failure of a list of each kind.
    private func failure(_ client: StripeClient, _ kind: String, _ query: ListQuery = ListQuery()) async -> StripeError?
    {
        do {
            switch kind {
            case "refunds": _ = try await client.refunds(query)
            case "disputes": _ = try await client.disputes(query)
            case "credit_notes": _ = try await client.creditNotes(query)
            case "invoice_payments": _ = try await client.invoicePayments(query)
            case "charges": _ = try await client.charges(query)
            case "invoices": _ = try await client.invoices(query)
            case "raw invoices": _ = try await client.invoicePage(query)
            case "intents": _ = try await client.paymentIntents(query)
            case "events": _ = try await client.events(query)
            case "methods": _ = try await client.paymentMethods(ofCustomer: "cus_1")
            case "sessions": _ = try await client.hasCheckoutSession(ofIntent: "pi_1")
            case "invoice of intent": _ = try await client.invoiceOfIntent("pi_1")
            case "intents of invoice": _ = try await client.sources(ofInvoice: "in_1")
            case "endpoints": _ = try await client.webhookEndpoints()
            default: _ = try await client.intentPage(query)
            }
            return nil
        } catch {
            return error
        }
    }

    static let withMode: [(String, PaymentText)] = [
        ("disputes", .dispute), ("credit_notes", .creditNote), ("invoice_payments", .invoicePayment),
        ("charges", .charge), ("payment_intents", .intent),
    ]

    @Test("live data under a test key is refused wherever it says so", arguments: withMode)
    func wrongMode(kind: String, text: PaymentText) async throws {
        try await ClientRig.run { _ in
            PaymentText.list([text, text.with("livemode", "true").with("id", #""x_2""#)])
        } _: { rig in
            let error = await failure(rig.client, kind)
            #expect(error?.kind == .wrongMode)
            #expect(error?.description.contains("object 1 (x_2) is live data") == true)
        }
    }

    @Test("a refund says nothing of its mode, and is taken under any key", arguments: ["sk_test_x1", "sk_live_x1"])
    func refunds(key: String) async throws {
        try await ClientRig.run(key: key) { _ in
            PaymentText.list([.refund])
        } _: { rig in
            let page = try await rig.client.refunds(ListQuery())
            #expect(page.objects.map(\.amount) == [700])
        }
    }

    @Test("lists that begin with the newest are held to it; others are held to all the rest")
    func order() async throws {
        for (kind, text) in Self.withMode + [("refunds", .refund)] {
            let older = text.with("created", "1706199999").with("id", #""x_0""#)
            try await ClientRig.run { _ in
                PaymentText.list([older, text])
            } _: { rig in
                let error = await failure(rig.client, kind)
                let isFree = kind == "credit_notes" || kind == "invoice_payments"
                #expect((error == nil) == isFree, "\(kind)")
                #expect(await failure(rig.client, kind, ListQuery(limit: 1))?.kind == .decoding, "\(kind)")
                let repeated = await failure(rig.client, kind, ListQuery(startingAfter: "x_0"))
                #expect(repeated?.description.contains("the page repeats") == true, "\(kind)")
            }
        }
    }

    @Test("the window is sent and held, but for the credit notes of versions that do not take it")
    func window() async throws {
        let query = ListQuery(createdFrom: 1_706_200_001, createdTo: 1_706_200_009)
        for (kind, text) in Self.withMode + [("refunds", .refund)] {
            try await ClientRig.run { _ in
                PaymentText.list([text])
            } _: { rig in
                let error = await failure(rig.client, kind, query)
                let target = rig.server.requests.first?.target ?? ""
                if kind == "credit_notes" {
                    #expect(error == nil)
                    #expect(target == "/v1/credit_notes?limit=100")
                } else {
                    #expect(error?.description.contains("outside the window") == true, "\(kind)")
                    #expect(target.contains("created%5Bgte%5D=1706200001&created%5Blt%5D=1706200009"), "\(kind)")
                }
            }
        }
        try await ClientRig.run(version: "2026-07-29.dahlia") { _ in
            PaymentText.list([.creditNote])
        } _: { rig in
            #expect(await failure(rig.client, "credit_notes", query)?.kind == .decoding)
            #expect(rig.server.requests.first?.target.contains("created%5Bgte%5D") == true)
        }
    }

    @Test("a truncated page is an error for every kind")
    func truncated() async throws {
        for (kind, text) in Self.withMode + [("refunds", .refund)] {
            try await ClientRig.run { _ in
                ScriptedServer.answer(#"{"object":"list","has_more":false,"data":[\#(text.json.dropLast(9))"#)
            } _: { rig in
                #expect(await failure(rig.client, kind)?.kind == .decoding, "\(kind)")
            }
        }
    }

    @Test(
        "an empty page that says there is more is no end of any list",
        arguments: [
            "refunds", "disputes", "credit_notes", "invoice_payments", "charges", "payment_intents", "invoices",
            "raw invoices", "intents", "events", "methods", "sessions", "invoice of intent", "intents of invoice",
            "endpoints",
        ])
    func emptyPage(_ kind: String) async throws {
        try await ClientRig.run(version: "2026-07-29.dahlia") { _ in
            PaymentText.list([], hasMore: true)
        } _: { rig in
            #expect(await failure(rig.client, kind)?.kind == .decoding)
            #expect(rig.server.requests.count == 1)
        }
    }

    @Test("the invoice that an intent pays may be on a later page")
    func laterPage() async throws {
        try await ClientRig.run(version: "2026-07-29.dahlia") { request in
            let first = PaymentText.invoicePayment.with("id", #""x_1""#).with("invoice", #""in_open""#)
            let second = PaymentText.invoicePayment.with("id", #""x_2""#).with("invoice", #""in_paid""#)
                .with("status", #""paid""#)
            let isFirst = !request.target.contains("starting_after=x_1")
            return PaymentText.list([isFirst ? first : second], hasMore: isFirst)
        } _: { rig in
            let invoice = try await rig.client.invoiceOfIntent("pi_1")
            #expect(invoice == "in_paid")
        }
    }

    @Test("a version has the payments of invoices, or intents that name theirs")
    func versions() {
        func has(_ version: String) -> Bool {
            Account(name: "a", secretKey: Secret("sk_test_x"), apiVersion: version).hasInvoicePayments
        }
        #expect(!has("2023-10-16") && !has("2024-09-30.acacia") && !has("2025-03-30"))
        #expect(has("2025-03-31.basil") && has("2026-07-29.dahlia") && has("2026-10-28.endive"))
    }

    @Test("an answer about another intent or invoice is not taken")
    func strayed() async throws {
        let session = PaymentText("checkout.session", [("livemode", "false"), ("payment_intent", #""pi_7""#)])
        try await ClientRig.run(version: "2026-07-29.dahlia") { request in
            PaymentText.list([request.target.contains("checkout") ? session : .invoicePayment])
        } _: { rig in
            let client = rig.client
            let asked = await #expect(throws: StripeError.self) {
                try await client.hasCheckoutSession(ofIntent: "pi_1")
            }
            #expect(asked?.description.contains("asked for pi_1") == true)
            let has = try await client.hasCheckoutSession(ofIntent: "pi_7")
            #expect(has)
            await #expect(throws: StripeError.self) { try await client.invoiceOfIntent("pi_2") }
            await #expect(throws: StripeError.self) { try await client.invoices(ofIntent: "pi_2") }
            await #expect(throws: StripeError.self) { try await client.sources(ofInvoice: "in_2") }
            let invoice = try await client.invoiceOfIntent("pi_1")
            let invoices = try await client.invoices(ofIntent: "pi_1")
            let paid = try await client.sources(ofInvoice: "in_1")
            #expect(invoice == "in_1" && invoices == ["in_1"] && paid == InvoiceSources([.intent("pi_1")]))
        }
    }

    @Test("the payments of an invoice are read to their end, and a list without end is an error")
    func endless() async throws {
        let pages = 3
        try await ClientRig.run(version: "2026-07-29.dahlia") { request in
            let payment = PaymentText.invoicePayment.with("id", "\"x_\(request.number)\"")
                .with("payment", #"{"type": "payment_intent", "payment_intent": "pi_\#(request.number)"}"#)
            return PaymentText.list([payment], hasMore: request.number != pages - 1)
        } _: { rig in
            let paid = try await rig.client.sources(ofInvoice: "in_1")
            #expect(paid == InvoiceSources([.intent("pi_0"), .intent("pi_1"), .intent("pi_2")]))
            let error = await #expect(throws: StripeError.self) { try await rig.client.sources(ofInvoice: "in_1") }
            #expect(error?.description.contains("do not end") == true)
            #expect(rig.server.requests.count <= 30)
        }
    }

    @Test("all invoices of an intent are found, on all pages: those that it paid, or else those that it is to pay")
    func invoicesOfIntent() async throws {
        let statuses = ["canceled", "paid", "open", "paid", "settled"]
        for isPaid in [true, false] {
            try await ClientRig.run(version: "2026-07-29.dahlia") { request in
                let number = request.number
                let status = isPaid ? statuses[number] : "open"
                let payment = PaymentText.invoicePayment.with("id", "\"x_\(number)\"")
                    .with("invoice", "\"in_\(number / 2 * 2)\"").with("status", "\"\(status)\"")
                return PaymentText.list([payment], hasMore: number < statuses.count - 1)
            } _: { rig in
                let invoices = try await rig.client.invoices(ofIntent: "pi_1")
                // A status that nobody knows is not taken for harmless.
                #expect(invoices == ["in_0", "in_2", "in_4"])
                let first = rig.server.requests[0].target
                #expect(first.contains("payment%5Btype%5D=payment_intent&payment%5Bpayment_intent%5D=pi_1"))
                #expect(rig.server.requests.count == statuses.count)
            }
        }
    }

    @Test("what came in by a payment record, or by an intent without a name, is listed nowhere")
    func unlisted() async throws {
        let record = #"{"type": "payment_record", "payment_record": "pr_1"}"#
        let nameless = #"{"type": "payment_intent"}"#
        let lone = #"{"type": "charge", "charge": "ch_1"}"#
        let cases: [(payment: String, status: String, paid: InvoiceSources)] = [
            (record, "paid", InvoiceSources(isUnlisted: true)), (record, "open", InvoiceSources()),
            (nameless, "paid", InvoiceSources(isUnlisted: true)), (lone, "paid", InvoiceSources([.charge("ch_1")])),
        ]
        for (payment, status, paid) in cases {
            try await ClientRig.run(version: "2026-07-29.dahlia") { _ in
                PaymentText.list([
                    PaymentText.invoicePayment.with("payment", payment).with("status", "\"\(status)\"")
                ])
            } _: { rig in
                let found = try await rig.client.sources(ofInvoice: "in_1")
                #expect(found == paid, "\(payment) \(status)")
                #expect(rig.server.requests.count == 1)
            }
        }
    }

    /// Members of a paid invoice over 100 that nothing is shown to have paid, and whether it was paid at Stripe.
    static let unexplained: [(members: String, isUnlisted: Bool)] = [
        (#""amount_paid": 100"#, true), (#""amount_paid": 0"#, false),
        (#""amount_paid": 100, "amount_paid_off_stripe": 100"#, false),
        (#""amount_paid": 100, "amount_paid_off_stripe": 40"#, true),
        (#""amount_paid": 100, "paid_out_of_band": true"#, false),
        (#""amount_paid": 100, "paid_out_of_band": false"#, true),
    ]

    @Test("a paid invoice that shows no payment was paid elsewhere, or is a person's", arguments: unexplained.indices)
    func noPayment(_ number: Int) async throws {
        let (members, isUnlisted) = Self.unexplained[number]
        let invoice = #"""
            {"id": "in_1", "object": "invoice", "created": 1706200000, "livemode": false, "status": "paid",
            "currency": "usd", "total": 100, "amount_due": 100, "amount_remaining": 0,
            "pre_payment_credit_notes_amount": 0, "post_payment_credit_notes_amount": 0, \#(members)}
            """#
        for version in ["2023-10-16", "2026-07-29.dahlia"] {
            try await ClientRig.run(version: version) { request in
                request.target.contains("/v1/invoice_payments")
                    ? PaymentText.list([]) : ScriptedServer.answer(invoice, headers: ["Request-Id": "req_1"])
            } _: { rig in
                let found = try await rig.client.sources(ofInvoice: "in_1")
                #expect(found == InvoiceSources(isUnlisted: isUnlisted), "\(members), \(version)")
                let again = try await rig.client.sources(of: try await rig.client.invoice("in_1").value)
                #expect(again == found)
            }
        }
    }
}
