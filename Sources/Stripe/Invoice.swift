/// State of an invoice. See https://docs.stripe.com/invoicing/overview
public enum InvoiceStatus: Sendable, Hashable {
    case draft
    case open
    case paid
    case uncollectible
    case void
    /// A word that this version does not know, as Stripe wrote it. It must not be taken for any of the others.
    case unknown(String)

    public init(_ text: String) {
        self = Self.known.first { $0.text == text } ?? .unknown(text)
    }

    public var text: String {
        switch self {
        case .draft: "draft"
        case .open: "open"
        case .paid: "paid"
        case .uncollectible: "uncollectible"
        case .void: "void"
        case .unknown(let text): text
        }
    }

    private static let known: [InvoiceStatus] = [.draft, .open, .paid, .uncollectible, .void]
}

/// The metadata that Task Health's orders and charges carry, as it is: white space and empty text included.
public struct OrderMetadata: Sendable, Hashable {
    public var orderID: String?
    public var agencyID: String?
    public var agencyMemberID: String?
    public var chargeID: String?

    public init(
        orderID: String? = nil, agencyID: String? = nil, agencyMemberID: String? = nil, chargeID: String? = nil
    ) {
        self.orderID = orderID
        self.agencyID = agencyID
        self.agencyMemberID = agencyMemberID
        self.chargeID = chargeID
    }
}

/// An invoice, the same for every API version. See https://docs.stripe.com/api/invoices/object
public struct Invoice: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    public var status: InvoiceStatus
    /// Three letters, lower case.
    public var currency: String
    /// Amounts are in the currency's minor units.
    public var total: Int64
    public var amountDue: Int64
    public var amountPaid: Int64
    public var amountRemaining: Int64
    public var prePaymentCreditNotesAmount: Int64
    public var postPaymentCreditNotesAmount: Int64
    /// cus_…, also when Stripe sent the customer whole.
    public var customer: String?
    public var dueDateSeconds: Int64?
    /// Whether Stripe goes on by itself: finalizes a draft, collects.
    public var autoAdvance: Bool?
    public var collectionMethod: String?
    public var billingReason: String?
    public var subscription: String?
    public var number: String?
    public var hostedInvoiceURL: String?
    /// Since 2025-03-31.basil only when `payments` was expanded; then of the first payment.
    public var paymentIntent: String?
    public var charge: String?
    public var finalizedSeconds: Int64?
    public var paidSeconds: Int64?
    public var voidedSeconds: Int64?
    public var markedUncollectibleSeconds: Int64?
    public var metadata: OrderMetadata
}
