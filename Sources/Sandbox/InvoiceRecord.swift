/// The states of an invoice (https://docs.stripe.com/invoicing/overview#invoice-statuses).
public enum SandboxInvoiceStatus: String, Sendable, CaseIterable {
    case draft, open, paid, void, uncollectible

    var word: StaticString {
        switch self {
        case .draft: "draft"
        case .open: "open"
        case .paid: "paid"
        case .void: "void"
        case .uncollectible: "uncollectible"
        }
    }
}

/// Everything that one answer says of an invoice. Generated objects are values without a heap allocation; only an
/// object with words of its own carries them in `words`.
struct InvoiceRecord: Sendable {
    /// What the words of a generated invoice are about.
    enum Theme: Sendable {
        case plain
        /// A credit order: the ids in the metadata and the number of credits.
        case order(id: Int64, agency: Int64, member: Int64, credits: Int64)
        /// What an agency owes for other services: its id is in the metadata.
        case agency(id: Int64)
    }

    var index: Int64
    /// The seed of everything about this invoice that no field says.
    var hash: UInt64
    var createdSeconds: Int64
    var status: SandboxInvoiceStatus = .draft
    var finalizedSeconds: Int64?
    var paidSeconds: Int64?
    var voidedSeconds: Int64?
    var uncollectibleSeconds: Int64?
    var dueSeconds: Int64?
    var currency: Currency = .usd
    var subtotal: Int64 = 0
    var taxPercent: Int64 = 0
    var amountPaid: Int64 = 0
    var prePaymentCredit: Int64 = 0
    var postPaymentCredit: Int64 = 0
    /// The index of the customer; `-1` for none.
    var customer: Int64 = -1
    /// The index of the subscription; `-1` for a one-off invoice.
    var subscription: Int64 = -1
    var autoAdvance = false
    var sendsInvoice = true
    var paidOutOfBand = false
    var means = PaymentMeans.intent
    /// A payment intent that paid other invoices too paid it.
    var sharedPayment: SharedPayment?
    var attempted = false
    var attemptCount: Int64 = 0
    var lineCount = 1
    var theme: Theme = .plain
    var words: InvoiceWords?
    /// The status as a later version of the API might call it.
    var strangeStatus: String?
    /// Its deletion is refused, whatever its state.
    var cannotBeDeleted = false
    /// No list shows it.
    var isLeftOut = false
    /// Credit notes, and the refunds and disputes of its charge.
    var aftermath: Aftermath?

    var isOneOff: Bool { subscription < 0 }
    var tax: Int64 { taxed(subtotal) }
    var total: Int64 { subtotal + tax }
    var amountDue: Int64 { total - prePaymentCredit }
    var amountRemaining: Int64 { amountDue - amountPaid }

    /// The tax on an amount, rounded half up.
    func taxed(_ amount: Int64) -> Int64 { taxPercent == 0 ? 0 : (amount * taxPercent + 50) / 100 }
}

/// What an invoice was paid by.
enum PaymentMeans: Sendable {
    /// The payment intent that it got when it was finalized, or another one.
    case intent
    /// A charge that no payment intent made, as before there were any.
    case charge
    /// A payment elsewhere that somebody recorded at Stripe (https://docs.stripe.com/api/payment-record).
    case record
}

/// A payment intent of its own that paid several invoices, and was made to: its one charge is of the same second.
struct SharedPayment: Sendable {
    /// The index of the intent.
    var intent: Int64
    /// When it was made, which is part of its id.
    var createdSeconds: Int64
}

/// The words and lines of an invoice that somebody wrote through the API.
struct InvoiceWords: Sendable {
    struct Line: Sendable {
        /// The index of the invoice item behind the line.
        var item: Int64
        var amount: Int64
        var quantity: Int64
        var unitAmount: Int64
        var description: String?
        var metadata: [(key: String, value: String)]
        var createdSeconds: Int64
    }

    var metadata: [(key: String, value: String)] = []
    var description: String?
    var footer: String?
    /// `nil`: the lines are the generated ones.
    var lines: [Line]?
}

extension InvoiceRecord {
    /// How far an invoice had come.
    enum Stage { case draft, open, final }

    /// The invoice as it stood at that second: what happened later is taken back.
    func asOf(_ seconds: Int64) -> InvoiceRecord {
        let last = [paidSeconds, voidedSeconds, uncollectibleSeconds].compactMap(\.self).max()
        if let finalizedSeconds, finalizedSeconds > seconds { return at(.draft) }
        if let last, last > seconds { return at(.open) }
        guard let aftermath, aftermath.lastSeconds > seconds else { return self }
        var earlier = self
        earlier.aftermath = aftermath.asOf(seconds)
        earlier.postPaymentCredit = earlier.aftermath?.credited(postPayment: true) ?? 0
        return earlier
    }

    /// The invoice as it stood after it had reached this stage and before the next.
    func at(_ stage: Stage) -> InvoiceRecord {
        guard stage != .final, status != .draft else { return self }
        var earlier = self
        earlier.status = stage == .draft ? .draft : .open
        earlier.paidSeconds = nil
        earlier.voidedSeconds = nil
        earlier.uncollectibleSeconds = nil
        earlier.amountPaid = 0
        earlier.postPaymentCredit = 0
        earlier.aftermath = nil
        earlier.attempted = false
        earlier.attemptCount = 0
        earlier.paidOutOfBand = false
        earlier.means = .intent
        earlier.sharedPayment = nil
        if stage == .draft {
            earlier.finalizedSeconds = nil
            earlier.prePaymentCredit = 0
        }
        return earlier
    }
}
