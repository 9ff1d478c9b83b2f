/// An invoice of a ``World`` as it stands now, for tests and the demo.
public struct SandboxInvoice: Sendable, Hashable {
    public var id: String
    public var status: SandboxInvoiceStatus
    public var createdSeconds: Int64
    public var finalizedSeconds: Int64?
    public var paidSeconds: Int64?
    public var voidedSeconds: Int64?
    public var uncollectibleSeconds: Int64?
    public var dueSeconds: Int64?
    public var currency: String
    public var total: Int64
    public var amountDue: Int64
    public var amountPaid: Int64
    public var customerID: String?
    public var autoAdvance: Bool
    public var isSubscription: Bool
    public var metadata: [String: String]
    public var paymentIntentID: String?
}

/// An invoice to be added to a ``World``.
public struct SandboxInvoiceDraft: Sendable {
    public var amount: Int64
    public var currency: String
    /// `nil`: a new customer is made for it.
    public var customerID: String?
    /// `nil`: now.
    public var createdSeconds: Int64?
    public var description: String?
    public var metadata: [String: String]
    /// `nil`: the card is charged automatically.
    public var daysUntilDue: Int64?
    public var autoAdvance: Bool
    public var isSubscription: Bool

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
