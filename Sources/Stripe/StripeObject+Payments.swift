internal import CSimdjson

// What happens to money: refunds, disputes, credit notes, payments of invoices, charges, Checkout sessions.

extension Refund: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_REFUND }
    static func id(_ row: trueup_refund) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_refund) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_refund) -> Bool? { nil }

    init(_ row: trueup_refund) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, amount: row.amount.value, currency: row.currency.text,
            status: row.status.optional.map { RefundStatus($0) }, paymentIntent: row.payment_intent.optional,
            charge: row.charge.optional, isChargeShown: row.charge_object.bytes != nil, invoice: row.invoice.optional,
            reason: row.reason.optional)
    }
}

extension Dispute: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_DISPUTE }
    static func id(_ row: trueup_dispute) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_dispute) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_dispute) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_dispute) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            amount: row.amount.value, currency: row.currency.text, status: DisputeStatus(row.status.text),
            paymentIntent: row.payment_intent.optional, charge: row.charge.optional,
            isChargeShown: row.charge_object.bytes != nil, invoice: row.invoice.optional, reason: row.reason.optional)
    }
}

extension CreditNote: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_CREDIT_NOTE }
    static var isListedNewestFirst: Bool { false }
    static func id(_ row: trueup_credit_note) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_credit_note) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_credit_note) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_credit_note) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            amount: row.amount.value, total: row.total.value, currency: row.currency.text,
            status: CreditNoteStatus(row.status.text), type: CreditNoteType(row.type.text),
            invoice: row.invoice.text, prePaymentAmount: row.pre_payment_amount.optional,
            postPaymentAmount: row.post_payment_amount.optional, reason: row.reason.optional)
    }
}

extension InvoicePayment: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_INVOICE_PAYMENT }
    static var isListedNewestFirst: Bool { false }
    static func id(_ row: trueup_invoice_payment) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_invoice_payment) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_invoice_payment) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_invoice_payment) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            status: InvoicePaymentStatus(row.status.text), currency: row.currency.text,
            amountRequested: row.amount_requested.value, amountPaid: row.amount_paid.optional,
            invoice: row.invoice.text, paymentType: row.payment_type.text,
            paymentIntent: row.payment_intent.optional, charge: row.charge.optional)
    }
}

extension Charge: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_CHARGE }
    static func id(_ row: trueup_charge) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_charge) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_charge) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_charge) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            status: Status(row.status.text), currency: row.currency.text, amount: row.amount.value,
            amountRefunded: row.amount_refunded.value, paid: row.paid.isTrue, refunded: row.refunded.isTrue,
            disputed: row.disputed.isTrue, customer: row.customer.optional,
            paymentIntent: row.payment_intent.optional, invoice: row.invoice.optional)
    }
}

extension CheckoutSession: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_CHECKOUT_SESSION }
    static var isListedNewestFirst: Bool { false }
    static func id(_ row: trueup_checkout_session) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_checkout_session) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_checkout_session) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_checkout_session) {
        self.init(
            id: row.id.text, createdSeconds: row.created.value, paymentIntent: row.payment_intent.optional)
    }
}
