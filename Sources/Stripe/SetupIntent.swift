/// A way to pay that is being set up for later. See https://docs.stripe.com/api/setup_intents/object
public struct SetupIntent: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    /// `requires_payment_method`, `requires_action`, `processing`, `succeeded`, `canceled` and others.
    public var status: String
    public var customer: String?
    /// pm_…, once there is one.
    public var paymentMethod: String?
    /// What the customer's browser needs to finish it. It is a secret: it belongs in no log.
    public var clientSecret: String?
    public var description: String?
    /// Why the last attempt failed, in Stripe's words.
    public var lastError: String?
}

/// The ways to pay that Task Health takes. The raw value is Stripe's word.
public enum PaymentMethodKind: String, Sendable, Hashable, CaseIterable {
    case card
    /// ACH: takes some days.
    case usBankAccount = "us_bank_account"
}

/// A setup intent to be made.
public struct SetupIntentDraft: Sendable {
    public var customer: String
    public var description: String?
    /// What the customer may choose from; not empty.
    public var kinds: [PaymentMethodKind]
    public var metadata: [(String, String)]

    public init(
        customer: String, description: String? = nil, kinds: [PaymentMethodKind] = PaymentMethodKind.allCases,
        metadata: [(String, String)] = []
    ) {
        self.customer = customer
        self.description = description
        self.kinds = kinds
        self.metadata = metadata
    }

    var parameters: FormParameters {
        var parameters = FormParameters([
            ("customer", .text(customer)),
            ("payment_method_types", .array(kinds.map { .text($0.rawValue) })),
            // It is charged later, when the customer is not there.
            ("usage", .text("off_session")),
        ])
        parameters.addIfPresent("description", description)
        parameters.addMetadata(metadata)
        return parameters
    }
}
