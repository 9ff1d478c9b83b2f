/// State of a dispute. See https://docs.stripe.com/api/disputes/object
public enum DisputeStatus: Sendable, Hashable {
    /// An inquiry: no money has moved yet.
    case warningNeedsResponse
    case warningUnderReview
    /// An inquiry that came to nothing.
    case warningClosed
    case needsResponse
    case underReview
    case won
    case lost
    /// Since 2025-09-30.clover: settled before it became one.
    case prevented
    /// Since 2026-10-28.endive.
    case appealNeedsResponse
    case appealUnderReview
    /// A word that this version does not know, as Stripe wrote it.
    case unknown(String)

    public init(_ text: String) {
        self = Self.known.first { $0.text == text } ?? .unknown(text)
    }

    public var text: String {
        switch self {
        case .warningNeedsResponse: "warning_needs_response"
        case .warningUnderReview: "warning_under_review"
        case .warningClosed: "warning_closed"
        case .needsResponse: "needs_response"
        case .underReview: "under_review"
        case .won: "won"
        case .lost: "lost"
        case .prevented: "prevented"
        case .appealNeedsResponse: "appeal_needs_response"
        case .appealUnderReview: "appeal_under_review"
        case .unknown(let text): text
        }
    }

    private static let known: [DisputeStatus] = [
        .warningNeedsResponse, .warningUnderReview, .warningClosed, .needsResponse, .underReview, .won, .lost,
        .prevented, .appealNeedsResponse, .appealUnderReview,
    ]
}

/// A charge that the cardholder questions. See https://docs.stripe.com/api/disputes/object
public struct Dispute: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    /// What is questioned, in the currency's minor units.
    public var amount: Int64
    /// Three letters, lower case.
    public var currency: String
    public var status: DisputeStatus
    public var paymentIntent: String?
    public var charge: String?
    /// The charge came in full, not as an id alone: where it names no invoice, it paid none.
    public var isChargeShown: Bool
    /// What the charge paid, where the charge was asked for in full (`StripeClient.disputes(_:namingInvoices:)`) and
    /// names an invoice.
    public var invoice: String?
    /// For example fraudulent.
    public var reason: String?

    /// Whether somebody still questions the payment or has taken it back: it was neither won nor given up.
    public var stands: Bool { status != .won && status != .warningClosed && status != .prevented }

    /// All fields, for those who make one themselves.
    public init(
        id: String, createdSeconds: Int64, livemode: Bool, amount: Int64, currency: String, status: DisputeStatus,
        paymentIntent: String? = nil, charge: String? = nil, isChargeShown: Bool = false, invoice: String? = nil,
        reason: String? = nil
    ) {
        self.id = id
        self.createdSeconds = createdSeconds
        self.livemode = livemode
        self.amount = amount
        self.currency = currency
        self.status = status
        self.paymentIntent = paymentIntent
        self.charge = charge
        self.isChargeShown = isChargeShown
        self.invoice = invoice
        self.reason = reason
    }
}
