/// What money came by: a payment intent, or a charge that was made without one, as before there were any.
public enum PaymentSource: Sendable, Hashable {
    case intent(String)
    case charge(String)

    /// What narrows the lists of refunds and disputes to those of it.
    public var filter: (String, String) {
        switch self {
        case .intent(let id): ("payment_intent", id)
        case .charge(let id): ("charge", id)
        }
    }
}

/// What paid an invoice, or is to pay it.
public struct InvoiceSources: Sendable, Hashable {
    /// Each once. None of a draft, more than one where the invoice was paid in parts or twice.
    public var sources: [PaymentSource]
    /// Money came in by something else, of which Stripe lists neither refunds nor disputes: a payment record, or
    /// something that no payment of the invoice shows.
    public var isUnlisted: Bool

    public init(_ sources: [PaymentSource] = [], isUnlisted: Bool = false) {
        self.sources = sources
        self.isUnlisted = isUnlisted
    }

    /// What an invoice itself names, until 2025-03-31.basil. A charge that it names beside an intent is the intent's.
    init(namedBy invoice: Invoice) {
        let source = invoice.paymentIntent.map(PaymentSource.intent) ?? invoice.charge.map(PaymentSource.charge)
        self.init(source.map { [$0] } ?? [], isUnlisted: source == nil && invoice.wasPaidAtStripe)
    }

    /// What the payments of an invoice say, since then.
    init(_ payments: [InvoicePayment], of invoice: Invoice?) {
        self.init()
        for payment in payments {
            if let source = payment.source {
                if !sources.contains(source) { sources.append(source) }
            } else if payment.isPaid {
                isUnlisted = true
            }
        }
        if payments.isEmpty, let invoice { isUnlisted = invoice.wasPaidAtStripe }
    }
}

extension InvoicePayment {
    /// Money came in by it. A status that nobody knows is not taken for harmless.
    public var isPaid: Bool { status != .open && status != .canceled }

    /// What it is made by; `nil` for a payment record, and where Stripe does not say.
    public var source: PaymentSource? {
        paymentIntent.map(PaymentSource.intent) ?? charge.map(PaymentSource.charge)
    }
}

extension Invoice {
    /// Money came in for it, and not all of it elsewhere.
    fileprivate var wasPaidAtStripe: Bool { status == .paid && amountPaid > amountPaidElsewhere }
}
