/// What a difference between Stripe and the local tables is called. The raw values are a contract: they stand in
/// job files, in the database, in plans and in reports (DESIGN section 5).
public enum FindingKind: String, CaseIterable, Sendable, Hashable {
    // On top of the state, in the order in which they outrank each other and everything below.
    case malformedID = "malformed_id"
    case duplicateLocal = "duplicate_local"
    case duplicateInStripe = "duplicate_in_stripe"
    case orderMismatch = "order_mismatch"
    case currencyMismatch = "currency_mismatch"
    case amountMismatch = "amount_mismatch"
    case customerMismatch = "customer_mismatch"
    case unknownStatus = "unknown_status"
    // After payment.
    case disputed
    case refunded
    case credited
    // Links.
    case unlinkedOrder = "unlinked_order"
    // The invoice table.
    case missedPaid = "missed_paid"
    case missedVoid = "missed_void"
    case missingLocally = "missing_locally"
    case missingInStripe = "missing_in_stripe"
    case unpaidInStripe = "unpaid_in_stripe"
    case staleDraft = "stale_draft"
    case notVoided = "not_voided"
    case paidAfterCancel = "paid_after_cancel"
    case voidAfterPaid = "void_after_paid"
    case uncollectible
    case overdue
    // Notices.
    case missedFinalizedNotice = "missed_finalized_notice"
    // Payment intents.
    case missedSucceeded = "missed_succeeded"
    case missedCanceled = "missed_canceled"
    case missedFailed = "missed_failed"
    case staleIntent = "stale_intent"
    // Balances.
    case balanceDrift = "balance_drift"
}

/// What is to be done with a finding.
public enum Action: String, CaseIterable, Sendable, Hashable {
    /// Trueup repairs it in this run.
    case apply
    /// A person decides; the finding stays open.
    case review
    /// It is neither shown nor counted as a difference.
    case ignore
    /// It is shown and is not a difference: nothing has to be done.
    case inform

    /// Whether a finding with it waits for somebody, a repair or a person: of those that are open, these alone are open
    /// differences, wherever they are counted.
    public var waits: Bool { self == .apply || self == .review }
}

extension FindingKind {
    /// The kinds of the invoice comparison (`object: invoice` against a credit-invoice table).
    public static let invoiceKinds: [FindingKind] = [
        .malformedID, .duplicateLocal, .duplicateInStripe, .orderMismatch, .currencyMismatch, .amountMismatch,
        .customerMismatch, .unknownStatus, .disputed, .refunded, .credited, .unlinkedOrder, .missedPaid, .missedVoid,
        .missingLocally, .missingInStripe, .unpaidInStripe, .staleDraft, .notVoided, .paidAfterCancel, .voidAfterPaid,
        .uncollectible, .overdue,
    ]

    /// The kinds of the comparison of payment intents with charges (`object: payment_intent`).
    public static let intentKinds: [FindingKind] = [
        .malformedID, .duplicateLocal, .duplicateInStripe, .orderMismatch, .currencyMismatch, .amountMismatch,
        .customerMismatch, .unknownStatus, .disputed, .refunded, .unlinkedOrder, .missingLocally, .missingInStripe,
        .unpaidInStripe, .notVoided, .paidAfterCancel, .missedSucceeded, .missedCanceled, .missedFailed, .staleIntent,
    ]

    /// The actions that a job file may give this kind. `apply` is offered only where an effect exists that is safe to
    /// run unattended; everything else can be reviewed or ignored.
    public var allowedActions: [Action] {
        switch self {
        case .missedPaid, .missedVoid, .missingInStripe, .staleDraft, .unlinkedOrder, .missedFinalizedNotice,
            .missedSucceeded, .missedCanceled, .missedFailed, .staleIntent:
            [.apply, .review, .ignore]
        case .overdue:
            [.inform, .review, .ignore]
        default:
            [.review, .ignore]
        }
    }

    /// The action without a word in the job file, where it does not depend on the local state
    /// (see ``InvoicePair/Verdict`` for the cells that differ: `missing_in_stripe` of a paid row is always reviewed).
    public var defaultAction: Action {
        switch self {
        case .missedPaid, .missedVoid, .missingInStripe, .staleDraft, .unlinkedOrder, .missedFinalizedNotice,
            .missedSucceeded, .missedCanceled, .missedFailed, .staleIntent:
            .apply
        case .overdue: .inform
        default: .review
        }
    }

    /// Whether the fact behind the kind can still change at Stripe, so that only a fresh read of the object decides
    /// (DESIGN section 2, step 7). `paid` and `void` are terminal.
    public var needsFreshRead: Bool {
        switch self {
        case .missedPaid, .missedVoid, .paidAfterCancel, .voidAfterPaid, .overdue, .malformedID, .duplicateLocal,
            .missedSucceeded, .missedCanceled:
            false
        default: true
        }
    }
}
