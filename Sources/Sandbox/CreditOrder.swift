/// One place in a ``CreditHistory``: what Stripe has and what the local tables have.
public struct CreditOrder: Sendable {
    /// The place in the history.
    public var index: Int
    /// The id of the local row that it would have.
    public var orderID: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// The id of the member who ordered.
    public var agencyMemberID: Int64
    /// The id of the chosen option.
    public var orderOptionID: Int64
    /// How many credits.
    public var credits: Int64
    /// The price in cents.
    public var amountCents: Int64
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
    /// What was planted here; the second half of a duplicate has none.
    public var plant: Plant?
    /// `nil` where Stripe knows none, not even a deleted one.
    public var invoice: CreditInvoice?
    /// The local row; `nil` where the tables have none.
    public var row: CreditRow?
}

/// An invoice of a ``CreditHistory`` as it stands at the history's `nowSeconds`.
public struct CreditInvoice: Sendable, Hashable {
    /// Stripe's id.
    public var id: String
    /// The Stripe customer's id.
    public var customerID: String
    /// Where it stands.
    public var status: SandboxInvoiceStatus
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
    /// When it was finalized, in Unix seconds.
    public var finalizedSeconds: Int64?
    /// When it was paid, in Unix seconds.
    public var paidSeconds: Int64?
    /// When it was voided, in Unix seconds.
    public var voidedSeconds: Int64?
    /// When it was given up, in Unix seconds.
    public var uncollectibleSeconds: Int64?
    /// When the draft was deleted: Stripe answers 404 then.
    public var deletedSeconds: Int64?
    /// When it is due, in Unix seconds.
    public var dueSeconds: Int64?
    /// What was invoiced, taxes included, in minor units.
    public var total: Int64
    /// What is asked for, in minor units.
    public var amountDue: Int64
    /// What was paid, in minor units.
    public var amountPaid: Int64
    /// Credit notes before payment, in minor units.
    public var prePaymentCredit: Int64
    /// Credit notes after payment, in minor units.
    public var postPaymentCredit: Int64
    /// What was given back of its charge, in minor units.
    public var refunded: Int64
    /// Whether somebody disputes its charge.
    public var isDisputed: Bool
    /// ISO code in lower case.
    public var currency: String
    /// Whether Stripe finalizes it by itself.
    public var autoAdvance: Bool
    /// The metadata `order_id`, `agency_id` and `agency_member_id`.
    public var orderID: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// The id of the member who ordered.
    public var agencyMemberID: Int64
}

/// A row of `task_credit_stripe_invoice`.
public struct CreditRow: Sendable, Hashable {
    /// The primary key.
    public var id: Int64
    /// The id of the agency.
    public var agencyID: Int64
    /// The id of the member who ordered.
    public var agencyMemberID: Int64
    /// The id of the chosen option.
    public var orderOptionID: Int64
    /// How many credits.
    public var credits: Int64
    /// The price in cents.
    public var amountCents: Int64
    /// ISO code in lower case.
    public var currency: String
    /// The invoice id as the row has it, faults included.
    public var stripeInvoiceID: String?
    /// The customer's page for the invoice.
    public var hostedInvoiceURL: String?
    /// Whether the credits were granted.
    public var paid: Bool
    /// When it was paid, in Unix seconds.
    public var paidSeconds: Int64?
    /// When the order was cancelled, in Unix seconds.
    public var cancelledSeconds: Int64?
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
}
