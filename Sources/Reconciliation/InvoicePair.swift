/// What is compared of one invoice at Stripe. Times are Unix seconds, amounts minor units of `currency`.
public struct InvoiceFacts: Sendable, Hashable {
    public var id: String
    public var status: InvoiceStatus
    public var createdSeconds: Int64
    public var currency: String
    /// `total`: what was invoiced, with taxes and discounts.
    public var total: Int64
    /// What takes off `total` before it is paid: `pre_payment_credit_notes_amount`, and of an invoice that Stripe calls
    /// paid though it is paid in part, what was never paid.
    public var prePaymentCredit: Int64
    /// `post_payment_credit_notes_amount`: given back after payment.
    public var postPaymentCredit: Int64
    public var customer: String?
    public var dueSeconds: Int64?
    public var autoAdvance: Bool
    public var isSubscription: Bool
    /// `metadata.order_id`, as it stands there.
    public var orderID: String?
    /// `metadata.agency_id`, as it stands there.
    public var agencyID: String?
    public var paidAtSeconds: Int64?
    public var voidedAtSeconds: Int64?
    public var finalizedAtSeconds: Int64?
    /// The payment intent that pays it, where the API version says so (until 2025-03-31.basil).
    public var paymentIntent: String?

    public init(
        id: String, status: InvoiceStatus, createdSeconds: Int64, currency: String, total: Int64,
        prePaymentCredit: Int64 = 0, postPaymentCredit: Int64 = 0, customer: String? = nil, dueSeconds: Int64? = nil,
        autoAdvance: Bool = false, isSubscription: Bool = false, orderID: String? = nil, agencyID: String? = nil,
        paidAtSeconds: Int64? = nil, voidedAtSeconds: Int64? = nil, finalizedAtSeconds: Int64? = nil,
        paymentIntent: String? = nil
    ) {
        self.id = id
        self.status = status
        self.createdSeconds = createdSeconds
        self.currency = currency
        self.total = total
        self.prePaymentCredit = prePaymentCredit
        self.postPaymentCredit = postPaymentCredit
        self.customer = customer
        self.dueSeconds = dueSeconds
        self.autoAdvance = autoAdvance
        self.isSubscription = isSubscription
        self.orderID = orderID
        self.agencyID = agencyID
        self.paidAtSeconds = paidAtSeconds
        self.voidedAtSeconds = voidedAtSeconds
        self.finalizedAtSeconds = finalizedAtSeconds
        self.paymentIntent = paymentIntent
    }

    /// What the customer is asked for, and of a paid invoice what was settled of it, by money through Stripe, from the
    /// customer's credit balance, or elsewhere: `total` less ``prePaymentCredit``. `nil` if that leaves `Int64`.
    public var amount: Int64? {
        let (amount, overflow) = total.subtractingReportingOverflow(prePaymentCredit)
        return overflow ? nil : amount
    }

    /// A draft that nothing was put on: whoever made it stopped before the line, or is about to add it. It asks for
    /// nothing yet, so that its amount contradicts no order's; when nobody goes on, it becomes stale as any other.
    public var isEmptyDraft: Bool { status == .draft && amount == 0 }
}

/// What is compared of one local credit order (a row of `task_credit_stripe_invoice`).
public struct OrderFacts: Sendable, Hashable {
    public var rowID: Int64
    /// The Stripe id as the row has it, white space and all.
    public var invoiceID: String?
    public var agencyID: Int64
    public var credits: Int64
    public var amount: Int64
    public var currency: String
    public var paid: Bool
    public var isCancelled: Bool
    public var createdSeconds: Int64
    /// The agency's Stripe customer on this account, where the tables know it.
    public var customer: String?
    /// Trueup itself placed it for a caller, and it waits for its invoice.
    public var isPlacedHere: Bool

    public init(
        rowID: Int64, invoiceID: String?, agencyID: Int64, credits: Int64, amount: Int64, currency: String,
        paid: Bool = false, isCancelled: Bool = false, createdSeconds: Int64, customer: String? = nil,
        isPlacedHere: Bool = false
    ) {
        self.rowID = rowID
        self.invoiceID = invoiceID
        self.agencyID = agencyID
        self.credits = credits
        self.amount = amount
        self.currency = currency
        self.paid = paid
        self.isCancelled = isCancelled
        self.createdSeconds = createdSeconds
        self.customer = customer
        self.isPlacedHere = isPlacedHere
    }

    /// A row that is both paid and cancelled counts as paid: the credits were given.
    public var state: OrderState { paid ? .paid : isCancelled ? .cancelled : .open }
}

/// One invoice and what the local tables hold of it, brought together by the diff.
public struct InvoicePair: Sendable, Hashable {
    /// How the two sides found each other.
    public enum Link: String, Sendable, Hashable {
        /// The row carries exactly the invoice's id, or there is only one side.
        case exact
        /// The row's id differs from the invoice's by white space or letter case only.
        case lookalike
        /// The row has no Stripe id; the invoice's `metadata.order_id` names the row.
        case metadata
    }

    /// `nil`: Stripe answered 404 on a fresh read, or the row names no invoice at all.
    public var stripe: InvoiceFacts?
    public var order: OrderFacts?
    public var link: Link
    /// Further local rows that name this invoice by a lookalike of its id.
    public var otherRows: [Int64]
    /// How many draft, open or paid invoices carry this order's id in their metadata.
    public var liveInvoicesOfOrder: Int
    /// The row that `metadata.order_id` names is linked to this other invoice.
    public var orderLinkedTo: String?
    /// What was taken back of its payments.
    public var reversed: Reversed

    public init(
        stripe: InvoiceFacts?, order: OrderFacts?, link: Link = .exact, otherRows: [Int64] = [],
        liveInvoicesOfOrder: Int = 1, orderLinkedTo: String? = nil, reversed: Reversed = Reversed()
    ) {
        self.stripe = stripe
        self.order = order
        self.link = link
        self.otherRows = otherRows
        self.liveInvoicesOfOrder = liveInvoicesOfOrder
        self.orderLinkedTo = orderLinkedTo
        self.reversed = reversed
    }
}
