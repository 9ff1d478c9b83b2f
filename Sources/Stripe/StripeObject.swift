internal import CSimdjson

/// What the decoder has to know of a kind of object: one table in CSimdjson, one struct there, one here.
protocol StripeObject: Sendable {
    associatedtype Row
    static var kind: trueup_kind { get }
    init(_ row: Row)
}

/// An object whose place in a list and whose mode are checked.
protocol ListedObject: StripeObject {
    static func id(_ row: Row) -> trueup_text
    static func createdSeconds(_ row: Row) -> Int64
    /// `nil` where this kind of object says nothing of its mode.
    static func livemode(_ row: Row) -> Bool?
    /// Whether Stripe promises that lists of it begin with the newest.
    static var isListedNewestFirst: Bool { get }
}

extension ListedObject {
    static var isListedNewestFirst: Bool { true }
}

extension trueup_text {
    var optional: String? {
        bytes == nil ? nil : text
    }

    /// Empty when absent.
    var text: String {
        String(decoding: raw ?? UnsafeRawBufferPointer(start: nil, count: 0), as: UTF8.self)
    }

    var raw: UnsafeRawBufferPointer? {
        bytes.map { UnsafeRawBufferPointer(start: $0, count: length) }
    }
}

extension trueup_integer {
    var optional: Int64? {
        present ? value : nil
    }
}

extension trueup_flag {
    var isTrue: Bool {
        self == TRUEUP_FLAG_TRUE
    }

    var optional: Bool? {
        self == TRUEUP_FLAG_ABSENT ? nil : isTrue
    }
}

extension OrderMetadata {
    init(_ row: trueup_metadata) {
        self.init(
            orderID: row.order_id.optional, agencyID: row.agency_id.optional,
            agencyMemberID: row.agency_member_id.optional, chargeID: row.charge_id.optional)
    }
}

extension Invoice: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_INVOICE }
    static func id(_ row: trueup_invoice) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_invoice) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_invoice) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_invoice) {
        // Until 2025-03-31.basil it was all of it or nothing.
        let elsewhere: Int64 =
            row.paid_out_of_band.isTrue ? row.amount_paid.value : row.amount_paid_off_stripe.optional ?? 0
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            status: InvoiceStatus(row.status.text), currency: row.currency.text, total: row.total.value,
            amountDue: row.amount_due.value, amountPaid: row.amount_paid.value,
            amountPaidElsewhere: elsewhere, amountRemaining: row.amount_remaining.value,
            prePaymentCreditNotesAmount: row.pre_payment_credit_notes_amount.value,
            postPaymentCreditNotesAmount: row.post_payment_credit_notes_amount.value,
            customer: row.customer.optional, dueDateSeconds: row.due_date.optional,
            autoAdvance: row.auto_advance.optional, collectionMethod: row.collection_method.optional,
            billingReason: row.billing_reason.optional, subscription: row.subscription.optional,
            number: row.number.optional, hostedInvoiceURL: row.hosted_invoice_url.optional,
            paymentIntent: row.payment_intent.optional, charge: row.charge.optional,
            finalizedSeconds: row.finalized_at.optional, paidSeconds: row.paid_at.optional,
            voidedSeconds: row.voided_at.optional,
            markedUncollectibleSeconds: row.marked_uncollectible_at.optional,
            metadata: OrderMetadata(row.metadata))
    }
}

extension PaymentIntent: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_PAYMENT_INTENT }
    static func id(_ row: trueup_payment_intent) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_payment_intent) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_payment_intent) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_payment_intent) {
        let failure = PaymentFailure(
            code: row.last_error_code.optional, declineCode: row.last_error_decline_code.optional,
            message: row.last_error_message.optional)
        self.init(
            id: row.id.text, createdSeconds: row.created.value, livemode: row.livemode.isTrue,
            status: PaymentIntentStatus(row.status.text), currency: row.currency.text, amount: row.amount.value,
            amountReceived: row.amount_received.value, customer: row.customer.optional,
            invoice: row.invoice.optional, canceledSeconds: row.canceled_at.optional,
            cancellationReason: row.cancellation_reason.optional, latestCharge: row.latest_charge.optional,
            chargedSeconds: row.charged_at.optional,
            lastPaymentError: row.has_last_error.isTrue ? failure : nil, description: row.description.optional,
            metadata: OrderMetadata(row.metadata))
    }
}

extension Event: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_EVENT }
    static func id(_ row: trueup_event) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_event) -> Int64 { row.created.value }
    static func livemode(_ row: trueup_event) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_event) {
        self.init(
            id: row.id.text, type: row.type.text, createdSeconds: row.created.value,
            livemode: row.livemode.isTrue, apiVersion: row.api_version.optional,
            pendingWebhooks: row.pending_webhooks.value, objectID: row.object_id.optional,
            objectType: row.object_type.text, objectStatus: row.object_status.optional,
            objectCreatedSeconds: row.object_created.optional, requestID: row.request_id.optional,
            idempotencyKey: row.idempotency_key.optional)
    }
}

extension InvoiceItem: ListedObject {
    static var kind: trueup_kind { TRUEUP_KIND_INVOICE_ITEM }
    static func id(_ row: trueup_invoice_item) -> trueup_text { row.id }
    static func createdSeconds(_ row: trueup_invoice_item) -> Int64 { row.date.value }
    static func livemode(_ row: trueup_invoice_item) -> Bool? { row.livemode.isTrue }

    init(_ row: trueup_invoice_item) {
        self.init(
            id: row.id.text, livemode: row.livemode.isTrue, dateSeconds: row.date.optional,
            amount: row.amount.value, currency: row.currency.text, customer: row.customer.optional,
            invoice: row.invoice.optional, description: row.description.optional)
    }
}

extension Deletion: StripeObject {
    static var kind: trueup_kind { TRUEUP_KIND_DELETED }

    init(_ row: trueup_deleted) {
        self.init(id: row.deleted.isTrue ? row.id.text : "")
    }
}

/// The answer of GET /v1/account, as far as it is used.
struct AccountObject: StripeObject {
    static var kind: trueup_kind { TRUEUP_KIND_ACCOUNT }
    let id: String
    let displayName: String?
    let country: String?

    init(_ row: trueup_account) {
        id = row.id.text
        displayName = row.display_name.optional
        country = row.country.optional
    }
}

/// The body of an answer that is not 2xx.
struct ErrorObject: StripeObject {
    static var kind: trueup_kind { TRUEUP_KIND_API_ERROR }
    let type: String?
    let code: String?
    let message: String?
    let param: String?
    let declineCode: String?
    let paymentIntent: String?

    init(_ row: trueup_api_error) {
        type = row.type.optional
        code = row.code.optional
        message = row.message.optional
        param = row.param.optional
        declineCode = row.decline_code.optional
        paymentIntent = row.payment_intent.optional
    }
}
