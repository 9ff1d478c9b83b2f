/// State of a credit note. See https://docs.stripe.com/api/credit_notes/object
public enum CreditNoteStatus: Sendable, Hashable {
    case issued
    case void
    /// A word that this version does not know, as Stripe wrote it.
    case unknown(String)

    public init(_ text: String) {
        self =
            switch text {
            case "issued": .issued
            case "void": .void
            default: .unknown(text)
            }
    }

    public var text: String {
        switch self {
        case .issued: "issued"
        case .void: "void"
        case .unknown(let text): text
        }
    }
}

/// Whether a credit note took off what was asked for, or gave back what was paid.
public enum CreditNoteType: Sendable, Hashable {
    case prePayment
    case postPayment
    /// Both. Since 2025-03-31.basil.
    case mixed
    /// A word that this version does not know, as Stripe wrote it.
    case unknown(String)

    public init(_ text: String) {
        self =
            switch text {
            case "pre_payment": .prePayment
            case "post_payment": .postPayment
            case "mixed": .mixed
            default: .unknown(text)
            }
    }

    public var text: String {
        switch self {
        case .prePayment: "pre_payment"
        case .postPayment: "post_payment"
        case .mixed: "mixed"
        case .unknown(let text): text
        }
    }
}

/// What was taken off an invoice after it was finalized. See https://docs.stripe.com/api/credit_notes/object
public struct CreditNote: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    /// With taxes, in the currency's minor units.
    public var amount: Int64
    /// With taxes and discounts, in the currency's minor units.
    public var total: Int64
    /// Three letters, lower case.
    public var currency: String
    public var status: CreditNoteStatus
    public var type: CreditNoteType
    public var invoice: String
    /// The parts of the amount; `nil` before 2025-03-31.basil, where the type says which of both it is.
    public var prePaymentAmount: Int64?
    public var postPaymentAmount: Int64?
    public var reason: String?

    /// Whether it counts: it was not voided.
    public var stands: Bool { status != .void }

    /// What of it concerns money that had been paid, in minor units, in every version.
    public var creditedAfterPayment: Int64 {
        if let postPaymentAmount { return postPaymentAmount }
        // A type that nobody knows is not taken for harmless.
        return type == .prePayment ? 0 : total
    }

    /// All fields, for those who make one themselves.
    public init(
        id: String, createdSeconds: Int64, livemode: Bool, amount: Int64, total: Int64, currency: String,
        status: CreditNoteStatus, type: CreditNoteType, invoice: String, prePaymentAmount: Int64? = nil,
        postPaymentAmount: Int64? = nil, reason: String? = nil
    ) {
        self.id = id
        self.createdSeconds = createdSeconds
        self.livemode = livemode
        self.amount = amount
        self.total = total
        self.currency = currency
        self.status = status
        self.type = type
        self.invoice = invoice
        self.prePaymentAmount = prePaymentAmount
        self.postPaymentAmount = postPaymentAmount
        self.reason = reason
    }
}
