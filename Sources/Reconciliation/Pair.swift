/// An object at Stripe and what the local tables hold of it: one of the comparisons that there are.
///
/// Its properties are not inlined: unfolded into loops of other modules, they break the optimizer of Swift 6.3.
public enum Pair: Sendable, Hashable {
    /// An invoice and a credit order.
    case order(InvoicePair)
    /// A payment intent and a charge.
    case charge(IntentPair)
    /// A finalized invoice and its notice.
    case notice(NoticePair)
    /// A payment intent and who explains it.
    case payment(PaymentPair)

    /// Empty where Stripe has nothing and the row names nothing.
    @inline(never)
    public var stripeID: String {
        switch self {
        case .order(let pair): pair.stripe?.id ?? pair.order?.invoiceID ?? ""
        case .charge(let pair): pair.stripe?.id ?? pair.charge?.intentID ?? ""
        case .notice(let pair): pair.stripe.id
        case .payment(let pair): pair.stripe.id
        }
    }

    /// The key of the local row that an effect would change.
    @inline(never)
    public var rowKey: Int64? {
        switch self {
        case .order(let pair): pair.order?.rowID
        case .charge(let pair): pair.charge?.rowID
        case .notice, .payment: nil
        }
    }

    /// Empty where the tables have nothing.
    @inline(never)
    public var localID: String {
        switch self {
        case .order, .charge: rowKey.map(String.init) ?? ""
        case .notice: ""
        case .payment(let pair): pair.localID ?? ""
        }
    }

    /// Stripe's side as it was read, `nil` where it does not exist.
    @inline(never)
    public var existingStripeID: String? {
        switch self {
        case .order(let pair): pair.stripe?.id
        case .charge(let pair): pair.stripe?.id
        case .notice(let pair): pair.stripe.id
        case .payment(let pair): pair.stripe.id
        }
    }

    /// Whether Stripe's side is in a status that it never leaves.
    @inline(never)
    public var isTerminal: Bool {
        switch self {
        case .order(let pair): pair.stripe?.status.isTerminal ?? false
        case .charge(let pair): pair.stripe?.status.isTerminal ?? false
        case .notice(let pair): pair.stripe.status.isTerminal
        case .payment(let pair): pair.stripe.status.isTerminal
        }
    }

    /// The word of Stripe's status; `absent` where there is nothing.
    @inline(never)
    public var stripeStatus: String {
        switch self {
        case .order(let pair): pair.stripe?.status.word ?? "absent"
        case .charge(let pair): pair.stripe?.status.word ?? "absent"
        case .notice(let pair): pair.stripe.status.word
        case .payment(let pair): pair.stripe.status.word
        }
    }

    /// The word of the local state; `absent` where there is nothing.
    @inline(never)
    public var localState: String {
        switch self {
        case .order(let pair): pair.order?.state.rawValue ?? "absent"
        case .charge(let pair): pair.charge?.status.word ?? "absent"
        case .notice(let pair): pair.isNoticed ? "noticed" : "absent"
        case .payment(let pair): pair.order?.state.rawValue ?? (pair.localID == nil ? "absent" : "known")
        }
    }

    /// When it was made, on the side that was first: where it stands in a list.
    @inline(never)
    public var createdSeconds: Int64 {
        switch self {
        case .order(let pair): pair.order?.createdSeconds ?? pair.stripe?.createdSeconds ?? 0
        case .charge(let pair): pair.charge?.createdSeconds ?? pair.stripe?.createdSeconds ?? 0
        case .notice(let pair): pair.stripe.createdSeconds
        case .payment(let pair): pair.stripe.createdSeconds
        }
    }

    /// Minor units; `nil` where there is nothing, or out of range.
    @inline(never)
    public var stripeAmount: Int64? {
        switch self {
        case .order(let pair): pair.stripe?.amount
        case .charge(let pair): pair.stripe?.amount
        case .notice(let pair): pair.stripe.amount
        case .payment(let pair): pair.stripe.amount
        }
    }

    /// Minor units.
    @inline(never)
    public var localAmount: Int64? {
        switch self {
        case .order(let pair): pair.order?.amount
        case .charge(let pair): pair.charge?.amount
        case .notice: nil
        case .payment(let pair): pair.order?.amount
        }
    }

    /// Lower-case ISO 4217.
    @inline(never)
    public var currency: String? {
        switch self {
        case .order(let pair): pair.stripe?.currency ?? pair.order?.currency
        case .charge(let pair): pair.stripe?.currency ?? pair.charge?.currency
        case .notice(let pair): pair.stripe.currency
        case .payment(let pair): pair.stripe.currency
        }
    }

    /// The local row's own, in its letters.
    @inline(never)
    public var localCurrency: String? {
        switch self {
        case .order(let pair): pair.order?.currency
        case .charge(let pair): pair.charge?.currency
        case .notice: nil
        case .payment(let pair): pair.order?.currency
        }
    }

    /// The credits of the order.
    @inline(never)
    public var credits: Int64? {
        switch self {
        case .order(let pair): pair.order?.credits
        case .payment(let pair): pair.order?.credits
        case .charge, .notice: nil
        }
    }

    /// The agency that it is about, where the tables say so.
    @inline(never)
    public var agencyID: Int64? {
        switch self {
        case .order(let pair): pair.order?.agencyID
        case .charge(let pair): pair.charge?.agencyID
        case .notice(let pair): pair.agencyID
        case .payment(let pair): pair.order?.agencyID
        }
    }

    /// What a local row is called.
    @inline(never)
    public var localNoun: String {
        switch self {
        case .order: "order"
        case .charge: "charge"
        case .notice: "notice"
        case .payment(let pair): pair.explains == .order ? "order" : "customer"
        }
    }

    /// What the object at Stripe is called.
    @inline(never)
    public var stripeNoun: String {
        switch self {
        case .order, .notice: "invoice"
        case .charge, .payment: "payment intent"
        }
    }

    /// The same pair, whose object names the row in its metadata.
    @inline(never)
    public var asNamedByMetadata: Pair {
        switch self {
        case .order(var pair):
            pair.link = .metadata
            return .order(pair)
        case .charge(var pair):
            pair.link = .metadata
            return .charge(pair)
        case .notice, .payment: return self
        }
    }

    /// The same pair with an id that only looks like one.
    @inline(never)
    public var asLookalike: Pair {
        switch self {
        case .order(var pair):
            pair.link = .lookalike
            return .order(pair)
        case .charge(var pair):
            pair.link = .lookalike
            return .charge(pair)
        case .notice, .payment: return self
        }
    }
}

extension Pair {
    /// Whether only a fresh read of the object decides over a finding of this kind, because its fact can still change,
    /// or because the list does not show all of it: whether an intent belongs to an invoice or a Checkout session.
    @inline(never)
    public func needsFreshRead(for kind: FindingKind) -> Bool {
        switch self {
        case .order, .notice: kind.needsFreshRead && !isTerminal
        case .charge, .payment:
            kind == .missingLocally || kind == .staleIntent || kind == .missedSucceeded
                || (kind.needsFreshRead && !isTerminal)
        }
    }
}
