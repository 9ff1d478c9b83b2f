/// State of a payment intent. See https://docs.stripe.com/payments/paymentintents/lifecycle
public enum PaymentIntentStatus: Sendable, Hashable {
    case requiresPaymentMethod
    case requiresConfirmation
    case requiresAction
    case requiresCapture
    case processing
    case canceled
    case succeeded
    /// A word that this version does not know, as Stripe wrote it.
    case unknown(String)

    public init(_ text: String) {
        self = Self.known.first { $0.text == text } ?? .unknown(text)
    }

    public var text: String {
        switch self {
        case .requiresPaymentMethod: "requires_payment_method"
        case .requiresConfirmation: "requires_confirmation"
        case .requiresAction: "requires_action"
        case .requiresCapture: "requires_capture"
        case .processing: "processing"
        case .canceled: "canceled"
        case .succeeded: "succeeded"
        case .unknown(let text): text
        }
    }

    private static let known: [PaymentIntentStatus] = [
        .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .requiresCapture, .processing, .canceled,
        .succeeded,
    ]
}

/// Why the last payment failed.
public struct PaymentFailure: Sendable, Hashable {
    public var code: String?
    public var declineCode: String?
    public var message: String?
}

/// A payment intent. See https://docs.stripe.com/api/payment_intents/object
public struct PaymentIntent: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    public var status: PaymentIntentStatus
    /// Three letters, lower case.
    public var currency: String
    /// Amounts are in the currency's minor units.
    public var amount: Int64
    public var amountReceived: Int64
    public var customer: String?
    /// Until 2025-03-31.basil; later versions join through /v1/invoice_payments.
    public var invoice: String?
    public var canceledSeconds: Int64?
    public var cancellationReason: String?
    public var latestCharge: String?
    /// `nil` when there is none, or none of its texts.
    public var lastPaymentError: PaymentFailure?
    public var description: String?
    public var metadata: OrderMetadata
}
