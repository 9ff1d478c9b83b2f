import Reconciliation

extension FindingKind {
    /// What a reader calls it: `missed_paid` becomes `Missed paid`.
    package var title: String {
        switch self {
        case .malformedID: "Malformed id"
        case .unknownStatus: "Unknown status"
        case .missedVoid: "Missed void"
        case .missedFinalizedNotice: "Missed notice"
        case .duplicateInStripe: "Duplicate in Stripe"
        case .missingInStripe: "Missing in Stripe"
        case .unpaidInStripe: "Unpaid in Stripe"
        default:
            rawValue.prefix(1).uppercased() + rawValue.dropFirst().map { $0 == "_" ? " " : String($0) }.joined()
        }
    }

    /// One line for the sheet of definitions: what is the case, in words for finance.
    package var definition: String {
        switch self {
        case .malformedID: "The local row's Stripe id has stray white space or letter case, or is no id at all."
        case .duplicateLocal: "Two or more local rows name one invoice; its payment must count once."
        case .duplicateInStripe: "Two or more invoices at Stripe were made for one order; it may be paid twice."
        case .orderMismatch: "The invoice's metadata names another order or agency than the row that carries its id."
        case .currencyMismatch: "Stripe and the local row hold different currencies."
        case .amountMismatch: "Stripe and the local row hold different amounts, or the amount does not fit the credits."
        case .customerMismatch: "The object belongs to another Stripe customer than the agency's."
        case .unknownStatus: "One side has a status that this version does not know; nothing is done about it."
        case .disputed: "The payer disputed the payment after it had been taken."
        case .refunded: "The payment was given back, in whole or in part, after it had been taken."
        case .credited: "A credit note was issued after payment; the credits of the order are still granted."
        case .unlinkedOrder: "A local order has no Stripe id, though it is older than the settle delay."
        case .missedPaid: "Stripe says paid, the local row is still open: the credits were never granted."
        case .missedVoid: "Stripe says void, the local row is still open."
        case .missingLocally: "Stripe has the object, the tables have no row for it."
        case .missingInStripe: "The tables have a row whose object Stripe does not know."
        case .unpaidInStripe: "The tables say paid, Stripe does not."
        case .staleDraft: "A draft that nobody finalized, older than the job's stale_after."
        case .notVoided: "The order or charge was cancelled locally; at Stripe it can still be paid."
        case .paidAfterCancel: "The order or charge was cancelled locally, and was paid all the same."
        case .voidAfterPaid: "The tables say paid, Stripe says the invoice was voided."
        case .uncollectible: "Stripe gave the invoice up as a bad debt; the local row is still open."
        case .overdue: "The invoice is open past its due date. Both sides agree: this only informs."
        case .missedFinalizedNotice: "An invoice was finalized, and no notice to the agency was recorded."
        case .missedSucceeded: "Stripe says the charge succeeded, the local row is still pending or failed."
        case .missedCanceled: "Stripe says the charge was canceled, the local row is still pending."
        case .missedFailed: "The charge's last attempt failed at Stripe, the local row is still pending."
        case .staleIntent: "A payment intent that was never confirmed, older than the job's stale_after."
        case .balanceDrift: "The recorded balance differs from the computed one; it explains nothing unless accepted."
        }
    }
}
