/// A draft to be made, as Task Health makes them: sent to the customer, due in 30 days, left alone until finalized.
public struct InvoiceDraft: Sendable {
    public var customer: String
    /// `nil` takes the customer's.
    public var currency: String?
    public var description: String?
    public var daysUntilDue: Int
    public var metadata: [(String, String)]

    public init(
        customer: String, currency: String? = nil, description: String? = nil, daysUntilDue: Int = 30,
        metadata: [(String, String)] = []
    ) {
        self.customer = customer
        self.currency = currency
        self.description = description
        self.daysUntilDue = daysUntilDue
        self.metadata = metadata
    }

    var parameters: FormParameters {
        var parameters = FormParameters([
            ("customer", .text(customer)),
            ("auto_advance", .flag(false)),
            ("collection_method", .text("send_invoice")),
            ("days_until_due", .integer(Int64(daysUntilDue))),
            // Items are attached by name: nothing that waits elsewhere slips in.
            ("pending_invoice_items_behavior", .text("exclude")),
        ])
        parameters.addIfPresent("currency", currency)
        parameters.addIfPresent("description", description)
        parameters.add("metadata", .object(metadata.map { ($0.0, .text($0.1)) }))
        return parameters
    }
}

/// A line to be added to a draft.
public struct InvoiceItemDraft: Sendable {
    public var customer: String
    /// In the currency's minor units; negative reduces the invoice.
    public var amount: Int64
    public var currency: String
    /// The draft; `nil` leaves the item waiting for the customer's next invoice.
    public var invoice: String?
    public var description: String?
    public var metadata: [(String, String)]

    public init(
        customer: String, amount: Int64, currency: String, invoice: String?, description: String? = nil,
        metadata: [(String, String)] = []
    ) {
        self.customer = customer
        self.amount = amount
        self.currency = currency
        self.invoice = invoice
        self.description = description
        self.metadata = metadata
    }

    var parameters: FormParameters {
        var parameters = FormParameters([
            ("customer", .text(customer)), ("amount", .integer(amount)), ("currency", .text(currency)),
        ])
        parameters.addIfPresent("invoice", invoice)
        parameters.addIfPresent("description", description)
        parameters.add("metadata", .object(metadata.map { ($0.0, .text($0.1)) }))
        return parameters
    }
}

extension FormParameters {
    mutating func addIfPresent(_ name: String, _ value: String?) {
        if let value {
            add(name, .text(value))
        }
    }
}
