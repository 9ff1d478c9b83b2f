import Reconciliation
import Store
import Stripe

// What is true of a plan's items by now. A plan may wait for days for whoever approves it.
extension PlanRun {
    /// An item of the plan, when its turn comes.
    enum Today: Sendable {
        /// All that the item rests on is as it was; the difference, with the request that says so.
        case stands(Judged)
        /// It is not any more, in a sentence.
        case moved(String)
        /// It cannot be done at all, in a sentence.
        case unknown(String)
    }

    /// Asks Stripe again about all these items, a few at once.
    func today(_ items: [Plan.Item], _ subject: Subject, _ client: StripeClient) async throws -> [Today] {
        try await atOnce(items, Confirmer.workers) { try await today($0, subject, client) }
    }

    private func today(_ item: Plan.Item, _ subject: Subject, _ client: StripeClient) async throws -> Today {
        guard let judged = item.judged, let remedy = Remedy(judged) else {
            return .unknown("\(item.what): this version does not know \(item.kind) or cannot do \(item.effect)")
        }
        // Whoever changes something at Stripe, mails a notice or lets an order go reads the object right before it.
        if remedy.atStripe != nil || remedy.asksFirst || judged.comparison == .notices { return .stands(judged) }
        do {
            switch judged.found.pair {
            case .order(var pair):
                guard let before = pair.stripe else { return try await stillMissing(item, judged, client) }
                let read = try await client.invoice(before.id)
                pair.stripe = InvoiceFacts(read.value)
                if case .order(.grant) = remedy.local {
                    pair.reversed = try await Reversals(client).total(of: read.value)
                }
                return today(item, judged, .order(pair), read.requestID, subject)
            case .charge(var pair):
                guard let before = pair.stripe else { return .stands(judged) }
                let (facts, requestID) = try await Confirmer.intent(before.id, client)
                pair.stripe = facts
                if case .charge(.succeed) = remedy.local {
                    pair.reversed = try await Reversals(client).total(ofIntent: before.id)
                }
                return today(item, judged, .charge(pair), requestID, subject)
            case .payment, .notice: return .stands(judged)
            }
        } catch let error as StripeError where error.kind == .notFound {
            return .moved("\(item.what): \(item.stripeID) does not exist any more")
        }
    }

    /// Judges by the rules what Stripe says now: it has to be what they say of the plan's own facts.
    private func today(
        _ item: Plan.Item, _ judged: Judged, _ pair: Pair, _ requestID: String, _ subject: Subject
    ) -> Today {
        let now = max(plan.createdSeconds, plan.periodToSeconds)
        let then = subject.classify(judged.found.pair, nowSeconds: now)
        let verdict = subject.classify(pair, nowSeconds: now)
        guard verdict.kind == then.kind, verdict.defaultAction == then.defaultAction else {
            let by = verdict.kind == nil ? "both sides agree" : verdict.explanation
            return .moved("\(item.what): \(item.stripeID) is not what the plan rests on any more: \(by)")
        }
        var judged = judged
        judged.found.requestID = requestID
        return .stands(judged)
    }

    /// That an object does not exist is asked once more.
    private func stillMissing(_ item: Plan.Item, _ judged: Judged, _ client: StripeClient) async throws -> Today {
        guard judged.kind == .missingInStripe else { return .stands(judged) }
        do {
            let read = try await client.invoice(item.stripeID)
            return .moved("invoice \(item.stripeID) exists by now: it is \(read.value.status.text)")
        } catch {
            guard error.kind == .notFound else { throw error }
            var judged = judged
            judged.found.requestID = error.requestID
            return .stands(judged)
        }
    }
}
