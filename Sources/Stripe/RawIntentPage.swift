internal import CSimdjson

/// A page of payment intents as it was decoded: no `String` is made until somebody asks for one.
///
/// ```swift
/// try page.forEach { intent in
///     try copy.append(utf8: intent.id)     // the bytes are valid here only
/// }
/// ```
public final class RawIntentPage: RawPage {
    private let page: DecodedPage<PaymentIntent>

    init(_ page: DecodedPage<PaymentIntent>) {
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

    /// Visits the payment intents, newest first.
    public func forEach<Failure: Error>(_ body: (borrowing RawIntent) throws(Failure) -> Void) throws(Failure) {
        try page.rows.withRows { rows throws(Failure) in
            for row in rows {
                try body(RawIntent(row: row))
            }
        }
    }

    /// The payment intents as plain values.
    public var paymentIntents: [PaymentIntent] {
        page.rows.objects
    }
}

/// One payment intent of a page. Not copyable, so that it does not outlive the visit.
///
/// Texts are UTF-8 in the page's memory; `nil` is null or absent.
public struct RawIntent: ~Copyable {
    let row: trueup_payment_intent

    public typealias Text = UnsafeRawBufferPointer

    private static var empty: Text { Text(start: nil, count: 0) }

    public var id: Text { row.id.raw ?? Self.empty }
    public var status: Text { row.status.raw ?? Self.empty }
    public var currency: Text { row.currency.raw ?? Self.empty }
    public var customer: Text? { row.customer.raw }
    /// Until 2025-03-31.basil.
    public var invoice: Text? { row.invoice.raw }
    public var latestCharge: Text? { row.latest_charge.raw }
    public var cancellationReason: Text? { row.cancellation_reason.raw }
    public var description: Text? { row.description.raw }
    public var metadataOrderID: Text? { row.metadata.order_id.raw }
    public var metadataAgencyID: Text? { row.metadata.agency_id.raw }
    public var metadataAgencyMemberID: Text? { row.metadata.agency_member_id.raw }
    public var metadataChargeID: Text? { row.metadata.charge_id.raw }

    public var createdSeconds: Int64 { row.created.value }
    public var livemode: Bool { row.livemode.isTrue }
    public var amount: Int64 { row.amount.value }
    public var amountReceived: Int64 { row.amount_received.value }
    public var canceledSeconds: Int64? { row.canceled_at.optional }
    /// Where `data.latest_charge` was expanded.
    public var chargedSeconds: Int64? { row.charged_at.optional }
    /// The last attempt to take the money failed.
    public var hasFailed: Bool { row.has_last_error.isTrue }

    /// The payment intent as a plain value.
    public var value: PaymentIntent { PaymentIntent(row) }
}
