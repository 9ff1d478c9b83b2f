/// A deviation that is planted on purpose into a ``CreditHistory``: every cell of the invoice table that is not
/// “agree”, and everything that outranks it. The raw values are stable.
public enum Plant: String, Sendable, CaseIterable, Hashable {
    // One cell of the table each: the state in Stripe, then the local state.
    case draftYoungPaid = "draft_young_paid"
    case draftYoungAbsent = "draft_young_absent"
    case draftStaleOpen = "draft_stale_open"
    case draftStalePaid = "draft_stale_paid"
    case draftStaleCancelled = "draft_stale_cancelled"
    case draftStaleAbsent = "draft_stale_absent"
    case openPaid = "open_paid"
    case openCancelled = "open_cancelled"
    case openAbsent = "open_absent"
    /// Both sides say open, and it is past its due date.
    case openOverdue = "open_overdue"
    case paidOpen = "paid_open"
    /// Created before the look-back period, paid a few days ago.
    case paidOpenOld = "paid_open_old"
    case paidCancelled = "paid_cancelled"
    case paidAbsent = "paid_absent"
    case voidOpen = "void_open"
    /// Created before the look-back period, voided a few days ago.
    case voidOpenOld = "void_open_old"
    case voidPaid = "void_paid"
    case uncollectibleOpen = "uncollectible_open"
    case uncollectiblePaid = "uncollectible_paid"
    /// The draft was deleted in Stripe.
    case absentOpen = "absent_open"
    case absentPaid = "absent_paid"
    // What outranks the table.
    /// A second local row has the same invoice id but for white space at the end or the case of its letters.
    case duplicateLocal = "duplicate_local"
    /// A second invoice carries the same order id.
    case duplicateInStripe = "duplicate_in_stripe"
    case currencyMismatch = "currency_mismatch"
    case amountMismatch = "amount_mismatch"
    /// The invoice has a tax on top of the order's amount.
    case amountMismatchTax = "amount_mismatch_tax"
    /// A credit note before payment took off half of the order's amount.
    case amountMismatchPartial = "amount_mismatch_partial"
    case customerMismatch = "customer_mismatch"
    /// A credit note was issued after payment.
    case credited
    /// The metadata names an agency other than the row's.
    case orderMismatch = "order_mismatch"
    /// The customer's bank took the money back after payment.
    case disputed
    /// The money was given back after payment.
    case refunded
    /// The row's only fault is white space or letter case in its invoice id.
    case malformedID = "malformed_id"
    /// The row has no invoice id, and an invoice's metadata names the row.
    case unlinkedLinkable = "unlinked_linkable"
    /// The row has no invoice id, and no invoice names it.
    case unlinkedOrphan = "unlinked_orphan"
    // What only looks wrong.
    /// A draft older than `stale_after` that Stripe will finalize by itself: it agrees.
    case draftAutoAdvanceOld = "draft_auto_advance_old"
    // What only an event shows: created before the look-back period, and settled locally.
    /// Cancelled locally, paid a few days ago.
    case paidCancelledOld = "paid_cancelled_old"
    /// Refunded a few days ago.
    case refundedOld = "refunded_old"
    /// Disputed a few days ago.
    case disputedOld = "disputed_old"
    /// A credit note was issued a few days ago.
    case creditedOld = "credited_old"
}

extension Plant {
    /// What the lists of invoices and events show. What has to be looked for in the lists of charges, refunds and
    /// disputes is in ``afterPayment``, so that whoever plants everything need not read those.
    public static let allCases: [Plant] = [
        .draftYoungPaid, .draftYoungAbsent, .draftStaleOpen, .draftStalePaid, .draftStaleCancelled,
        .draftStaleAbsent, .openPaid, .openCancelled, .openAbsent, .openOverdue, .paidOpen, .paidOpenOld,
        .paidCancelled, .paidAbsent, .voidOpen, .voidOpenOld, .voidPaid, .uncollectibleOpen, .uncollectiblePaid,
        .absentOpen, .absentPaid, .duplicateLocal, .duplicateInStripe, .currencyMismatch, .amountMismatch,
        .amountMismatchTax, .amountMismatchPartial, .customerMismatch, .credited, .orderMismatch, .malformedID,
        .unlinkedLinkable, .unlinkedOrphan, .draftAutoAdvanceOld,
    ]

    /// What only charges, refunds and disputes show.
    public static let afterPayment: [Plant] = [.disputed, .refunded]

    /// What only the events of the last days show.
    public static let eventsOnly: [Plant] = [.paidCancelledOld, .refundedOld, .disputedOld, .creditedOld]

    /// What has to be done about a finding, as DESIGN section 5 has it.
    public enum Action: String, Sendable {
        case apply, review, inform
    }

    /// The kind of finding that this has to lead to; `nil` for none.
    public var kind: String? {
        switch self {
        case .draftYoungPaid, .draftStalePaid, .openPaid, .uncollectiblePaid: "unpaid_in_stripe"
        case .draftYoungAbsent, .openAbsent, .paidAbsent: "missing_locally"
        case .draftStaleOpen, .draftStaleCancelled, .draftStaleAbsent: "stale_draft"
        case .openCancelled: "not_voided"
        case .openOverdue: "overdue"
        case .paidOpen, .paidOpenOld: "missed_paid"
        case .paidCancelled, .paidCancelledOld: "paid_after_cancel"
        case .refundedOld: "refunded"
        case .disputedOld: "disputed"
        case .creditedOld: "credited"
        case .voidOpen, .voidOpenOld: "missed_void"
        case .voidPaid: "void_after_paid"
        case .uncollectibleOpen: "uncollectible"
        case .absentOpen, .absentPaid: "missing_in_stripe"
        case .amountMismatch, .amountMismatchTax, .amountMismatchPartial: "amount_mismatch"
        case .unlinkedLinkable, .unlinkedOrphan: "unlinked_order"
        case .duplicateLocal, .duplicateInStripe, .currencyMismatch, .customerMismatch, .credited, .disputed, .refunded,
            .orderMismatch, .malformedID:
            rawValue
        case .draftAutoAdvanceOld: nil
        }
    }

    /// What is done about it without a word in the job file; `nil` where there is no finding.
    public var action: Action? {
        switch self {
        case .draftStaleOpen, .draftStaleCancelled, .paidOpen, .paidOpenOld, .voidOpen, .voidOpenOld, .absentOpen,
            .unlinkedLinkable:
            .apply
        case .openOverdue: .inform
        case .draftAutoAdvanceOld: nil
        default: .review
        }
    }

    /// How many findings one planting leads to: a duplicate is one for each of its two rows or invoices.
    public var findings: Int {
        switch self {
        case .duplicateLocal, .duplicateInStripe: 2
        case .draftAutoAdvanceOld: 0
        default: 1
        }
    }

    /// Whether the repair adds the row's credits to its agency's balance.
    public var grantsCredits: Bool { self == .paidOpen || self == .paidOpenOld }
}

extension Plant {
    /// What is in Stripe.
    enum Fate {
        case draft, open, paid, void, uncollectible, deleted, never
    }

    /// What the local row says.
    enum Local {
        case open, paid, cancelled, absent, unlinked
    }

    /// When the invoice was created.
    enum Age {
        /// Not yet stale.
        case young
        /// Stale, within the look-back period.
        case stale
        /// Due in the future.
        case notDue
        /// Past due, but not for long.
        case pastDue
        /// Anywhere in the look-back period.
        case recent
        /// Old enough to be given up, within the look-back period.
        case mature
        /// Before the look-back period.
        case old
    }

    var fate: Fate {
        switch self {
        case .draftYoungPaid, .draftYoungAbsent, .draftStaleOpen, .draftStalePaid, .draftStaleCancelled,
            .draftStaleAbsent, .draftAutoAdvanceOld:
            .draft
        case .openPaid, .openCancelled, .openAbsent, .openOverdue, .unlinkedLinkable: .open
        case .voidOpen, .voidOpenOld, .voidPaid: .void
        case .uncollectibleOpen, .uncollectiblePaid: .uncollectible
        case .absentOpen, .absentPaid: .deleted
        case .unlinkedOrphan: .never
        default: .paid
        }
    }

    /// The local state of the planting with this number; mismatches alternate between paid and open rows, to show that
    /// neither is repaired.
    func local(_ number: Int) -> Local {
        switch self {
        case .draftStaleOpen, .openOverdue, .paidOpen, .paidOpenOld, .voidOpen, .voidOpenOld, .uncollectibleOpen,
            .absentOpen, .draftAutoAdvanceOld:
            .open
        case .draftStaleCancelled, .openCancelled, .paidCancelled, .paidCancelledOld: .cancelled
        case .draftYoungAbsent, .draftStaleAbsent, .openAbsent, .paidAbsent: .absent
        case .unlinkedLinkable, .unlinkedOrphan: .unlinked
        case .currencyMismatch, .amountMismatch, .amountMismatchTax, .amountMismatchPartial, .customerMismatch,
            .orderMismatch:
            number.isMultiple(of: 2) ? .paid : .open
        default: .paid
        }
    }

    /// When the planting with this number lies. What a run finds by its open row alone is sometimes old.
    func age(_ number: Int) -> Age {
        let isOld = number % 4 == 3
        return switch self {
        case .draftYoungPaid, .draftYoungAbsent: .young
        case .draftStaleOpen: isOld ? .old : .stale
        case .draftStalePaid, .draftStaleCancelled, .draftStaleAbsent, .draftAutoAdvanceOld: .stale
        case .openPaid, .openCancelled, .openAbsent, .unlinkedLinkable, .duplicateInStripe: .notDue
        case .openOverdue: .pastDue
        case .paidOpenOld, .voidOpenOld, .paidCancelledOld, .refundedOld, .disputedOld, .creditedOld: .old
        case .uncollectibleOpen: isOld ? .old : .mature
        case .uncollectiblePaid: .mature
        case .absentOpen: isOld ? .old : .recent
        default: .recent
        }
    }

    /// Whether an old one was paid soon after it was created, and only what followed is new.
    var isPaidEarly: Bool { self == .refundedOld || self == .disputedOld || self == .creditedOld }

    /// Whether it takes a second place in the history, for its second row or invoice.
    var hasCompanion: Bool { self == .duplicateLocal || self == .duplicateInStripe }
}
