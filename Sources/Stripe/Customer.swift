/// Whoever is invoiced or charged. See https://docs.stripe.com/api/customers/object
public struct Customer: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    public var name: String?
    public var email: String?
    public var description: String?
    /// pm_…: what invoices and off-session charges are paid with (`invoice_settings.default_payment_method`).
    public var defaultPaymentMethod: String?
    /// ba_… or card_…, of the older API for sources.
    public var defaultSource: String?
}

/// A customer to be made.
public struct CustomerDraft: Sendable {
    public var name: String
    public var email: String?
    public var description: String?
    public var metadata: [(String, String)]

    public init(name: String, email: String? = nil, description: String? = nil, metadata: [(String, String)] = []) {
        self.name = name
        self.email = email
        self.description = description
        self.metadata = metadata
    }

    var parameters: FormParameters {
        var parameters = FormParameters([("name", .text(name))])
        parameters.addIfPresent("email", email)
        parameters.addIfPresent("description", description)
        parameters.addMetadata(metadata)
        return parameters
    }
}

extension FormParameters {
    mutating func addMetadata(_ metadata: [(String, String)]) {
        guard !metadata.isEmpty else { return }
        add("metadata", .object(metadata.map { ($0.0, .text($0.1)) }))
    }
}
