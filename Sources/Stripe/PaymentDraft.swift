/// A payment to be taken at once, while the customer is not there.
/// See https://docs.stripe.com/payments/save-during-payment#web-charge-saved-payment-method
public struct PaymentDraft: Sendable {
    public var customer: String
    /// pm_…
    public var paymentMethod: String
    /// In the currency's minor units.
    public var amount: Int64
    /// Three letters, lower case.
    public var currency: String
    public var description: String?
    public var metadata: [(String, String)]

    /// The least that Stripe takes in US dollars: $0.50
    /// (https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
    public static let amountMin: Int64 = 50

    /// The most that Stripe takes in one payment, an invoice's as well: eight digits, in US dollars $999,999.99
    /// (https://docs.stripe.com/api/payment_intents/object#payment_intent_object-amount).
    public static let amountMax: Int64 = 99_999_999

    public init(
        customer: String, paymentMethod: String, amount: Int64, currency: String = "usd", description: String? = nil,
        metadata: [(String, String)] = []
    ) {
        self.customer = customer
        self.paymentMethod = paymentMethod
        self.amount = amount
        self.currency = currency
        self.description = description
        self.metadata = metadata
    }

    var parameters: FormParameters {
        var parameters = FormParameters([
            ("amount", .integer(amount)), ("currency", .text(currency)), ("customer", .text(customer)),
            ("payment_method", .text(paymentMethod)),
            // Named, so that no way to pay is tried that would send the customer elsewhere.
            ("payment_method_types", .array(PaymentMethodKind.allCases.map { .text($0.rawValue) })),
            ("confirm", .flag(true)), ("off_session", .flag(true)),
        ])
        parameters.addIfPresent("description", description)
        parameters.addMetadata(metadata)
        return parameters
    }
}
