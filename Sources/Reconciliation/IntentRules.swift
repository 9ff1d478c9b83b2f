/// The judgement over one payment intent as a pure function (DESIGN section 5, "Payment intents against
/// agency_charge").
///
/// Every pair lands in exactly one class: it agrees, or it is one finding. What stands on top of the state (duplicates,
/// mismatches, what happened after payment) outranks the state in the order of ``FindingKind``'s declaration, and no
/// pair that has one is repaired.
public struct IntentRules: Sendable, Hashable {
    /// The frozen upper bound of the run, Unix seconds: "now" for every age.
    public var nowSeconds: Int64
    /// An intent that nobody ever confirmed is stale when it is older than this.
    public var staleAfterSeconds: Int64

    public init(nowSeconds: Int64, staleAfterSeconds: Int64) {
        self.nowSeconds = nowSeconds
        self.staleAfterSeconds = staleAfterSeconds
    }

    /// What was created before this, Unix seconds, is older than ``staleAfterSeconds``.
    public var staleBeforeSeconds: Int64 { Self.difference(nowSeconds, staleAfterSeconds) }

    /// The verdict on a pair.
    public func classify(_ pair: IntentPair) -> Verdict {
        guard let charge = pair.charge else { return withoutCharge(pair) }
        if let outranking = onTop(pair, charge) ?? unknownStatus(pair.stripe, charge) { return outranking }
        guard let stripe = pair.stripe else {
            return charge.intentID == nil ? neverCharged(charge) : state(.absent, chargeState(charge), pair)
        }
        if let after = afterPayment(pair.reversed, stripe, charge) { return after }
        if pair.link == .metadata {
            return Verdict(
                .unlinkedOrder, .apply,
                "Charge \(charge.rowID) has no Stripe id; payment intent \(stripe.id) names it in its metadata.")
        }
        return state(intentState(stripe), chargeState(charge), pair)
    }

    /// Where the intent stands in the state table. One that belongs to an invoice or to a Checkout session is never
    /// stale: who made it looks after it.
    public func intentState(_ intent: IntentFacts?) -> IntentState {
        guard let intent else { return .absent }
        switch intent.status {
        case .requiresPaymentMethod where intent.hasFailed: return .declined
        case .requiresPaymentMethod, .requiresConfirmation:
            let hasOwner = intent.invoiceID != nil || intent.hasCheckoutSession == true
            let isOld = intent.createdSeconds < staleBeforeSeconds
            return intent.wasNeverConfirmed && isOld && !hasOwner ? .stale : .open
        case .requiresAction, .requiresCapture, .processing: return .underWay
        case .canceled: return .canceled
        case .succeeded: return .succeeded
        case .unknown: return .absent
        }
    }

    private func chargeState(_ charge: ChargeFacts) -> ChargeState {
        switch charge.status {
        case .pending, .unknown: .pending
        case .succeeded: .succeeded
        case .failed: .failed
        case .canceled: .canceled
        }
    }

    /// An intent that no row names. That of an invoice is explained by its invoice.
    private func withoutCharge(_ pair: IntentPair) -> Verdict {
        guard let stripe = pair.stripe, stripe.invoiceID == nil else { return .agree }
        if isDuplicate(pair, stripe) { return duplicateInStripe(pair, stripe) }
        return unknownStatus(stripe, nil) ?? state(intentState(stripe), .absent, pair)
    }

    /// Duplicates and mismatches.
    private func onTop(_ pair: IntentPair, _ charge: ChargeFacts) -> Verdict? {
        if pair.link == .lookalike { return malformedID(pair, charge) }
        if !pair.otherRows.isEmpty {
            let rows = ([charge.rowID] + pair.otherRows).map(String.init).joined(separator: ", ")
            return Verdict(
                .duplicateLocal, .review,
                "Charges \(rows) all name payment intent \(pair.stripe?.id ?? charge.intentID ?? "?"): it pays one.")
        }
        guard let stripe = pair.stripe else { return nil }
        if isDuplicate(pair, stripe) { return duplicateInStripe(pair, stripe) }
        if let named = stripe.chargeID, named != String(charge.rowID) {
            return Verdict(
                .orderMismatch, .review,
                "Payment intent \(stripe.id) names charge “\(named)” in its metadata, and charge \(charge.rowID) "
                    + "carries its id.")
        }
        if let named = stripe.agencyID, named != String(charge.agencyID) {
            return Verdict(
                .orderMismatch, .review,
                "Payment intent \(stripe.id) names agency “\(named)”, and charge \(charge.rowID) belongs to agency "
                    + "\(charge.agencyID).")
        }
        return mismatch(stripe, charge)
    }

    private func malformedID(_ pair: IntentPair, _ charge: ChargeFacts) -> Verdict {
        let start = "Charge \(charge.rowID) has "
        let id = charge.intentID ?? ""
        guard let stripe = pair.stripe else {
            return Verdict(.malformedID, .review, start + "“\(id)” where a Stripe id belongs.")
        }
        let rows = pair.otherRows.map(String.init).joined(separator: ", ")
        let others = rows.isEmpty ? "" : "; charge \(rows) has that id exactly"
        return Verdict(
            .malformedID, .review,
            start + "the Stripe id “\(id)”, which differs from \(stripe.id) by white space or letter case\(others).")
    }

    private func isDuplicate(_ pair: IntentPair, _ stripe: IntentFacts) -> Bool {
        stripe.status != .canceled && (pair.liveIntentsOfCharge > 1 || pair.chargeLinkedTo != nil)
    }

    private func duplicateInStripe(_ pair: IntentPair, _ stripe: IntentFacts) -> Verdict {
        let charge = stripe.chargeID ?? "?"
        let explanation =
            if let other = pair.chargeLinkedTo, pair.liveIntentsOfCharge <= 1 {
                "Payment intent \(stripe.id) names charge \(charge), which is linked to payment intent \(other)."
            } else {
                "\(pair.liveIntentsOfCharge) payment intents that are not canceled name charge \(charge): it may be "
                    + "paid twice."
            }
        return Verdict(.duplicateInStripe, .review, explanation)
    }

    private func mismatch(_ stripe: IntentFacts, _ charge: ChargeFacts) -> Verdict? {
        if stripe.currency.lowercased() != charge.currency.lowercased() {
            return Verdict(
                .currencyMismatch, .review,
                "Stripe charges in \(stripe.currency.uppercased()), the charge is in "
                    + "\(charge.currency.uppercased())." + unsettled(stripe, charge))
        }
        let agreed = Money(minorUnits: charge.amount, currency: charge.currency)
        if stripe.amount != charge.amount {
            let asked = Money(minorUnits: stripe.amount, currency: stripe.currency)
            return Verdict(
                .amountMismatch, .review,
                "Stripe asks for \(asked), the charge is for \(agreed)." + unsettled(stripe, charge))
        }
        if stripe.status == .succeeded, stripe.amountReceived != charge.amount {
            // A capture may take less than was authorized.
            let received = Money(minorUnits: stripe.amountReceived, currency: stripe.currency)
            return Verdict(
                .amountMismatch, .review,
                "Stripe received \(received), the charge is for \(agreed)." + unsettled(stripe, charge))
        }
        if let expected = charge.customer, stripe.customer != expected {
            return Verdict(
                .customerMismatch, .review,
                "The payment intent is for customer \(stripe.customer ?? "none"), the charge's agency "
                    + "\(charge.agencyID) is customer \(expected)." + unsettled(stripe, charge))
        }
        return nil
    }

    /// What a person has to know beside a mismatch: the money is there, and nothing will say so of the row by itself.
    private func unsettled(_ stripe: IntentFacts, _ charge: ChargeFacts) -> String {
        guard stripe.status == .succeeded, charge.status != .succeeded else { return "" }
        return " The money came in, and the charge stays \(charge.status.word) until a person decides."
    }

    private func unknownStatus(_ stripe: IntentFacts?, _ charge: ChargeFacts?) -> Verdict? {
        if let stripe, case .unknown(let word) = stripe.status {
            return Verdict(
                .unknownStatus, .review, "Stripe gives the status “\(word)”, which this version does not know.")
        }
        if let charge, case .unknown(let word) = charge.status {
            return Verdict(
                .unknownStatus, .review,
                "Charge \(charge.rowID) has the status “\(word)”, which is none of pending, succeeded, failed and "
                    + "canceled.")
        }
        return nil
    }

    /// What was taken back of money that had come in.
    private func afterPayment(_ reversed: Reversed, _ stripe: IntentFacts, _ charge: ChargeFacts) -> Verdict? {
        guard stripe.status == .succeeded else { return nil }
        let held =
            charge.status == .succeeded
            ? "charge \(charge.rowID) still counts as succeeded"
            : "charge \(charge.rowID) is \(charge.status.word)"
        let refunded = Money(minorUnits: reversed.refunded, currency: stripe.currency)
        if reversed.disputed > 0 {
            let disputed = Money(minorUnits: reversed.disputed, currency: stripe.currency)
            let also = reversed.refunded > 0 ? ", \(refunded) was refunded" : ""
            return Verdict(.disputed, .review, "The payer disputes \(disputed) of the payment\(also); \(held).")
        }
        guard reversed.refunded > 0 else { return nil }
        return Verdict(.refunded, .review, "\(refunded) of the payment was refunded; \(held).")
    }

    /// A row that names no intent, and no intent names it.
    private func neverCharged(_ charge: ChargeFacts) -> Verdict {
        switch charge.status {
        case .failed, .canceled: .agree
        case .pending, .unknown:
            Verdict(
                .unlinkedOrder, .review,
                "Charge \(charge.rowID) has no Stripe id and no payment intent without a charge of its own names it: "
                    + "it was never charged.")
        case .succeeded:
            Verdict(
                .unlinkedOrder, .review,
                "Charge \(charge.rowID) is marked succeeded, but has no Stripe id, and no payment intent without a "
                    + "charge of its own names it.")
        }
    }

    /// `left - right`, held within `Int64`: times come from outside.
    static func difference(_ left: Int64, _ right: Int64) -> Int64 {
        let (difference, overflow) = left.subtractingReportingOverflow(right)
        return overflow ? (left < right ? .min : .max) : difference
    }
}
