/// A line that waits for, or belongs to, an invoice. See https://docs.stripe.com/api/invoiceitems/object
public struct InvoiceItem: Sendable, Hashable {
    public var id: String
    public var livemode: Bool
    public var dateSeconds: Int64?
    /// In the currency's minor units.
    public var amount: Int64
    public var currency: String
    public var customer: String?
    public var invoice: String?
    public var description: String?

    /// All fields.
    public init(
        id: String, livemode: Bool, dateSeconds: Int64? = nil, amount: Int64, currency: String, customer: String? = nil,
        invoice: String? = nil, description: String? = nil
    ) {
        self.id = id
        self.livemode = livemode
        self.dateSeconds = dateSeconds
        self.amount = amount
        self.currency = currency
        self.customer = customer
        self.invoice = invoice
        self.description = description
    }
}

/// What is left of a deleted object.
public struct Deletion: Sendable, Hashable {
    public var id: String
    /// Whether this call found it gone: an attempt before, whose answer was lost, had deleted it.
    public var wasGoneBefore: Bool

    public init(id: String, wasGoneBefore: Bool = false) {
        self.id = id
        self.wasGoneBefore = wasGoneBefore
    }
}
