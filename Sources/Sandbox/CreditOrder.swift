/// One place in a ``CreditHistory``: what Stripe has and what the local tables have.
public struct CreditOrder: Sendable {
    public var index: Int
    /// The id of the local row that it would have.
    public var orderID: Int64
    public var agencyID: Int64
    public var agencyMemberID: Int64
    public var orderOptionID: Int64
    public var credits: Int64
    public var amountCents: Int64
    public var createdSeconds: Int64
    /// What was planted here; the second half of a duplicate has none.
    public var plant: Plant?
    /// `nil` where Stripe knows none, not even a deleted one.
    public var invoice: CreditInvoice?
    public var row: CreditRow?
}

/// An invoice of a ``CreditHistory`` as it stands at the history's `nowSeconds`.
public struct CreditInvoice: Sendable, Hashable {
    public var id: String
    public var customerID: String
    public var status: SandboxInvoiceStatus
    public var createdSeconds: Int64
    public var finalizedSeconds: Int64?
    public var paidSeconds: Int64?
    public var voidedSeconds: Int64?
    public var uncollectibleSeconds: Int64?
    /// When the draft was deleted: Stripe answers 404 then.
    public var deletedSeconds: Int64?
    public var dueSeconds: Int64?
    public var total: Int64
    public var amountDue: Int64
    public var amountPaid: Int64
    public var prePaymentCredit: Int64
    public var postPaymentCredit: Int64
    public var currency: String
    public var autoAdvance: Bool
    /// The metadata `order_id`, `agency_id` and `agency_member_id`.
    public var orderID: Int64
    public var agencyID: Int64
    public var agencyMemberID: Int64
}

/// A row of `task_credit_stripe_invoice`.
public struct CreditRow: Sendable, Hashable {
    public var id: Int64
    public var agencyID: Int64
    public var agencyMemberID: Int64
    public var orderOptionID: Int64
    public var credits: Int64
    public var amountCents: Int64
    public var currency: String
    public var stripeInvoiceID: String?
    public var hostedInvoiceURL: String?
    public var paid: Bool
    public var paidSeconds: Int64?
    public var cancelledSeconds: Int64?
    public var createdSeconds: Int64
}
