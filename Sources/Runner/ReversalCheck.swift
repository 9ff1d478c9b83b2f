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
        let answers = try await atOnce(objects, Confirmer.workers) { try await ask(about: $0) }
        let found = answers.flatMap(\.reads).flatMap(\.rows)
        let new = try await pool.withConnection {
            try await StagedReversals(runID: run.id).add(
                found, of: subject.object, account: subject.account, for: fence, on: $0)
        }
        asked.insert(
            objects.map(\.id), unlisted: answers.filter(\.isUnlisted).map(\.id), account: subject.account)
        return new > 0
    }

    /// The same differences, of which those are a person's that would be repaired although nobody can be asked what was
    /// taken back of them.
    func withUnlisted(_ judged: [Judged]) -> [Judged] {
        let unlisted = asked.unlisted(account: subject.account)
        guard !unlisted.isEmpty else { return judged }
        return judged.map { judged in
            guard let id = judged.found.pair.existingStripeID, unlisted.contains(id), judged.isConfirmed else {
                return judged
            }
            var judged = judged
            judged.found.pair = judged.found.pair.withUnlisted
            judged.verdict = subject.classify(judged.found.pair, nowSeconds: nowSeconds)
            judged.action = judged.verdict.action(on: subject.on)
            return judged
        }
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

    /// What Stripe says about an object.
    private struct Answer: Sendable {
        var id: String
        /// All that was taken back of its payments, whenever that was.
        var reads: [Reversals.Read]
        /// Something paid it of which nobody can be asked that.
        var isUnlisted = false
    }

    private func ask(about object: PaidObject) async throws -> Answer {
        let reversals = Reversals(client)
        guard subject.object == .invoice else {
            var reads = try await reversals.of(.intent(object.id))
            for index in reads.indices { reads[index].facts.paymentIntent = object.id }
            return Answer(id: object.id, reads: reads)
        }
        let paid = try await sources(of: object)
        return Answer(
            id: object.id, reads: try await reversals.of(invoice: object.id, paidBy: paid),
            isUnlisted: paid.isUnlisted)
    }

    private func sources(of object: PaidObject) async throws -> InvoiceSources {
        // What was read of the invoice says it, but for one that a charge paid, or nothing at all.
        if !client.account.hasInvoicePayments, let intent = object.paymentIntent {
            return InvoiceSources([.intent(intent)])
        }
        return try await client.sources(ofInvoice: object.id)
    }
}

/// Payments of which it is known what was taken back of them, whenever it was.
final class AskedPayments: Sendable {
    private struct Payment: Sendable, Hashable {
        let account: String
        let id: String
    }

    private struct Known: Sendable {
        var asked: Set<Payment> = []
        var unlisted: Set<Payment> = []
    }

    private let known = Mutex(Known())

    /// - Parameter unlisted: those of which something was paid that no list of refunds and disputes knows of.
    func insert(_ ids: [String], unlisted: [String] = [], account: String) {
        known.withLock { known in
            known.asked.formUnion(ids.map { Payment(account: account, id: $0) })
            known.unlisted.formUnion(unlisted.map { Payment(account: account, id: $0) })
        }
    }

    func contains(_ id: String, account: String) -> Bool {
        known.withLock { $0.asked.contains(Payment(account: account, id: id)) }
    }

    /// Those of which it is not known, and cannot be asked.
    func unlisted(account: String) -> Set<String> {
        known.withLock { Set($0.unlisted.filter { $0.account == account }.map(\.id)) }
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

    /// The same pair, of which nobody can be asked whether more was taken back.
    @inline(never)
    fileprivate var withUnlisted: Pair {
        guard case .order(var pair) = self else { return self }
        pair.reversed.isUnlisted = true
        return .order(pair)
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
