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
    /// Paid, and nothing of it contradicts that.
    public var isPaidInFull: Bool { status == .paid && amountRemaining <= 0 && amountPaid >= amountDue }

    /// What takes off `total` before it is paid, minor units; the one definition for webhooks and runs. Credit notes
    /// issued before payment, and of a paid invoice what was never paid of it all the same: Stripe can call one paid
    /// of which less came in than was due (`forgive` of https://docs.stripe.com/api/invoices/pay). So an invoice that
    /// is paid in part contradicts an order for the whole.
    ///
    /// One that is marked as paid elsewhere, with nothing paid through Stripe, and one that the customer's credit
    /// balance pays (`amount_due` is then less than `total`) are paid whole.
    /// - Parameters:
    ///   - credit: `pre_payment_credit_notes_amount`.
    ///   - due: `amount_due`.
    ///   - paid: `amount_paid`.
    ///   - remaining: `amount_remaining`.
    ///   - isPaid: whether its status is `paid`.
    /// - Returns: held within `Int64`.
    public static func takenOff(
        credit: Int64, due: Int64, paid: Int64, remaining: Int64, isPaid: Bool
    ) -> Int64 {
        guard isPaid, paid > 0, remaining > 0 || paid < due else { return credit }
        // Where the two contradict each other, the larger one counts. What is less than `due` is subtracted safely.
        let missing = max(remaining, paid < due ? due - paid : 0)
        let (sum, overflow) = credit.addingReportingOverflow(missing)
        return overflow ? .max : sum
    }

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
    /// What of that came in outside of Stripe, as far as the version says so.
    public var amountPaidElsewhere: Int64
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

    /// All fields, for those who make one themselves.
    public init(
        id: String, createdSeconds: Int64, livemode: Bool, status: InvoiceStatus, currency: String, total: Int64,
        amountDue: Int64, amountPaid: Int64, amountPaidElsewhere: Int64 = 0, amountRemaining: Int64,
        prePaymentCreditNotesAmount: Int64, postPaymentCreditNotesAmount: Int64, customer: String? = nil,
        dueDateSeconds: Int64? = nil, autoAdvance: Bool? = nil, collectionMethod: String? = nil,
        billingReason: String? = nil, subscription: String? = nil, number: String? = nil,
        hostedInvoiceURL: String? = nil, paymentIntent: String? = nil, charge: String? = nil,
        finalizedSeconds: Int64? = nil, paidSeconds: Int64? = nil, voidedSeconds: Int64? = nil,
        markedUncollectibleSeconds: Int64? = nil, metadata: OrderMetadata = OrderMetadata()
    ) {
        self.id = id
        self.createdSeconds = createdSeconds
        self.livemode = livemode
        self.status = status
        self.currency = currency
        self.total = total
        self.amountDue = amountDue
        self.amountPaid = amountPaid
        self.amountPaidElsewhere = amountPaidElsewhere
        self.amountRemaining = amountRemaining
        self.prePaymentCreditNotesAmount = prePaymentCreditNotesAmount
        self.postPaymentCreditNotesAmount = postPaymentCreditNotesAmount
        self.customer = customer
        self.dueDateSeconds = dueDateSeconds
        self.autoAdvance = autoAdvance
        self.collectionMethod = collectionMethod
        self.billingReason = billingReason
        self.subscription = subscription
        self.number = number
        self.hostedInvoiceURL = hostedInvoiceURL
        self.paymentIntent = paymentIntent
        self.charge = charge
        self.finalizedSeconds = finalizedSeconds
        self.paidSeconds = paidSeconds
        self.voidedSeconds = voidedSeconds
        self.markedUncollectibleSeconds = markedUncollectibleSeconds
        self.metadata = metadata
    }
}
