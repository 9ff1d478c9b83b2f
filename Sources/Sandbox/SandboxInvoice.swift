/// An invoice of a ``World`` as it stands now, for tests and the demo.
public struct SandboxInvoice: Sendable, Hashable {
    /// Stripe's id.
    public var id: String
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
    /// When it is due, in Unix seconds.
    public var dueSeconds: Int64?
    /// ISO code in lower case.
    public var currency: String
    /// What was invoiced, taxes included, in minor units.
    public var total: Int64
    /// What is asked for, in minor units.
    public var amountDue: Int64
    /// What was paid, in minor units.
    public var amountPaid: Int64
    /// The Stripe customer's id.
    public var customerID: String?
    /// Whether Stripe finalizes it by itself.
    public var autoAdvance: Bool
    /// Whether a subscription made it.
    public var isSubscription: Bool
    /// Keys and values.
    public var metadata: [String: String]
    /// Its payment intent, or the one that paid it together with others; `nil` while it is a draft, and where a charge
    /// alone paid it.
    public var paymentIntentID: String?
    /// The charge that paid it.
    public var chargeID: String?
}

/// An invoice to be added to a ``World``.
public struct SandboxInvoiceDraft: Sendable {
    /// The amount in minor units.
    public var amount: Int64
    /// ISO code in lower case.
    public var currency: String
    /// `nil`: a new customer is made for it.
    public var customerID: String?
    /// `nil`: now.
    public var createdSeconds: Int64?
    /// The text of its one line.
    public var description: String?
    /// Keys and values.
    public var metadata: [String: String]
    /// `nil`: the card is charged automatically.
    public var daysUntilDue: Int64?
    /// Whether Stripe finalizes it by itself.
    public var autoAdvance: Bool
    /// Whether a subscription made it.
    public var isSubscription: Bool

    /// All members, with defaults where there is a usual value.
    public init(
        amount: Int64, currency: String = "usd", customerID: String? = nil, createdSeconds: Int64? = nil,
        description: String? = nil, metadata: [String: String] = [:], daysUntilDue: Int64? = 30,
        autoAdvance: Bool = false, isSubscription: Bool = false
    ) {
        self.amount = amount
        self.currency = currency
        self.customerID = customerID
        self.createdSeconds = createdSeconds
        self.description = description
        self.metadata = metadata
        self.daysUntilDue = daysUntilDue
        self.autoAdvance = autoAdvance
        self.isSubscription = isSubscription
    }
}
