internal import CSimdjson

/// A page of invoices as it was decoded: no `String` is made until somebody asks for one.
///
/// ```swift
/// try page.forEach { invoice in
///     try copy.append(utf8: invoice.id)     // the bytes are valid here only
/// }
/// ```
public final class RawInvoicePage: RawPage {
    private let page: DecodedPage<Invoice>

    init(_ page: DecodedPage<Invoice>) {
        self.page = page
    }

    public var count: Int { page.rows.count }
    public var hasMore: Bool { page.rows.hasMore }
    public var requestID: String { page.requestID }
    public var byteCount: Int { page.byteCount }
    public var transferMicroseconds: Int64 { page.transferMicroseconds }
    public var lastID: String? { page.lastID }
    public var lastCreatedSeconds: Int64? { page.lastCreatedSeconds }
    public func id(at position: Int) -> String { page.id(at: position) }

    /// Visits the invoices, newest first.
    public func forEach<Failure: Error>(_ body: (borrowing RawInvoice) throws(Failure) -> Void) throws(Failure) {
        try page.rows.withRows { rows throws(Failure) in
            for row in rows {
                try body(RawInvoice(row: row))
            }
        }
    }

    /// The invoices as plain values.
    public var invoices: [Invoice] {
        page.rows.objects
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
