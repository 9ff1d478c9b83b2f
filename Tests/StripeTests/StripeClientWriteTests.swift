import Curl
import Stripe
import Support
import Testing

@Suite struct StripeClientWriteTests {
    @Test("a draft is made as Task Health makes them")
    func draft() async throws {
        try await ClientRig.run { _ in
            ClientRig.invoice
        } _: { rig in
            let made = try await rig.client.createInvoice(
                InvoiceDraft(customer: "cus_1", metadata: [("order_id", "7"), ("agency_id", "3")]),
                idempotencyKey: "k")
            #expect(made.value.id == "in_1")
            #expect(made.requestID == "req_ok")
            let request = try #require(rig.server.requests.first)
            #expect(request.method == "POST")
            #expect(request.target == "/v1/invoices")
            #expect(request.headers["content-type"] == "application/x-www-form-urlencoded")
            let expected =
                "customer=cus_1&auto_advance=false&collection_method=send_invoice&days_until_due=30"
                + "&pending_invoice_items_behavior=exclude&metadata%5Border_id%5D=7&metadata%5Bagency_id%5D=3"
            #expect(request.body == expected)
        }
    }

    @Test("a line is added to its draft")
    func item() async throws {
        try await ClientRig.run { _ in
            ScriptedServer.answer(
                #"{"id":"ii_1","object":"invoiceitem","amount":2000000000,"currency":"usd","livemode":false,"#
                    + #""customer":"cus_1","invoice":"in_1","date":5}"#)
        } _: { rig in
            let item = try await rig.client.createInvoiceItem(
                InvoiceItemDraft(customer: "cus_1", amount: 2_000_000_000, currency: "usd", invoice: "in_1")
            ).value
            #expect(item.amount == 2_000_000_000)
            #expect(item.invoice == "in_1")
            #expect(
                rig.server.requests[0].body == "customer=cus_1&amount=2000000000&currency=usd&invoice=in_1")
        }
    }

    @Test("each operation has its path")
    func paths() async throws {
        try await ClientRig.run { request in
            if request.method == "DELETE" {
                return ScriptedServer.answer(#"{"id":"in_1","object":"invoice","deleted":true}"#)
            }
            return request.target.contains("payment_intents")
                ? ScriptedServer.answer(
                    #"{"id":"pi_1","object":"payment_intent","created":1,"livemode":false,"status":"canceled","#
                        + #""currency":"usd","amount":5,"amount_received":0,"last_payment_error":{"type":"x"}}"#)
                : ClientRig.invoice
        } _: { rig in
            _ = try await rig.client.finalizeInvoice("in_1")
            _ = try await rig.client.sendInvoice("in_1")
            _ = try await rig.client.voidInvoice("in_1")
            _ = try await rig.client.payInvoice("in_1", paidOutOfBand: true)
            _ = try await rig.client.markInvoiceUncollectible("in_1")
            let deletion = try await rig.client.deleteDraftInvoice("in_1")
            let intent = try await rig.client.cancelPaymentIntent("pi_1", reason: .requestedByCustomer)
            #expect(!deletion.value.wasGoneBefore)
            #expect(intent.value.status == .canceled)
            #expect(intent.value.lastPaymentError == PaymentFailure())
            let seen = rig.server.requests.map { "\($0.method) \($0.target) \($0.body)" }
            #expect(
                seen == [
                    "POST /v1/invoices/in_1/finalize auto_advance=false", "POST /v1/invoices/in_1/send ",
                    "POST /v1/invoices/in_1/void ", "POST /v1/invoices/in_1/pay paid_out_of_band=true",
                    "POST /v1/invoices/in_1/mark_uncollectible ", "DELETE /v1/invoices/in_1 ",
                    "POST /v1/payment_intents/pi_1/cancel cancellation_reason=requested_by_customer",
                ])
        }
    }

    @Test("a call whose time is over is not sent; one that was sent before may have been carried out")
    func late() async throws {
        try await ClientRig.run { _ in
            ScriptedServer.status(503, afterMilliseconds: 1_300)
        } _: { rig in
            let never = await #expect(throws: StripeError.self) {
                try await rig.client.sendInvoice("in_1", notAfter: ContinuousClock.now - .seconds(1))
            }
            #expect(never?.kind == .connection(.late) && never?.outcomeIsUnknown == false)
            #expect(never?.attempts == 0 && rig.server.requests.isEmpty)
            let once = await #expect(throws: StripeError.self) {
                try await rig.client.sendInvoice("in_1", notAfter: ContinuousClock.now + .seconds(1))
            }
            #expect(once?.kind == .connection(.late) && once?.outcomeIsUnknown == true)
            #expect(once?.attempts == 1 && rig.server.requests.count == 1)
        }
    }

    @Test("a deletion that does not say so is none", arguments: [#""deleted":false"#, #""x":1"#])
    func notDeleted(member: String) async throws {
        try await ClientRig.run { _ in
            ScriptedServer.answer(#"{"id":"in_1","object":"invoice",\#(member)}"#)
        } _: { rig in
            let error = await #expect(throws: StripeError.self) { try await rig.client.deleteDraftInvoice("in_1") }
            #expect(error?.kind == .decoding)
        }
    }

    @Test(
        "an idempotency key that Stripe would refuse is not sent", arguments: ["", String(repeating: "k", count: 256)])
    func badKey(key: String) async throws {
        try await ClientRig.run { _ in
            ClientRig.invoice
        } _: { rig in
            await #expect(throws: StripeError.self) { try await rig.client.voidInvoice("in_1", idempotencyKey: key) }
            #expect(rig.server.requests.isEmpty)
        }
    }
}
