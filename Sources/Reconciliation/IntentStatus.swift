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

    /// The statuses that an intent never leaves.
    public static let terminal: Set<Self> = [.succeeded, .canceled]
    public var isTerminal: Bool { Self.terminal.contains(self) }
}

/// The row of the state table of charges: what Stripe says of a payment intent, as far as it matters there.
public enum IntentState: String, CaseIterable, Sendable, Hashable {
    /// It waits for a payment method or a confirmation, and that is no reason for worry: it is young, somebody has
    /// tried to pay it, or it belongs to an invoice or a Checkout session.
    case open
    /// Nobody has ever confirmed it, and it is older than `stale_after`.
    case stale
    /// It was confirmed and money may come: the customer has to act, the payment is under way or waits for capture.
    case underWay
    /// The last attempt failed; it waits for another payment method.
    case declined
    case canceled
    case succeeded
    case absent
}

/// The column of that table: what the local tables say.
public enum ChargeState: String, CaseIterable, Sendable, Hashable {
    case pending, succeeded, failed, canceled, absent
}
