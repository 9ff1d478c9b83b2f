import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// `kind: reconcile`: both sides over a period, in three passes (DESIGN section 2): (a) the objects created in it, (b)
/// local rows that are not terminal, whatever their age, (c) the objects that events name.
struct ReconcileGathering: Gathering {
    let job: String
    let subjects: [Subject]
    let clients: [String: StripeClient]
    let pool: Pool
    /// A backfill is about its period and nothing else: no events, no open rows of other times.
    let isBackfill: Bool
    /// As of when ages are judged, in Unix seconds; `nil`: the end of the run's period. A backfill of last year judges
    /// what is stale or overdue today.
    var judgedAtSeconds: Int64?
    let progress: @Sendable (RunProgress) -> Void
    let limits = ComparisonLimits()

    /// Stripe lists events of so many seconds back.
    static let eventsReachBackSeconds: Int64 = 30 * 86_400
    /// Events of a moment before the last run's end are looked at again: they may have been listed late.
    private static let overlapSeconds: Int64 = 3_600
    /// An intent and what joins it to its invoice are made at nearly the same time.
    private static let joinSlackSeconds: Int64 = 3_600

    func lists(period: Window) async throws -> [RunList: Window] {
        var lists: [RunList: Window] = [:]
        for subject in subjects {
            lists[RunList(account: subject.account, object: subject.object)] = period
            if subject.object == .paymentIntent, clients[subject.account]?.account.hasInvoicePayments ?? false {
                lists[RunList(account: subject.account, object: .invoicePayment)] = period.widened(
                    bySeconds: Self.joinSlackSeconds)
            }
        }
        guard !isBackfill else { return lists }
        // What earlier events named was looked at by the run that read them; what it found is carried since.
        let since = try await Runs(pool: pool).readUpTo(job: job).map { $0 - Self.overlapSeconds } ?? .min
        let from = max(since, period.toSeconds - Self.eventsReachBackSeconds)
        let events = Window(fromSeconds: min(from, period.toSeconds), toSeconds: period.toSeconds)
        for account in Set(subjects.map(\.account)) { lists[RunList(account: account, object: .event)] = events }
        return lists
    }

    func gather(_ own: OwnRun, isLater: Bool) async throws -> Gathered {
        var gathered = Gathered()
        do {
            if !isLater {
                var reading = RunReading(own: own, clients: clients, pool: pool, progress: progress)
                for subject in subjects {
                    reading.eventTypes[subject.account, default: []].formUnion(subject.eventHints.types)
                }
                gathered.tally.problems = try await reading.read()
                guard gathered.tally.problems.isEmpty else { return gathered }
            }
            for subject in subjects { try await compare(own, subject, isLater: isLater, &gathered) }
        } catch let error as StripeError where error.kind != .cancelled {
            gathered.tally.problems.append("\(error)")
        } catch let error as ComparisonError {
            gathered.tally.problems.append("\(error)")
        }
        return gathered
    }

    private func compare(_ own: OwnRun, _ subject: Subject, isLater: Bool, _ gathered: inout Gathered) async throws {
        let run = own.run
        guard let client = clients[subject.account] else { throw RunError.noAccount(subject.account) }
        let confirmer = Confirmer(
            client: client, account: subject.account, staged: subject.staged(run), fence: own.fence, pool: pool)
        if !isLater {
            if subject.object == .paymentIntent {
                try await pool.transaction(own.fence) {
                    try await StagedInvoicePayments.join(
                        StagingTable(.invoicePayment, runID: run.id), to: subject.staged(run),
                        account: subject.account, on: $0)
                }
            }
            if !isBackfill { try await readNamedByEvents(run, subject, confirmer) }
            if subject.hasReversals { try await readReversals(own, subject, client, confirmer) }
        }
        let now = judgedAtSeconds ?? run.period.toSeconds
        let comparison = Comparison(
            subject: subject,
            diff: subject.diff(run, ofAnyAge: !isBackfill, nowSeconds: now), confirmer: confirmer,
            nowSeconds: now, pool: pool,
            carried: isBackfill
                ? CarriedObjects()
                : try await Findings(pool: pool).unclosed(
                    job: job, account: subject.account, comparison: subject.comparison, limit: limits.reads),
            trustsFresh: isLater || run.attempt == 1, limits: limits, progress: progress)
        let result = try await comparison.run()
        gathered.add(result.judged)
        gathered.tally.stripeObjects += result.local.staged
        gathered.tally.localRows += result.local.rows
        if subject.isStated {
            gathered.tally.compared.append(
                ComparedList(account: subject.account, comparison: subject.comparison, classes: result.classes))
        }
        gathered.tally.note(unconfirmed: result.unconfirmed, account: subject.account)
    }

    private func readReversals(
        _ own: OwnRun, _ subject: Subject, _ client: StripeClient, _ confirmer: Confirmer
    ) async throws {
        let carried = try await Findings(pool: pool).unclosedObjects(
            job: job, account: subject.account, comparison: subject.comparison, kinds: [.disputed, .refunded],
            limit: limits.reads)
        try await ReversalReading(
            run: own.run, fence: own.fence, subject: subject, client: client, confirmer: confirmer, pool: pool,
            limits: limits
        ).read(carried: isBackfill ? [] : carried)
    }

    /// Pass (c): objects older than the period whose local rows do not say what their last event says. Those of rows
    /// that are not terminal are read in pass (b), where many together take fewer requests.
    private func readNamedByEvents(_ run: Run, _ subject: Subject, _ confirmer: Confirmer) async throws {
        let unread = try await pool.withConnection { connection in
            try await subject.eventHints.unread(
                events: StagingTable(.event, runID: run.id), objects: subject.staged(run), account: subject.account,
                undeliveredToo: false, waitingToo: false, on: connection)
        }
        guard !unread.isEmpty else { return }
        guard unread.count <= limits.reads else {
            throw ComparisonError.tooManyNamed(account: subject.account, objects: unread.count, limit: limits.reads)
        }
        progress(.confirming(account: subject.account, objects: unread.count))
        try await confirmer.read(unread)
    }
}
