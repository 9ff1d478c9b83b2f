/// Where a payment intent stands at Stripe (https://docs.stripe.com/payments/paymentintents/lifecycle).
public enum IntentStatus: Sendable, Hashable {
    case requiresPaymentMethod, requiresConfirmation, requiresAction, requiresCapture, processing, canceled, succeeded
    /// A word that this version does not know. It is reported as `unknown_status` and never acted on.
    case unknown(String)

    private static let known: [IntentStatus] = [
        .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .requiresCapture, .processing, .canceled,
        .succeeded,
    ]

    public init(_ word: String) { self = Self.known.first { $0.word == word } ?? .unknown(word) }

    public var word: String {
        switch self {
        case .requiresPaymentMethod: "requires_payment_method"
        case .requiresConfirmation: "requires_confirmation"
        case .requiresAction: "requires_action"
        case .requiresCapture: "requires_capture"
        case .processing: "processing"
        case .canceled: "canceled"
        case .succeeded: "succeeded"
        case .unknown(let word): word
        }
    }

    /// A status that an intent never leaves.
    public var isTerminal: Bool { self == .canceled || self == .succeeded }
}
