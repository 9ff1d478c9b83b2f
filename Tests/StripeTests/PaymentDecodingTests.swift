import Stripe
import Support
import Testing

@Suite("Decoding what happens to money")
struct PaymentDecodingTests {
    static let fixtureFiles = ["fixtures3-2023-10-16.json", "fixtures3-2026-07-29.dahlia.json"]

    @Test(
        "Stripe's own fixtures are read, in both versions",
        .enabled(if: StripeFiles.areTested, "\(StripeFiles.reason)"), arguments: fixtureFiles)
    func fixtures(file: String) throws {
        let resources = try OracleObject(StripeFiles.bytes(file)).object("resources")
        let refund = resources.object("refund")
        #expect(try BodyDecoding.refund(refund.data) == refund.refund)
        let dispute = resources.object("dispute")
        #expect(try BodyDecoding.dispute(dispute.data) == dispute.dispute)
        let note = resources.object("credit_note")
        #expect(try BodyDecoding.creditNote(note.data) == note.creditNote)
        let charge = resources.object("charge")
        #expect(try BodyDecoding.charge(charge.data) == charge.charge)
        if file.contains("dahlia") {
            let payment = resources.object("invoice_payment")
            #expect(try BodyDecoding.invoicePayment(payment.data) == payment.invoicePayment)
        }
    }

    @Test("a refund needs no livemode and no status; everything else of it stays required")
    func refund() throws {
        let refund = try BodyDecoding.refund(PaymentText.refund.bytes)
        #expect(refund.status == .succeeded && refund.paymentIntent == "pi_1" && refund.amount == 700)
        #expect(try BodyDecoding.refund(PaymentText.refund.with("status", "null").bytes).status == nil)
        for field in ["created", "amount", "currency"] {
            let failure = #expect(throws: DecodingFailure.self) {
                try BodyDecoding.refund(PaymentText.refund.with(field, nil).bytes)
            }
            #expect(failure?.kind == .missing && failure?.field == field)
        }
    }

    @Test(
        "a missing field is named",
        arguments: [
            "created", "amount", "amount_refunded", "livemode", "currency", "status", "paid", "refunded", "disputed",
        ])
    func missing(field: String) {
        let failure = #expect(throws: DecodingFailure.self) {
            try BodyDecoding.charge(PaymentText.charge.with(field, nil).bytes)
        }
        #expect(failure?.kind == .missing && failure?.field == field)
    }

    @Test("one kind is not taken for another, and a cut object not for a whole one")
    func others() {
        #expect(throws: DecodingFailure.self) { try BodyDecoding.refund(PaymentText.dispute.bytes) }
        #expect(throws: DecodingFailure.self) { try BodyDecoding.charge(PaymentText.refund.bytes) }
        let bytes = PaymentText.invoicePayment.bytes
        for length in 0..<bytes.count {
            #expect(throws: DecodingFailure.self) { try BodyDecoding.invoicePayment(Array(bytes[..<length])) }
        }
    }

    @Test("words that nobody knows are kept as they stand, and are never taken for harmless")
    func unknownWords() throws {
        let word = #""Reversed ""#
        let refund = try BodyDecoding.refund(PaymentText.refund.with("status", word).bytes)
        #expect(refund.status == .unknown("Reversed ") && refund.stands)
        let dispute = try BodyDecoding.dispute(PaymentText.dispute.with("status", word).bytes)
        #expect(dispute.status == .unknown("Reversed ") && dispute.stands)
        let note = try BodyDecoding.creditNote(
            PaymentText.creditNote.with("status", word).with("type", word).bytes)
        #expect(note.status == .unknown("Reversed ") && note.type == .unknown("Reversed "))
        #expect(note.stands && note.creditedAfterPayment == 690)
        let payment = try BodyDecoding.invoicePayment(PaymentText.invoicePayment.with("status", word).bytes)
        #expect(payment.status == .unknown("Reversed "))
        #expect(try BodyDecoding.charge(PaymentText.charge.with("status", word).bytes).status.text == "Reversed ")
    }

    @Test(
        "every word of a status comes back as it was",
        arguments: [
            ("pending", true), ("requires_action", true), ("succeeded", true), ("failed", false), ("canceled", false),
        ])
    func refundWords(word: String, stands: Bool) throws {
        let refund = try BodyDecoding.refund(PaymentText.refund.with("status", "\"\(word)\"").bytes)
        #expect(refund.status?.text == word && refund.stands == stands)
        if case .unknown = refund.status { Issue.record("\(word) is not known") }
    }

    @Test(
        "a dispute stands until it is won or given up",
        arguments: [
            ("warning_needs_response", true), ("warning_under_review", true), ("warning_closed", false),
            ("needs_response", true), ("under_review", true), ("won", false), ("lost", true), ("prevented", false),
            ("appeal_needs_response", true), ("appeal_under_review", true),
        ])
    func disputeWords(word: String, stands: Bool) throws {
        let dispute = try BodyDecoding.dispute(PaymentText.dispute.with("status", "\"\(word)\"").bytes)
        #expect(dispute.status.text == word && dispute.stands == stands)
        if case .unknown = dispute.status { Issue.record("\(word) is not known") }
    }

    @Test("what of a credit note concerns paid money is told in both versions")
    func creditNotes() throws {
        func credited(_ text: PaymentText) throws -> Int64 {
            try BodyDecoding.creditNote(text.bytes).creditedAfterPayment
        }
        #expect(try credited(.creditNote) == 690)
        #expect(try credited(.creditNote.with("type", #""pre_payment""#)) == 0)
        let mixed = PaymentText.creditNote.with("type", #""mixed""#)
        #expect(try credited(mixed.with("post_payment_amount", "200").with("pre_payment_amount", "490")) == 200)
        #expect(try BodyDecoding.creditNote(PaymentText.creditNote.with("status", #""void""#).bytes).stands == false)
    }

    @Test("a latest charge is an id or the charge itself, which says when it was made")
    func latestCharge() throws {
        func intent(_ charge: String) throws -> PaymentIntent {
            try BodyDecoding.paymentIntent(PaymentText.intent.with("latest_charge", charge).bytes)
        }
        let alone = try intent(#""ch_1""#)
        #expect(alone.latestCharge == "ch_1" && alone.chargedSeconds == nil)
        let whole = try intent(
            #"{"object":"charge","metadata":{"created":9,"id":"no"},"created":1706200077,"id":"ch_1"}"#)
        #expect(whole.latestCharge == "ch_1" && whole.chargedSeconds == 1_706_200_077)
        let none = try intent("null")
        #expect(none.latestCharge == nil && none.chargedSeconds == nil)
        let failure = #expect(throws: DecodingFailure.self) { try intent(#"{"id":"ch_1","created":"soon"}"#) }
        #expect(failure?.field == "latest_charge.created")
        #expect(throws: DecodingFailure.self) { try intent(#"{"created":5}"#) }
    }

    @Test("a reversal says whether its charge came in full: one that came as an id names no invoice either way")
    func chargeShown() throws {
        let cases: [(charge: String, isShown: Bool, invoice: String?)] = [
            (#""ch_9""#, false, nil), (#"{"id":"ch_9","object":"charge","invoice":"in_9"}"#, true, "in_9"),
            (#"{"object":"charge","id":"ch_9","invoice":null,"created":7}"#, true, nil), ("null", false, nil),
        ]
        for (charge, isShown, invoice) in cases {
            let refund = try BodyDecoding.refund(PaymentText.refund.with("charge", charge).bytes)
            #expect(refund.isChargeShown == isShown && refund.invoice == invoice)
            #expect(refund.charge == (charge == "null" ? nil : "ch_9"))
            let dispute = try BodyDecoding.dispute(PaymentText.dispute.with("charge", charge).bytes)
            #expect(dispute.isChargeShown == isShown && dispute.invoice == invoice)
        }
    }

    @Test("expanded references are their ids")
    func expanded() throws {
        let whole = #"{"object":"payment_intent","id":"pi_9","latest_charge":{"id":"ch_9"}}"#
        #expect(try BodyDecoding.refund(PaymentText.refund.with("payment_intent", whole).bytes).paymentIntent == "pi_9")
        let payment = try BodyDecoding.invoicePayment(
            PaymentText.invoicePayment.with("payment", #"{"payment_intent":\#(whole),"type":"payment_intent"}"#)
                .with("invoice", #"{"id":"in_9","deleted":true}"#).bytes)
        #expect(payment.paymentIntent == "pi_9" && payment.invoice == "in_9")
    }
}
