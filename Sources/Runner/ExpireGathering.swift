import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// `kind: expire`: drafts that nobody will finalize and intents that nobody will confirm, and nothing else.
///
/// Drafts are listed by their status: one that leaves the list while it is read is no draft any more. Intents cannot be
/// listed by status: a run lists those that have become stale since the last one, because an intent that was confirmed
/// once, or that a Checkout session made, never becomes one that was not.
struct ExpireGathering: Gathering {
    let job: String
    let work: ExpireJob
    let subjects: [Subject]
    let clients: [String: StripeClient]
    let pool: Pool
    let progress: @Sendable (RunProgress) -> Void
    let limits: ComparisonLimits

    /// An intent and what joins it to its invoice are made at nearly the same time.
    private static let joinSlackSeconds: Int64 = 3_600
    /// What expires.
    private static let stale: Set<FindingKind> = [.staleDraft, .staleIntent]
    /// What the row of an object shows that an earlier run took away at Stripe, and was stopped before it wrote so.
    private static let cutOff: Set<FindingKind> = [.missingInStripe, .missedVoid, .missedCanceled]

    func lists(period: Window) async throws -> [RunList: Window] {
        var lists: [RunList: Window] = [:]
        for subject in subjects {
            let list = RunList(account: subject.account, object: subject.object)
            let since = try await Runs(pool: pool).readUpTo(job: job, list)
            let fresh = Window(
                fromSeconds: min(period.toSeconds, max(since ?? .min, period.fromSeconds)), toSeconds: period.toSeconds)
            lists[list] = subject.object == .invoice ? period : fresh
            if subject.object == .paymentIntent, clients[subject.account]?.account.hasInvoicePayments ?? false {
                lists[RunList(account: subject.account, object: .invoicePayment)] = fresh.widened(
                    bySeconds: Self.joinSlackSeconds)
            }
        }
        return lists
    }

    func gather(_ own: OwnRun, isLater: Bool) async throws -> Gathered {
        var gathered = Gathered()
        try await gathered.noting { gathered in
            let reading = RunReading(
                own: own, clients: clients, pool: pool, invoiceStatus: "draft", progress: progress)
            gathered.tally.problems = try await reading.read().map { Advice($0) }
            guard gathered.tally.problems.isEmpty else { return }
            for subject in subjects { try await compare(own, subject, &gathered) }
        }
        return gathered
    }

    private func compare(_ own: OwnRun, _ subject: Subject, _ gathered: inout Gathered) async throws {
        let run = own.run
        guard let client = clients[subject.account] else { throw RunError.noAccount(subject.account) }
        let staged = subject.staged(run)
        if subject.object == .paymentIntent {
            try await pool.transaction(own.fence) {
                try await StagedInvoicePayments.join(
                    StagingTable(.invoicePayment, runID: run.id), to: staged, account: subject.account, on: $0)
            }
        }
        let listed = try await Runs(pool: pool).lists(of: run.id)[
            RunList(account: subject.account, object: subject.object)]
        let carried = try await Findings(pool: pool).unclosed(
            job: job, account: subject.account, comparison: subject.comparison, limit: limits.requests)
        // What is stale now: the period ends where it begins to be.
        let nowSeconds = run.period.toSeconds + work.staleAfterSeconds
        // Only what was listed, and what it belongs to: a period without length has no rows of its own.
        let comparison = Comparison(
            subject: subject, diff: subject.diff(run.withoutLength, ofAnyAge: false, nowSeconds: nowSeconds),
            confirmer: Confirmer(
                client: client, account: subject.account, staged: staged, fence: own.fence, pool: pool,
                listed: listed.map { ListedTime(window: $0, hasOnlyDrafts: subject.object == .invoice) }),
            nowSeconds: nowSeconds, pool: pool, carried: CarriedObjects(stripeIDs: carried.stripeIDs),
            trustsFresh: run.attempt == 1, kinds: Self.stale.union(Self.cutOff), limits: limits, progress: progress)
        let result = try await comparison.run()
        let begun = Set(carried.stripeIDs)
        gathered.judged += result.judged.compactMap { judged in
            if Self.stale.contains(judged.kind) { return judged.expiring }
            return begun.contains(judged.found.pair.stripeID) ? judged : nil
        }
        // What is gone at Stripe was compared as well: its row is one of those that the limits look at.
        let gone = result.judged.count {
            begun.contains($0.found.pair.stripeID) && $0.found.pair.existingStripeID == nil
        }
        gathered.tally.stripeObjects += result.local.staged + Int64(gone)
        gathered.tally.note(unconfirmed: result.unconfirmed, account: subject.account)
    }
}

extension Judged {
    /// The same difference in a job whose purpose is to expire: what no local row stands for expires too.
    fileprivate var expiring: Judged {
        guard isConfirmed else { return self }
        var judged = self
        judged.action = .apply
        return judged
    }
}
