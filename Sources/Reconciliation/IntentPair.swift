/// What is compared of one payment intent at Stripe. Times are Unix seconds, amounts minor units of `currency`.
public struct IntentFacts: Sendable, Hashable {
    public var id: String
    public var status: IntentStatus
    public var createdSeconds: Int64
    public var currency: String
    /// What the intent asks for.
    public var amount: Int64
    /// What has arrived.
    public var amountReceived: Int64
    public var customer: String?
    /// The invoice that it pays. Before 2025-03-31.basil a field of the intent, later found through
    /// `/v1/invoice_payments`; `nil` also where nobody has asked.
    public var invoiceID: String?
    /// The charge of the last attempt; `nil` while it was never confirmed.
    public var latestCharge: String?
    /// `last_payment_error` is there: the last attempt to take the money failed.
    public var hasFailed: Bool
    /// A Checkout session made it. `nil` where nobody has asked.
    public var hasCheckoutSession: Bool?
    /// `metadata.charge_id`, as it stands there.
    public var chargeID: String?
    /// `metadata.agency_id`, as it stands there.
    public var agencyID: String?
    /// `metadata.order_id`, as it stands there.
    public var orderID: String?
    public var canceledAtSeconds: Int64?
    /// When the latest charge was made, where it was read with the intent.
    public var chargedAtSeconds: Int64?

    public init(
        id: String, status: IntentStatus, createdSeconds: Int64, currency: String, amount: Int64,
        amountReceived: Int64 = 0, customer: String? = nil, invoiceID: String? = nil, latestCharge: String? = nil,
        hasFailed: Bool = false, hasCheckoutSession: Bool? = nil, chargeID: String? = nil, agencyID: String? = nil,
        orderID: String? = nil, canceledAtSeconds: Int64? = nil, chargedAtSeconds: Int64? = nil
    ) {
        self.id = id
        self.status = status
        self.createdSeconds = createdSeconds
        self.currency = currency
        self.amount = amount
        self.amountReceived = amountReceived
        self.customer = customer
        self.invoiceID = invoiceID
        self.latestCharge = latestCharge
        self.hasFailed = hasFailed
        self.hasCheckoutSession = hasCheckoutSession
        self.chargeID = chargeID
        self.agencyID = agencyID
        self.orderID = orderID
        self.canceledAtSeconds = canceledAtSeconds
        self.chargedAtSeconds = chargedAtSeconds
    }

    /// Nobody has ever tried to take the money: it still waits for a payment method or for its first confirmation.
    public var wasNeverConfirmed: Bool {
        (status == .requiresPaymentMethod || status == .requiresConfirmation) && latestCharge == nil && !hasFailed
    }
}

/// What is compared of one local charge (a row of `agency_charge`).
public struct ChargeFacts: Sendable, Hashable {
    public var rowID: Int64
    /// The Stripe id as the row has it, white space and all.
    public var intentID: String?
    public var agencyID: Int64
    public var amount: Int64
    public var currency: String
    public var status: ChargeStatus
    public var createdSeconds: Int64
    /// The agency's Stripe customer on this account, where the tables know it.
    public var customer: String?

    public init(
        rowID: Int64, intentID: String?, agencyID: Int64, amount: Int64, currency: String, status: ChargeStatus,
        createdSeconds: Int64, customer: String? = nil
    ) {
        self.rowID = rowID
        self.intentID = intentID
        self.agencyID = agencyID
        self.amount = amount
        self.currency = currency
        self.status = status
        self.createdSeconds = createdSeconds
        self.customer = customer
    }
}

/// Where a local charge stands.
public enum ChargeStatus: Sendable, Hashable {
    case pending, succeeded, failed, canceled
    /// A word that this version does not know.
    case unknown(String)

    public init(_ word: String) {
        self =
            switch word {
            case "pending": .pending
            case "succeeded": .succeeded
            case "failed": .failed
            case "canceled": .canceled
            default: .unknown(word)
            }
    }

    public var word: String {
        switch self {
        case .pending: "pending"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .canceled: "canceled"
        case .unknown(let word): word
        }
    }
}

/// One payment intent and what the local tables hold of it, brought together by the diff.
public struct IntentPair: Sendable, Hashable {
    /// `nil`: Stripe answered 404 on a fresh read, or the row names no intent at all.
    public var stripe: IntentFacts?
    public var charge: ChargeFacts?
    public var link: InvoicePair.Link
    /// Further local rows that name this intent by a lookalike of its id.
    public var otherRows: [Int64]
    /// How many intents that are not canceled carry this charge's id in their metadata.
    public var liveIntentsOfCharge: Int
    /// The row that `metadata.charge_id` names is linked to this other intent.
    public var chargeLinkedTo: String?
    public var reversed: Reversed

    public init(
        stripe: IntentFacts?, charge: ChargeFacts?, link: InvoicePair.Link = .exact, otherRows: [Int64] = [],
        liveIntentsOfCharge: Int = 1, chargeLinkedTo: String? = nil, reversed: Reversed = Reversed()
    ) {
        self.stripe = stripe
        self.charge = charge
        self.link = link
        self.otherRows = otherRows
        self.liveIntentsOfCharge = liveIntentsOfCharge
        self.chargeLinkedTo = chargeLinkedTo
        self.reversed = reversed
    }
}

/// What was taken back of a payment, in minor units of the payment's currency.
public struct Reversed: Sendable, Hashable {
    /// Refunds that are neither failed nor canceled.
    public var refunded: Int64
    /// Disputes that are neither won nor withdrawn.
    public var disputed: Int64
    /// The payment paid other invoices too: how much of what was taken back was this one's is not known.
    public var isShared: Bool
    /// Money came in by something of which Stripe lists neither refunds nor disputes: whether it was taken back, nobody
    /// can be asked.
    public var isUnlisted: Bool

    public init(refunded: Int64 = 0, disputed: Int64 = 0, isShared: Bool = false, isUnlisted: Bool = false) {
        self.refunded = refunded
        self.disputed = disputed
        self.isShared = isShared
        self.isUnlisted = isUnlisted
    }
}
