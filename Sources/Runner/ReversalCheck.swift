import Credits
import Reconciliation
import Store
import Stripe

/// Asks what was taken back of payments before a credit is granted or a charge succeeds for them, where no list of the
/// run has said so.
///
/// A run lists refunds and disputes from its period's beginning on, so that it knows of those of all payments that were
/// made since. What was paid before that may have been refunded before that too; what was taken back is for a person,
/// never for a repair.
struct ReversalCheck: Sendable {
    let subject: Subject
    let client: StripeClient
    /// As of when the rules judge, Unix seconds.
    let nowSeconds: Int64
    let progress: @Sendable (RunProgress) -> Void

    /// Judges once more what would be repaired for a payment of which something was taken back.
    /// - Parameter listedFrom: reversals from this second on are known; `nil`: none are.
    func apply(to judged: [Judged], listedFrom: Int64?) async throws -> [Judged] {
        let asked = judged.indices.filter { isAsked(judged[$0], listedFrom) }
        guard !asked.isEmpty else { return judged }
        progress(.confirming(account: subject.account, objects: asked.count))
        let found = try await atOnce(asked, Confirmer.workers) { try await reversed(of: judged[$0].found.pair) }
        var changed: [Int: Judged?] = [:]
        for (index, reversed) in zip(asked, found) where reversed != Reversed() {
            changed[index] = .some(again(judged[index], reversed))
        }
        return judged.indices.compactMap { changed[$0] ?? judged[$0] }
    }

    private func isAsked(_ judged: Judged, _ listedFrom: Int64?) -> Bool {
        switch Remedy(judged)?.local {
        case .order(.grant): isOlder(judged.found.pair.paidSeconds, than: listedFrom)
        case .charge(.succeed): isOlder(judged.found.pair.paidSeconds, than: listedFrom)
        default: false
        }
    }

    /// Nothing is taken back of a payment before it was made.
    private func isOlder(_ seconds: Int64?, than listedFrom: Int64?) -> Bool {
        guard let listedFrom, let seconds else { return true }
        return seconds < listedFrom
    }

    private func reversed(of pair: Pair) async throws -> Reversed {
        let intents: [String] =
            switch pair {
            case .order(let pair) where !client.account.hasInvoicePayments:
                // What was read of the invoice says it.
                pair.stripe?.paymentIntent.map { [$0] } ?? []
            case .order: try await client.intentsOfInvoice(pair.stripeID)
            default: [pair.stripeID]
            }
        return try await Reversals(client).total(of: intents)
    }

    /// `nil` where there is nothing to say any more.
    private func again(_ judged: Judged, _ reversed: Reversed) -> Judged? {
        var judged = judged
        switch judged.found.pair {
        case .order(var pair):
            pair.reversed = reversed
            judged.found.pair = .order(pair)
        case .charge(var pair):
            pair.reversed = reversed
            judged.found.pair = .charge(pair)
        case .notice, .payment: return judged
        }
        let verdict = subject.classify(judged.found.pair, nowSeconds: nowSeconds)
        guard let kind = verdict.kind, verdict.action(on: subject.on) != .ignore else { return nil }
        judged.kind = kind
        judged.verdict = verdict
        judged.action = verdict.action(on: subject.on)
        return judged
    }
}

extension Pair {
    /// When the payment was made, Unix seconds, or at least when its object was; `nil` where there is none.
    fileprivate var paidSeconds: Int64? {
        switch self {
        case .order(let pair): pair.stripe.map { $0.paidAtSeconds ?? $0.createdSeconds }
        case .charge(let pair): pair.stripe.map { $0.chargedAtSeconds ?? $0.createdSeconds }
        case .notice, .payment: nil
        }
    }
}

extension Reversals {
    /// What was taken back of these payments in all, whenever it was.
    /// - Throws: `StripeError`; `ReadingError` where a list has no end.
    public func total(of intents: [String]) async throws -> Reversed {
        var facts: [ReversalFacts] = []
        for intent in intents { facts += try await of(intent: intent).map(\.facts) }
        return Reversed(facts)
    }
}
