extension InvoiceRules {
    /// The state table of DESIGN section 5, cell by cell.
    func state(_ stripe: StripeState, _ local: OrderState, _ pair: InvoicePair) -> Verdict {
        switch (stripe, local) {
        case (.draftYoung, .open), (.draftYoung, .cancelled), (.paid, .paid), (.void, .cancelled), (.void, .absent),
            (.uncollectible, .cancelled), (.uncollectible, .absent), (.absent, .cancelled), (.absent, .absent):
            .agree
        case (.draftYoung, .paid), (.draftStale, .paid), (.open, .paid), (.uncollectible, .paid):
            unpaidInStripe(pair)
        case (.draftYoung, .absent), (.open, .absent), (.paid, .absent): missingLocally(pair)
        case (.draftStale, .open), (.draftStale, .cancelled), (.draftStale, .absent): staleDraft(local, pair)
        case (.open, .open): isOverdue(pair) ? overdue(pair) : .agree
        case (.open, .cancelled):
            Verdict(.notVoided, .review, "The order is cancelled, but the invoice is open and can still be paid.")
        case (.paid, .open): missedPaid(pair)
        case (.paid, .cancelled):
            Verdict(
                .paidAfterCancel, .review,
                "The order was cancelled, but the invoice is paid: grant the credits or give the money back.")
        case (.void, .open):
            Verdict(.missedVoid, .apply, "The invoice was voided; the order still waits for payment.")
        case (.void, .paid):
            Verdict(
                .voidAfterPaid, .review, "The order is marked paid, but the invoice is void: no money came in for it.")
        case (.uncollectible, .open):
            Verdict(.uncollectible, .review, "The invoice was marked uncollectible; the order still waits for payment.")
        case (.absent, .open):
            Verdict(.missingInStripe, .apply, "Stripe does not know this invoice (404 on a fresh read).")
        case (.absent, .paid):
            // Never by itself: credits were given for it.
            Verdict(
                .missingInStripe, .review,
                "The order is marked paid, but Stripe does not know its invoice (404 on a fresh read).")
        }
    }

    private func isOverdue(_ pair: InvoicePair) -> Bool {
        guard let due = pair.stripe?.dueSeconds else { return false }
        return due < nowSeconds
    }

    private func overdue(_ pair: InvoicePair) -> Verdict {
        let days = ageSeconds(pair.stripe?.dueSeconds ?? nowSeconds) / 86_400
        return Verdict(.overdue, .inform, "The invoice is open and \(days) days past due; both sides agree.")
    }

    private func unpaidInStripe(_ pair: InvoicePair) -> Verdict {
        let number = pair.order?.credits ?? 0
        let credits = number == 1 ? "1 credit was" : "\(Money.grouped(number)) credits were"
        return Verdict(
            .unpaidInStripe, .review,
            "The order is marked paid and \(credits) granted, but the invoice is "
                + "\(pair.stripe?.status.word ?? "absent").")
    }

    private func missingLocally(_ pair: InvoicePair) -> Verdict {
        guard let stripe = pair.stripe else { return .agree }
        let amount = Money(minorUnits: stripe.total, currency: stripe.currency)
        let order = stripe.orderID.map { "its metadata names order \($0), which is not there" } ?? "it names no order"
        return Verdict(
            .missingLocally, .review, "No local order has this \(stripe.status.word) invoice of \(amount); \(order).")
    }

    private func missedPaid(_ pair: InvoicePair) -> Verdict {
        let number = pair.order?.credits ?? 0
        let credits = number == 1 ? "1 credit is" : "\(Money.grouped(number)) credits are"
        let explanation = "The invoice is paid; the order does not know it and \(credits) not granted."
        guard pair.reversed.isUnlisted else { return Verdict(.missedPaid, .apply, explanation) }
        return Verdict(
            .missedPaid, .review,
            explanation + " Something paid it of which Stripe lists neither refunds nor disputes: whether the money "
                + "was given back since, a person has to find out.")
    }

    private func staleDraft(_ local: OrderState, _ pair: InvoicePair) -> Verdict {
        let days = ageSeconds(pair.stripe?.createdSeconds ?? nowSeconds) / 86_400
        let explanation = "The draft was never finalized and is \(days) days old"
        return switch local {
        case .absent:
            Verdict(.staleDraft, .review, explanation + "; no local order has it.")
        case .cancelled: Verdict(.staleDraft, .apply, explanation + "; its order is cancelled already.")
        case .open, .paid: Verdict(.staleDraft, .apply, explanation + "; its order still waits for payment.")
        }
    }
}
