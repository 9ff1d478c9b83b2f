extension IntentRules {
    /// The state table of charges, cell by cell.
    func state(_ stripe: IntentState, _ local: ChargeState, _ pair: IntentPair) -> Verdict {
        switch (stripe, local) {
        case (.open, .pending), (.open, .failed), (.open, .canceled), (.underWay, .pending), (.underWay, .failed),
            (.declined, .failed), (.declined, .canceled), (.canceled, .failed), (.canceled, .canceled),
            (.canceled, .absent), (.succeeded, .succeeded), (.absent, .failed), (.absent, .canceled),
            (.absent, .absent):
            .agree
        case (.open, .succeeded), (.stale, .succeeded), (.underWay, .succeeded), (.declined, .succeeded),
            (.canceled, .succeeded):
            unpaidInStripe(pair)
        case (.open, .absent), (.underWay, .absent), (.declined, .absent), (.succeeded, .absent): missingLocally(pair)
        case (.stale, .pending), (.stale, .failed), (.stale, .canceled), (.stale, .absent): staleIntent(local, pair)
        case (.underWay, .canceled):
            Verdict(
                .notVoided, .review,
                "The charge is canceled, but its payment intent is \(pair.stripe?.status.word ?? "open") and can still "
                    + "take money.")
        case (.declined, .pending):
            Verdict(
                .missedFailed, .apply,
                "The last attempt to take the money failed at Stripe; the charge is still pending.")
        case (.canceled, .pending):
            Verdict(.missedCanceled, .apply, "The payment intent was canceled; the charge is still pending.")
        case (.succeeded, .pending), (.succeeded, .failed): missedSucceeded(local, pair)
        case (.succeeded, .canceled):
            Verdict(
                .paidAfterCancel, .review,
                "The charge was canceled, but its payment intent succeeded: \(amount(pair)) came in for it. Deliver or "
                    + "give the money back.")
        case (.absent, .pending):
            Verdict(
                .missingInStripe, .review,
                "The charge is pending, but Stripe does not know its payment intent (404 on a fresh read).")
        case (.absent, .succeeded):
            Verdict(
                .missingInStripe, .review,
                "The charge is marked succeeded, but Stripe does not know its payment intent (404 on a fresh read).")
        }
    }

    private func amount(_ pair: IntentPair) -> String {
        guard let stripe = pair.stripe else { return "nothing" }
        return Money(minorUnits: stripe.amount, currency: stripe.currency).description
    }

    private func unpaidInStripe(_ pair: IntentPair) -> Verdict {
        Verdict(
            .unpaidInStripe, .review,
            "The charge of \(amount(pair)) is marked succeeded, but its payment intent is "
                + "\(pair.stripe?.status.word ?? "absent").")
    }

    private func missingLocally(_ pair: IntentPair) -> Verdict {
        guard let stripe = pair.stripe else { return .agree }
        let named =
            stripe.chargeID.map { "its metadata names charge “\($0)”, which is not there" } ?? "it names no charge"
        return Verdict(
            .missingLocally, .review,
            "No local charge has this \(stripe.status.word) payment intent of \(amount(pair)); \(named).")
    }

    private func missedSucceeded(_ local: ChargeState, _ pair: IntentPair) -> Verdict {
        let still = local == .failed ? "is marked failed, an earlier attempt's end" : "is still pending"
        return Verdict(
            .missedSucceeded, .apply, "The payment intent succeeded with \(amount(pair)); the charge \(still).")
    }

    private func staleIntent(_ local: ChargeState, _ pair: IntentPair) -> Verdict {
        let days = Self.difference(nowSeconds, pair.stripe?.createdSeconds ?? nowSeconds) / 86_400
        let end =
            switch local {
            case .absent: "no local charge has it"
            case .pending, .succeeded: "its charge is still pending"
            case .failed, .canceled: "its charge is \(local.rawValue) already"
            }
        return Verdict(.staleIntent, .apply, "The payment intent was never confirmed and is \(days) days old; \(end).")
    }
}
