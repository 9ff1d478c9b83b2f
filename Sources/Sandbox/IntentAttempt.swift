/// One try to take the money of a payment intent. Each makes a charge.
struct IntentAttempt: Sendable {
    enum Outcome: Sendable, Equatable {
        case succeeded
        /// Authorized; the money is taken when somebody captures it.
        case uncaptured
        /// A bank transfer that is under way.
        case pending
        case declined(SandboxDecline)
    }

    var createdSeconds: Int64
    var outcome: Outcome

    var decline: SandboxDecline? {
        if case .declined(let decline) = outcome { decline } else { nil }
    }
}

/// Why a card was declined. The raw values are Stripe's decline codes (https://docs.stripe.com/declines/codes).
public enum SandboxDecline: String, Sendable, CaseIterable {
    case insufficientFunds = "insufficient_funds"
    case genericDecline = "generic_decline"
    case lostCard = "lost_card"
    case expiredCard = "expired_card"
    case processingError = "processing_error"
    /// The bank wants the customer to be there, and nobody is.
    case authenticationRequired = "authentication_required"

    /// Those that chance deals out in histories.
    public static let allCases: [SandboxDecline] = [
        .insufficientFunds, .genericDecline, .lostCard, .expiredCard, .processingError,
    ]

    /// The error code: an expired card and an error of the processor have codes of their own.
    var code: String {
        switch self {
        case .expiredCard, .processingError, .authenticationRequired: rawValue
        default: "card_declined"
        }
    }

    /// Only a decline by the issuer has a decline code beside its error code.
    var declineCode: String? { code == rawValue && self != .authenticationRequired ? nil : rawValue }

    var message: String {
        switch self {
        case .insufficientFunds: "Your card has insufficient funds."
        case .genericDecline, .lostCard: "Your card was declined."
        case .expiredCard: "Your card has expired."
        case .authenticationRequired: "Your card was declined. This transaction requires authentication."
        case .processingError: "An error occurred while processing your card. Try again in a little bit."
        }
    }

    /// The code with hyphens, as the links to its page have it.
    var page: String { "https://stripe.com/docs/error-codes/\(String(code.map { $0 == "_" ? "-" : $0 }))" }
}

/// What happened to money after it was asked for: refunds, disputes and credit notes. Nearly every object has none, so
/// it is one reference; it never changes, a change makes a new one.
final class Aftermath: Sendable {
    struct Refund: Sendable {
        var createdSeconds: Int64
        var amount: Int64
        var reason: String?
        /// The number of the attempt whose charge it gives back.
        var attempt = 0
        var metadata: [(key: String, value: String)] = []
        var status = SandboxRefundStatus.succeeded
    }

    struct Dispute: Sendable {
        var createdSeconds: Int64
        var amount: Int64
        var reason = "fraudulent"
        var status = SandboxDisputeStatus.needsResponse
        var attempt = 0
    }

    struct CreditNote: Sendable {
        var createdSeconds: Int64
        var amount: Int64
        /// Issued after the invoice was paid.
        var isPostPayment: Bool
        /// The number of the refund that it came with.
        var refund: Int?
        var reason: String?
        var memo: String?
        var metadata: [(key: String, value: String)] = []
    }

    let refunds: [Refund]
    let disputes: [Dispute]
    let creditNotes: [CreditNote]

    init(refunds: [Refund] = [], disputes: [Dispute] = [], creditNotes: [CreditNote] = []) {
        self.refunds = refunds
        self.disputes = disputes
        self.creditNotes = creditNotes
    }

    /// When the last of it happened.
    var lastSeconds: Int64 {
        max(
            refunds.last?.createdSeconds ?? .min, disputes.last?.createdSeconds ?? .min,
            creditNotes.last?.createdSeconds ?? .min)
    }

    /// What had happened at that second.
    func asOf(_ seconds: Int64) -> Aftermath? {
        guard lastSeconds > seconds else { return self }
        let earlier = Aftermath(
            refunds: refunds.filter { $0.createdSeconds <= seconds },
            disputes: disputes.filter { $0.createdSeconds <= seconds },
            creditNotes: creditNotes.filter { $0.createdSeconds <= seconds })
        return earlier.lastSeconds == .min ? nil : earlier
    }

    /// What was given back of an attempt's charge. The money of a refund that failed came back.
    func refunded(attempt: Int) -> Int64 {
        refunds.reduce(0) { $0 + ($1.attempt == attempt && $1.status.stands ? $1.amount : 0) }
    }

    func credited(postPayment: Bool) -> Int64 {
        creditNotes.reduce(0) { $0 + ($1.isPostPayment == postPayment ? $1.amount : 0) }
    }
}

extension Aftermath? {
    var refunds: [Aftermath.Refund] { self?.refunds ?? [] }
    var disputes: [Aftermath.Dispute] { self?.disputes ?? [] }
    var creditNotes: [Aftermath.CreditNote] { self?.creditNotes ?? [] }

    func with(_ refund: Aftermath.Refund) -> Aftermath {
        Aftermath(refunds: refunds + [refund], disputes: disputes, creditNotes: creditNotes)
    }

    func with(refunds: [Aftermath.Refund]) -> Aftermath {
        Aftermath(refunds: refunds, disputes: disputes, creditNotes: creditNotes)
    }

    func with(disputes: [Aftermath.Dispute]) -> Aftermath {
        Aftermath(refunds: refunds, disputes: disputes, creditNotes: creditNotes)
    }

    func with(_ note: Aftermath.CreditNote) -> Aftermath {
        Aftermath(refunds: refunds, disputes: disputes, creditNotes: creditNotes + [note])
    }
}

/// The states of a refund (https://docs.stripe.com/api/refunds/object).
public enum SandboxRefundStatus: String, Sendable, CaseIterable {
    case pending, succeeded, failed, canceled
    case requiresAction = "requires_action"

    /// Whether the money is, or will be, given back.
    var stands: Bool { self != .failed && self != .canceled }
}

/// The states of a dispute (https://docs.stripe.com/api/disputes/object).
public enum SandboxDisputeStatus: String, Sendable, CaseIterable {
    case needsResponse = "needs_response"
    case underReview = "under_review"
    case won, lost
    /// An inquiry: no money has moved.
    case warningNeedsResponse = "warning_needs_response"
    /// An inquiry that came to nothing.
    case warningClosed = "warning_closed"
}
