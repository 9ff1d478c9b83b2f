/// The judgement over one invoice: DESIGN section 5 as a pure function.
///
/// Every pair lands in exactly one class: it agrees, or it is one finding. What stands on top of the state (duplicates,
/// mismatches, what happened after payment) outranks the state in the order of ``FindingKind``'s declaration, and no
/// pair that has one is repaired.
public struct InvoiceRules: Sendable, Hashable {
    /// The frozen upper bound of the run, Unix seconds: "now" for every age and due date.
    public var nowSeconds: Int64
    /// A draft older than this is stale.
    public var staleAfterSeconds: Int64
    /// What one credit costs in minor units; a row whose amount is not its credits at this price is a mismatch.
    /// `nil` where the table knows no credits.
    public var creditPrice: Int64?

    public init(nowSeconds: Int64, staleAfterSeconds: Int64, creditPrice: Int64?) {
        self.nowSeconds = nowSeconds
        self.staleAfterSeconds = staleAfterSeconds
        self.creditPrice = creditPrice
    }

    /// The verdict on a pair.
    public func classify(_ pair: InvoicePair) -> Verdict {
        if let order = pair.order, let outranking = onTop(pair, order) { return outranking }
        if let stripe = pair.stripe, case .unknown(let word) = stripe.status {
            return Verdict(
                .unknownStatus, .review, "Stripe gives the status “\(word)”, which this version does not know.")
        }
        if let stripe = pair.stripe, stripe.status.isLive, pair.order == nil,
            pair.liveInvoicesOfOrder > 1 || pair.orderLinkedTo != nil
        {
            return duplicateInStripe(pair, stripe)
        }
        if let order = pair.order, let stripe = pair.stripe, let after = afterPayment(pair, stripe, order) {
            return after
        }
        if pair.link == .metadata, let stripe = pair.stripe, let order = pair.order {
            return Verdict(
                .unlinkedOrder, .apply,
                "Order \(order.rowID) has no Stripe id; invoice \(stripe.id) names it in its metadata.")
        }
        if pair.stripe == nil, let order = pair.order, order.invoiceID == nil {
            return order.state == .cancelled ? .agree : neverInvoiced(order)
        }
        return state(stripeState(pair.stripe), pair.order?.state ?? .absent, pair)
    }

    /// A row without an invoice. What the application made, it may still invoice; what Trueup placed itself waits for a
    /// caller who asks again, and is let go of when nobody does.
    private func neverInvoiced(_ order: OrderFacts) -> Verdict {
        let what = "Order \(order.rowID) has no Stripe id and no invoice names it"
        guard order.isPlacedHere, order.state == .open else {
            return Verdict(.unlinkedOrder, .review, what + ": it was never invoiced.")
        }
        guard ageSeconds(order.createdSeconds) > staleAfterSeconds else {
            return Verdict(
                .unlinkedOrder, .review,
                what + ": placing it was cut off. Whoever ordered may ask again; when nobody does, it is cancelled "
                    + "\(staleAfterSeconds / 86_400) days after it was made.")
        }
        let days = ageSeconds(order.createdSeconds) / 86_400
        return Verdict(
            .unlinkedOrder, .apply,
            what + ": placing it was cut off \(days) days ago, and nobody has asked for it again.")
    }

    /// Where the invoice stands in the state table. A draft that Stripe will finalize by itself, or that a
    /// subscription made, is never stale.
    public func stripeState(_ invoice: InvoiceFacts?) -> StripeState {
        guard let invoice else { return .absent }
        switch invoice.status {
        case .draft:
            let isOld = ageSeconds(invoice.createdSeconds) > staleAfterSeconds
            return isOld && !invoice.autoAdvance && !invoice.isSubscription ? .draftStale : .draftYoung
        case .open: return .open
        case .paid: return .paid
        case .void: return .void
        case .uncollectible: return .uncollectible
        case .unknown: return .absent
        }
    }

    /// How long ago a moment was, held within `Int64`: times come from outside.
    func ageSeconds(_ seconds: Int64) -> Int64 {
        let (age, overflow) = nowSeconds.subtractingReportingOverflow(seconds)
        return overflow ? (seconds < 0 ? .max : .min) : age
    }

    /// Duplicates and mismatches.
    private func onTop(_ pair: InvoicePair, _ order: OrderFacts) -> Verdict? {
        if !pair.otherRows.isEmpty {
            let rows = ([order.rowID] + pair.otherRows).map(String.init).joined(separator: ", ")
            return Verdict(
                .duplicateLocal, .review,
                "Orders \(rows) all name invoice \(pair.stripe?.id ?? order.invoiceID ?? "?"); paying it must grant "
                    + "credits once.")
        }
        if pair.link == .lookalike, let id = order.invoiceID {
            return Verdict(
                .malformedID, .review,
                pair.stripe.map {
                    "Order \(order.rowID) has the Stripe id “\(id)”, which differs from \($0.id) by white space or "
                        + "letter case."
                } ?? "Order \(order.rowID) has “\(id)” where a Stripe id belongs.")
        }
        guard let stripe = pair.stripe else { return nil }
        if stripe.status.isLive, pair.liveInvoicesOfOrder > 1 { return duplicateInStripe(pair, stripe) }
        if let named = stripe.orderID, named != String(order.rowID) {
            return Verdict(
                .orderMismatch, .review,
                "Invoice \(stripe.id) names order “\(named)” in its metadata, and order \(order.rowID) carries its id.")
        }
        if let named = stripe.agencyID, named != String(order.agencyID) {
            return Verdict(
                .orderMismatch, .review,
                "Invoice \(stripe.id) names agency “\(named)”, and order \(order.rowID) belongs to agency "
                    + "\(order.agencyID).")
        }
        return mismatch(stripe, order)
    }

    private func mismatch(_ stripe: InvoiceFacts, _ order: OrderFacts) -> Verdict? {
        if stripe.currency.lowercased() != order.currency.lowercased() {
            return Verdict(
                .currencyMismatch, .review,
                "Stripe invoiced in \(stripe.currency.uppercased()), the order is in \(order.currency.uppercased()).")
        }
        guard stripe.amount == order.amount || stripe.isEmptyDraft else {
            return Verdict(
                .amountMismatch, .review,
                "Stripe invoiced \(invoiced(stripe)), the order is for "
                    + "\(Money(minorUnits: order.amount, currency: order.currency)).")
        }
        if let creditPrice {
            let (price, overflow) = order.credits.multipliedReportingOverflow(by: creditPrice)
            if overflow || price != order.amount {
                let each = Money(minorUnits: creditPrice, currency: order.currency)
                return Verdict(
                    .amountMismatch, .review,
                    "The order is for \(Money(minorUnits: order.amount, currency: order.currency)), which is not "
                        + "\(Money.grouped(order.credits)) credits at \(each).")
            }
        }
        if let expected = order.customer, stripe.customer != expected {
            return Verdict(
                .customerMismatch, .review,
                "The invoice is for customer \(stripe.customer ?? "none"), the order's agency \(order.agencyID) is "
                    + "customer \(expected).")
        }
        return nil
    }

    /// What was asked for, or settled, and how that is less than what the invoice is over.
    private func invoiced(_ stripe: InvoiceFacts) -> String {
        guard let amount = stripe.amount else { return "an amount out of range" }
        func money(_ amount: Int64) -> String { Money(minorUnits: amount, currency: stripe.currency).description }
        guard stripe.prePaymentCredit > 0 else { return money(amount) }
        let how = stripe.status == .paid ? "credited before it was paid, or never paid" : "credited"
        return "\(money(amount)) (\(money(stripe.total)) less \(money(stripe.prePaymentCredit)) that was \(how))"
    }

    private func duplicateInStripe(_ pair: InvoicePair, _ stripe: InvoiceFacts) -> Verdict {
        let order = stripe.orderID ?? "?"
        let explanation =
            if let other = pair.orderLinkedTo, pair.liveInvoicesOfOrder <= 1 {
                "Invoice \(stripe.id) names order \(order), which is linked to invoice \(other)."
            } else {
                "\(pair.liveInvoicesOfOrder) invoices that are not void name order \(order): it may be paid twice."
            }
        return Verdict(.duplicateInStripe, .review, explanation)
    }

    /// What an amount is a part of where the payment was not this invoice's alone.
    private static let sharedPayment =
        "the payment that paid other invoices too (how much of that is this one's is not known)"

    /// What happened to the money after it came in: disputes before refunds before credit notes.
    private func afterPayment(_ pair: InvoicePair, _ stripe: InvoiceFacts, _ order: OrderFacts) -> Verdict? {
        guard stripe.status == .paid else { return nil }
        let held =
            order.paid
            ? "the order's credits (\(Money.grouped(order.credits))) are still granted" : "the order is not marked paid"
        func money(_ amount: Int64) -> String { Money(minorUnits: amount, currency: stripe.currency).description }
        let reversed = pair.reversed
        if reversed.disputed > 0 {
            let whole = reversed.isShared ? Self.sharedPayment : "it"
            return Verdict(
                .disputed, .review, "The customer's bank disputes \(money(reversed.disputed)) of \(whole); \(held).")
        }
        if reversed.refunded > 0 {
            let whole = reversed.isShared ? Self.sharedPayment : money(stripe.total)
            return Verdict(.refunded, .review, "\(money(reversed.refunded)) of \(whole) were refunded; \(held).")
        }
        guard stripe.postPaymentCredit > 0 else { return nil }
        return Verdict(
            .credited, .review,
            "A credit note of \(money(stripe.postPaymentCredit)) was issued after payment; \(held).")
    }
}
