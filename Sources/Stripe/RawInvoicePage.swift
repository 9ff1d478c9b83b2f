internal import CSimdjson

/// A page of invoices as it was decoded: no `String` is made until somebody asks for one.
///
/// ```swift
/// try page.forEach { invoice in
///     try copy.append(utf8: invoice.id)     // the bytes are valid here only
/// }
/// ```
public final class RawInvoicePage: Sendable {
    private let rows: Rows<Invoice>
    /// req_…, or empty when the answer had none.
    public let requestID: String
    /// Size of the body.
    public let byteCount: Int
    /// How long the answer took, from the request to its last byte, without the wait for the rate limit.
    public let transferMicroseconds: Int64

    init(_ rows: Rows<Invoice>, requestID: String, byteCount: Int, transferMicroseconds: Int64) {
        self.rows = rows
        self.requestID = requestID
        self.byteCount = byteCount
        self.transferMicroseconds = transferMicroseconds
    }

    public var count: Int {
        rows.count
    }

    public var hasMore: Bool {
        rows.hasMore
    }

    /// The id of the last invoice: the cursor of the next page.
    public var lastID: String? {
        rows.withRows { $0.last?.id.text }
    }

    /// The id of the invoice at this position, counted from 0.
    /// - Precondition: `0 <= position < count`.
    public func id(at position: Int) -> String {
        rows.withRows { $0[position].id.text }
    }

    /// When the last, and so the oldest, invoice was created.
    public var lastCreatedSeconds: Int64? {
        rows.withRows { $0.last?.created.value }
    }

    /// Visits the invoices, newest first.
    public func forEach<Failure: Error>(_ body: (borrowing RawInvoice) throws(Failure) -> Void) throws(Failure) {
        try rows.withRows { rows throws(Failure) in
            for row in rows {
                try body(RawInvoice(row: row))
            }
        }
    }

    /// The invoices as plain values.
    public var invoices: [Invoice] {
        rows.objects
    }
}

/// One invoice of a page. Not copyable, so that it does not outlive the visit.
///
/// Texts are UTF-8 in the page's memory; `nil` is null or absent.
public struct RawInvoice: ~Copyable {
    let row: trueup_invoice

    public typealias Text = UnsafeRawBufferPointer

    private static var empty: Text { Text(start: nil, count: 0) }

    public var id: Text { row.id.raw ?? Self.empty }
    public var status: Text { row.status.raw ?? Self.empty }
    public var currency: Text { row.currency.raw ?? Self.empty }
    public var customer: Text? { row.customer.raw }
    public var collectionMethod: Text? { row.collection_method.raw }
    public var billingReason: Text? { row.billing_reason.raw }
    public var subscription: Text? { row.subscription.raw }
    public var number: Text? { row.number.raw }
    public var hostedInvoiceURL: Text? { row.hosted_invoice_url.raw }
    public var paymentIntent: Text? { row.payment_intent.raw }
    public var charge: Text? { row.charge.raw }
    public var metadataOrderID: Text? { row.metadata.order_id.raw }
    public var metadataAgencyID: Text? { row.metadata.agency_id.raw }
    public var metadataAgencyMemberID: Text? { row.metadata.agency_member_id.raw }
    public var metadataChargeID: Text? { row.metadata.charge_id.raw }

    public var createdSeconds: Int64 { row.created.value }
    public var livemode: Bool { row.livemode.isTrue }
    public var autoAdvance: Bool? { row.auto_advance.optional }
    public var total: Int64 { row.total.value }
    public var amountDue: Int64 { row.amount_due.value }
    public var amountPaid: Int64 { row.amount_paid.value }
    public var amountRemaining: Int64 { row.amount_remaining.value }
    public var prePaymentCreditNotesAmount: Int64 { row.pre_payment_credit_notes_amount.value }
    public var postPaymentCreditNotesAmount: Int64 { row.post_payment_credit_notes_amount.value }
    public var dueDateSeconds: Int64? { row.due_date.optional }
    public var finalizedSeconds: Int64? { row.finalized_at.optional }
    public var paidSeconds: Int64? { row.paid_at.optional }
    public var voidedSeconds: Int64? { row.voided_at.optional }
    public var markedUncollectibleSeconds: Int64? { row.marked_uncollectible_at.optional }

    /// The invoice as a plain value.
    public var value: Invoice { Invoice(row) }
}
