import PostgreSQL
import Reconciliation
import Store
import Stripe
import Synchronization

/// Asks what was taken back of payments where no list of the run has said so: before a credit is granted or a charge
/// succeeds for them, before they are said to agree, and before an open finding about them is closed.
///
/// A run lists refunds and disputes from its period's beginning on at least, so that it knows of those of all payments
/// that were made since. An older payment is looked at only where something leads to it: a row that waits, an event, an
/// open finding, a refund of today. It may have been taken back before the period, too. That is for a person, never for
/// a repair; and a difference that is said first (a mismatch) must not be all that anybody ever hears of it.
struct ReversalCheck: Sendable {
    let run: Run
    let fence: RunFence
    let subject: Subject
    let client: StripeClient
    let pool: Pool
    /// As of when the rules judge, Unix seconds.
    let nowSeconds: Int64
    /// Reversals from this second on are known; `nil`: none are.
    let listedFrom: Int64?
    /// Of what agrees only these are asked about; `nil`: all that lists did not show.
    var agreeing: CarriedObjects?
    /// What was asked before in this attempt at the run.
    let asked: AskedPayments
    let progress: @Sendable (RunProgress) -> Void

    /// Asks about what a comparison came to, and stages what was taken back.
    /// - Parameters:
    ///   - judged: the differences; all else in `diff` agrees.
    /// - Returns: whether the comparison has to be made again with it.
    /// - Throws: `StripeError`; `ReadingError` where a list has no end.
    func findsMore(_ judged: [Judged], in diff: any Diff) async throws -> Bool {
        let objects = try await unasked(judged, diff)
        guard !objects.isEmpty else { return false }
        progress(.confirming(account: subject.account, objects: objects.count))
        let found = try await atOnce(objects, Confirmer.workers) { try await reversals(of: $0) }.flatMap { $0 }
        let new = try await pool.withConnection {
            try await StagedReversals(runID: run.id).add(
                found.map { ($0.facts, $0.requestID) }, of: subject.object, account: subject.account, for: fence,
                on: $0)
        }
        asked.insert(objects.map(\.id), account: subject.account)
        return new > 0
    }

    private func unasked(_ judged: [Judged], _ diff: any Diff) async throws -> [PaidObject] {
        var objects = try await pool.withConnection {
            try await diff.paid(before: listedFrom, among: agreeing, on: $0)
        }
        if !objects.isEmpty {
            let differing = Set(judged.compactMap(\.found.pair.existingStripeID))
            objects.removeAll { differing.contains($0.id) }
        }
        objects += judged.compactMap(decided)
        var ids: Set<String> = []
        return objects.filter { !asked.contains($0.id, account: subject.account) && ids.insert($0.id).inserted }
    }

    /// The object of a difference that would be another one if something had been taken back of it.
    private func decided(_ judged: Judged) -> PaidObject? {
        let pair = judged.found.pair
        guard judged.isConfirmed, isOlder(pair.paidSeconds), let id = pair.existingStripeID else { return nil }
        let verdict = subject.classify(pair.with(Reversed(refunded: 1)), nowSeconds: nowSeconds)
        guard verdict.kind == .refunded else { return nil }
        return PaidObject(id: id, paymentIntent: pair.paymentIntent)
    }

    /// Nothing is taken back of a payment before it was made.
    private func isOlder(_ seconds: Int64?) -> Bool {
        guard let seconds else { return false }
        return listedFrom.map { seconds < $0 } ?? true
    }

    /// All that was taken back of an object's payments, whenever that was, as of the object.
    private func reversals(of object: PaidObject) async throws -> [Reversals.Read] {
        let isInvoice = subject.object == .invoice
        let intents: [String] =
            if !isInvoice {
                [object.id]
            } else if client.account.hasInvoicePayments {
                try await client.intentsOfInvoice(object.id)
            } else {
                // What was read of the invoice says it.
                object.paymentIntent.map { [$0] } ?? []
            }
        var found: [Reversals.Read] = []
        for intent in intents {
            for var read in try await Reversals(client).of(intent: intent) {
                read.facts.paymentIntent = intent
                if isInvoice { read.facts.invoiceID = object.id }
                found.append(read)
            }
        }
        return found
    }
}

/// Payments of which it is known what was taken back of them, whenever it was.
final class AskedPayments: Sendable {
    private struct Payment: Sendable, Hashable {
        let account: String
        let id: String
    }

    private let payments = Mutex<Set<Payment>>([])

    func insert(_ ids: [String], account: String) {
        payments.withLock { $0.formUnion(ids.map { Payment(account: account, id: $0) }) }
    }

    func contains(_ id: String, account: String) -> Bool {
        payments.withLock { $0.contains(Payment(account: account, id: id)) }
    }
}

extension Pair {
    /// When the payment was made, Unix seconds, or at least when its object was; `nil` where there is none.
    @inline(never)
    fileprivate var paidSeconds: Int64? {
        switch self {
        case .order(let pair): pair.stripe.map { $0.paidAtSeconds ?? $0.createdSeconds }
        case .charge(let pair): pair.stripe.map { $0.chargedAtSeconds ?? $0.createdSeconds }
        case .notice, .payment: nil
        }
    }

    /// The payment intent that an invoice names.
    @inline(never)
    fileprivate var paymentIntent: String? {
        if case .order(let pair) = self { pair.stripe?.paymentIntent } else { nil }
    }

    /// The same pair, of which this was taken back.
    @inline(never)
    fileprivate func with(_ reversed: Reversed) -> Pair {
        switch self {
        case .order(var pair):
            pair.reversed = reversed
            return .order(pair)
        case .charge(var pair):
            pair.reversed = reversed
            return .charge(pair)
        case .notice, .payment: return self
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
