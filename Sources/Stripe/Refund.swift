/// State of a refund. See https://docs.stripe.com/refunds
public enum RefundStatus: Sendable, Hashable {
    case pending
    case requiresAction
    case succeeded
    case failed
    case canceled
    /// A word that this version does not know, as Stripe wrote it.
    case unknown(String)

    public init(_ text: String) {
        self = Self.known.first { $0.text == text } ?? .unknown(text)
    }

    public var text: String {
        switch self {
        case .pending: "pending"
        case .requiresAction: "requires_action"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .canceled: "canceled"
        case .unknown(let text): text
        }
    }

    private static let known: [RefundStatus] = [.pending, .requiresAction, .succeeded, .failed, .canceled]
}

/// Money that was given back of a charge. See https://docs.stripe.com/api/refunds/object
///
/// A refund says nothing of its mode: Stripe gives it no `livemode`.
public struct Refund: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    /// In the currency's minor units.
    public var amount: Int64
    /// Three letters, lower case.
    public var currency: String
    /// `nil` where Stripe gives none.
    public var status: RefundStatus?
    public var paymentIntent: String?
    public var charge: String?
    /// The charge came in full, not as an id alone: where it names no invoice, it paid none.
    public var isChargeShown: Bool
    /// What the charge paid, where the charge was asked for in full (`StripeClient.refunds(_:namingInvoices:)`) and
    /// names an invoice.
    public var invoice: String?
    /// For example requested_by_customer.
    public var reason: String?

    /// Whether the money is, or will be, given back: it has neither failed nor been canceled.
    public var stands: Bool { status != .failed && status != .canceled }

    /// All fields, for those who make one themselves.
    public init(
        id: String, createdSeconds: Int64, amount: Int64, currency: String, status: RefundStatus? = nil,
        paymentIntent: String? = nil, charge: String? = nil, isChargeShown: Bool = false,
        invoice: String? = nil, reason: String? = nil
    ) {
        self.id = id
        self.createdSeconds = createdSeconds
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
