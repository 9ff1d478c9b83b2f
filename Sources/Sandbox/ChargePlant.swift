/// A deviation that is planted on purpose into an ``AgencyHistory``: every way in which a payment intent and a row of
/// `agency_charge` can disagree, and what only looks like it. The raw values are stable.
public enum ChargePlant: String, Sendable, CaseIterable, Hashable {
    // The state in Stripe, then the local state.
    case succeededPending = "succeeded_pending"
    /// Created before the look-back period, paid a few days ago.
    case succeededPendingOld = "succeeded_pending_old"
    /// A first card was declined, which was noticed; a second one paid, which was not.
    case succeededFailed = "succeeded_failed"
    case succeededAbsent = "succeeded_absent"
    case canceledPending = "canceled_pending"
    /// Created before the look-back period, cancelled a few days ago.
    case canceledPendingOld = "canceled_pending_old"
    case canceledSucceeded = "canceled_succeeded"
    /// A card was declined, and nobody tried another one.
    case declinedPending = "declined_pending"
    case declinedSucceeded = "declined_succeeded"
    case processingSucceeded = "processing_succeeded"
    case openSucceeded = "open_succeeded"
    /// The id is not one of this account.
    case absentPending = "absent_pending"
    case absentSucceeded = "absent_succeeded"
    /// Never confirmed, older than `stale_after`.
    case staleOpen = "stale_open"
    /// It has a payment method, and waits to be confirmed since longer than `stale_after`.
    case staleConfirmation = "stale_confirmation"
    /// Cancelled locally, never confirmed and still open in Stripe.
    case staleCanceled = "stale_canceled"
    // What outranks the states.
    case currencyMismatch = "currency_mismatch"
    case amountMismatch = "amount_mismatch"
    case customerMismatch = "customer_mismatch"
    case disputed
    case refunded
    case refundedPartly = "refunded_partly"
    /// The row has no intent id, and an intent's metadata names the row.
    case unlinkedLinkable = "unlinked_linkable"
    /// The row has no intent id, and no intent names it.
    case unlinkedOrphan = "unlinked_orphan"
    // What only looks wrong.
    /// Old and never confirmed, but a Checkout session made it: it agrees.
    case staleCheckout = "stale_checkout"
    /// Waits for the customer since longer than `stale_after`: it was confirmed, so it agrees.
    case actionOld = "action_old"
    /// A bank transfer that is still under way.
    case processingPending = "processing_pending"
    /// Authorized, and not yet captured.
    case uncapturedPending = "uncaptured_pending"
    /// Not confirmed, but not for long.
    case openYoung = "open_young"
    // What only an event shows: created before the look-back period, and settled locally.
    /// Cancelled locally, paid a few days ago.
    case succeededCanceledOld = "succeeded_canceled_old"
    /// Refunded a few days ago.
    case refundedOld = "refunded_old"
    /// Disputed a few days ago.
    case disputedOld = "disputed_old"
}

extension ChargePlant {
    /// What the lists and the pending rows show. What only events show is in ``eventsOnly``.
    public static let allCases: [ChargePlant] = [
        .succeededPending, .succeededPendingOld, .succeededFailed, .succeededAbsent, .canceledPending,
        .canceledPendingOld, .canceledSucceeded, .declinedPending, .declinedSucceeded, .processingSucceeded,
        .openSucceeded, .absentPending, .absentSucceeded, .staleOpen, .staleConfirmation, .staleCanceled,
        .currencyMismatch, .amountMismatch, .customerMismatch, .disputed, .refunded, .refundedPartly,
        .unlinkedLinkable, .unlinkedOrphan, .staleCheckout, .actionOld, .processingPending, .uncapturedPending,
        .openYoung,
    ]

    /// What only the events of the last days show.
    public static let eventsOnly: [ChargePlant] = [.succeededCanceledOld, .refundedOld, .disputedOld]
}

extension ChargePlant {
    /// The kind of finding that this has to lead to; `nil` for none.
    public var kind: String? {
        switch self {
        case .succeededPending, .succeededPendingOld, .succeededFailed: "missed_succeeded"
        case .succeededAbsent: "missing_locally"
        case .canceledPending, .canceledPendingOld: "missed_canceled"
        case .declinedPending: "missed_failed"
        case .canceledSucceeded, .declinedSucceeded, .processingSucceeded, .openSucceeded: "unpaid_in_stripe"
        case .absentPending, .absentSucceeded: "missing_in_stripe"
        case .staleOpen, .staleConfirmation, .staleCanceled: "stale_intent"
        case .currencyMismatch, .amountMismatch, .customerMismatch, .disputed, .refunded: rawValue
        case .refundedPartly, .refundedOld: "refunded"
        case .disputedOld: "disputed"
        case .succeededCanceledOld: "paid_after_cancel"
        case .unlinkedLinkable, .unlinkedOrphan: "unlinked_order"
        case .staleCheckout, .actionOld, .processingPending, .uncapturedPending, .openYoung: nil
        }
    }

    /// What is done about it without a word in the job file; `nil` where there is no finding.
    public var action: Plant.Action? {
        switch self {
        case .succeededPending, .succeededPendingOld, .succeededFailed, .canceledPending, .canceledPendingOld,
            .declinedPending, .staleOpen, .staleConfirmation, .staleCanceled, .unlinkedLinkable:
            .apply
        default: kind == nil ? nil : .review
        }
    }
}

extension ChargePlant {
    /// What the local row says.
    enum Local {
        case pending, succeeded, failed, canceled, absent, unlinked
    }

    var fate: IntentFate {
        switch self {
        case .succeededFailed: .retried
        case .canceledPending, .canceledPendingOld, .canceledSucceeded: .canceled
        case .declinedPending, .declinedSucceeded: .declined
        case .processingSucceeded, .processingPending: .processing
        case .openSucceeded, .staleOpen, .staleCanceled, .staleCheckout, .openYoung: .open
        case .staleConfirmation: .confirmation
        case .actionOld, .unlinkedLinkable: .action
        case .uncapturedPending: .uncaptured
        case .absentPending, .absentSucceeded, .unlinkedOrphan: .never
        default: .succeeded
        }
    }

    /// The local state of the planting with this number; mismatches alternate, to show that none is repaired.
    func local(_ number: Int) -> Local {
        switch self {
        case .succeededFailed: .failed
        case .succeededAbsent: .absent
        case .staleCanceled, .succeededCanceledOld: .canceled
        case .unlinkedLinkable, .unlinkedOrphan: .unlinked
        case .currencyMismatch, .amountMismatch, .customerMismatch: number.isMultiple(of: 2) ? .succeeded : .pending
        case .succeededPending, .succeededPendingOld, .canceledPending, .canceledPendingOld, .declinedPending,
            .absentPending, .staleOpen, .staleConfirmation, .staleCheckout, .actionOld, .processingPending,
            .uncapturedPending, .openYoung:
            .pending
        default: .succeeded
        }
    }

    /// When the planting with this number lies. What a run finds by its pending row alone is sometimes old.
    func age(_ number: Int) -> IntentAge {
        let isOld = number % 4 == 3
        return switch self {
        case .openSucceeded, .openYoung, .processingSucceeded, .processingPending, .uncapturedPending,
            .unlinkedLinkable:
            .young
        case .staleOpen, .staleConfirmation, .staleCheckout, .actionOld: isOld ? .old : .stale
        case .staleCanceled: .stale
        case .succeededPendingOld, .canceledPendingOld, .succeededCanceledOld, .refundedOld, .disputedOld: .old
        case .declinedPending, .absentPending: isOld ? .old : .recent
        default: .recent
        }
    }

    /// Whether an old one came to its end in the last days, and not soon after it was created.
    var endsLate: Bool { self != .refundedOld && self != .disputedOld }
}
