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
    /// All jobs of the directory.
    let jobs: [JobDefinition]
    let clients: [String: StripeClient]
    let pool: Pool
    /// A backfill is about its period and nothing else: no events, no open rows of other times, no payments of other
    /// times that were taken back.
    let isBackfill: Bool
    /// As of when ages are judged, in Unix seconds; `nil`: the end of the run's period. A backfill of last year judges
    /// what is stale or overdue today.
    var judgedAtSeconds: Int64?
    let progress: @Sendable (RunProgress) -> Void
    let limits: ComparisonLimits
    let asked = AskedPayments()

    /// Stripe lists events of so many seconds back.
    static let eventsReachBackSeconds: Int64 = 30 * 86_400
    /// Events of a moment before the last run's end are looked at again: they may have been listed late, or what they
    /// tell of was within the settle delay then.
    private var overlapSeconds: Int64 { 3_600 + (subjects.map(\.settleSeconds).max() ?? 0) }
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
        for account in Set(subjects.map(\.account)) {
            let list = RunList(account: account, object: .event)
            let since = try await Runs(pool: pool).readUpTo(job: job, list).map { $0 - overlapSeconds } ?? .min
            let from = max(since, period.toSeconds - Self.eventsReachBackSeconds)
            lists[list] = Window(fromSeconds: min(from, period.toSeconds), toSeconds: period.toSeconds)
        }
        return lists
    }

    func gather(_ own: OwnRun, isLater: Bool) async throws -> Gathered {
        guard !isLater else { return try await compare(own, [:], isLater: true) }
        let (reversals, problems) = try await read(own)
        guard problems.isEmpty else {
            var gathered = Gathered()
            gathered.tally.problems = problems
            return gathered
        }
        return try await compare(own, reversals, isLater: false)
    }

    /// - Parameter listed: by account what was taken back of payments.
    private func compare(
        _ own: OwnRun, _ listed: [String: ListedReversals], isLater: Bool
    ) async throws -> Gathered {
        var gathered = Gathered()
        for part in try await atOnce(
            byAccount, Self.accountsAtOnce,
            { [self] subjects in
                var part = Gathered()
                try await part.noting { part in
                    for subject in subjects {
                        let taken = subject.hasReversals ? listed[subject.account] : nil
                        part.add(try await compare(own, subject, taken, isLater: isLater), of: subject)
                    }
                }
                return part
            })
        {
            gathered.add(part)
        }
        return gathered
    }

    /// The subjects of one account read and stage the same objects: they are compared one after the other.
    private var byAccount: [[Subject]] {
        var accounts: [String] = []
        for subject in subjects where !accounts.contains(subject.account) { accounts.append(subject.account) }
        return accounts.map { account in subjects.filter { $0.account == account } }
    }

    /// A comparison keeps one connection and one processor of the database busy.
    private static let accountsAtOnce = 3

    /// Reads the lists, and beside them what was taken back of payments.
    /// - Returns: by account what was taken back; and what keeps the run from being complete.
    private func read(_ own: OwnRun) async throws -> ([String: ListedReversals], problems: [Advice]) {
        enum Part: Sendable {
            case lists([String])
            case reversals(account: String, ListedReversals?, problems: [Advice])
        }
        var reading = RunReading(own: own, clients: clients, pool: pool, subjects: subjects, progress: progress)
        for subject in subjects {
            reading.eventTypes[subject.account, default: []].formUnion(subject.eventHints.types)
        }
        reading.others = jobs.compactMap { definition in
            guard case .reconcile(let job) = definition.kind else { return nil }
            return job
        }
        if !own.run.isPlan { reading.paymentLists = paymentLists }
        let lists = reading
        return try await withThrowingTaskGroup(of: Part.self) { group in
            group.addTask { .lists(try await lists.read()) }
            for subject in subjects where subject.hasReversals {
                group.addTask {
                    var found: ListedReversals?
                    var part = Gathered()
                    try await part.noting { _ in found = try await list(reversalsOf: subject, own.run) }
                    return .reversals(account: subject.account, found, problems: part.tally.problems)
                }
            }
            var reversals: [String: ListedReversals] = [:]
            var problems: [Advice] = []
            for try await part in group {
                switch part {
                case .lists(let found): problems += found.map { Advice($0) }
                case .reversals(let account, let found, let others):
                    reversals[account] = found
                    problems += others
                }
            }
            return (reversals, problems.sorted { $0.description < $1.description })
        }
    }

    /// The lists whose payments are known page by page. Which intents belong to invoices, later API versions say in a
    /// list of its own.
    private var paymentLists: Set<RunList> {
        let stated = subjects.filter { subject in
            subject.isStated
                && (subject.object == .invoice || clients[subject.account]?.account.hasInvoicePayments == false)
        }
        return Set(stated.map { RunList(account: $0.account, object: $0.object) })
    }

    private func list(reversalsOf subject: Subject, _ run: Run) async throws -> ListedReversals {
        let carried =
            isBackfill
            ? []
            : try await Findings(pool: pool).unclosedObjects(
                job: job, account: subject.account, comparison: subject.comparison, kinds: [.disputed, .refunded],
                limit: limits.requests)
        let listed = try await ReversalListing(
            fromSeconds: try await reversalsFrom(subject, run), subject: subject, client: try client(subject),
            readsOthers: !isBackfill
        ).read(carried: carried)
        asked.insert(carried, unlisted: listed.unlisted, account: subject.account)
        return listed
    }

    /// From which second on what was taken back of payments is listed: the period's beginning, or where the last
    /// complete run ended, if that is longer ago. However long the job was not run, nothing that was taken back
    /// meanwhile is left out: its payment may be older than the days that a backfill reads.
    private func reversalsFrom(_ subject: Subject, _ run: Run) async throws -> Int64 {
        guard !isBackfill else { return run.period.fromSeconds }
        let list = RunList(account: subject.account, object: subject.object)
        let readUpTo = try await Runs(pool: pool).readUpTo(job: job, list)
        return min(run.period.fromSeconds, readUpTo ?? run.period.fromSeconds)
    }

    private func client(_ subject: Subject) throws -> StripeClient {
        guard let client = clients[subject.account] else { throw RunError.noAccount(subject.account) }
        return client
    }

    private func compare(
        _ own: OwnRun, _ subject: Subject, _ reversals: ListedReversals?, isLater: Bool
    ) async throws -> ComparisonResult {
        let run = own.run
        let client = try client(subject)
        let confirmer = Confirmer(
            client: client, account: subject.account, staged: subject.staged(run), fence: own.fence, pool: pool,
            listed: ListedTime(window: run.period))
        if !isLater {
            if subject.object == .paymentIntent {
                try await pool.transaction(own.fence) {
                    try await StagedInvoicePayments.join(
                        StagingTable(.invoicePayment, runID: run.id), to: subject.staged(run),
                        account: subject.account, on: $0)
                }
            }
            if !isBackfill { try await readNamedByEvents(run, subject, confirmer) }
            if let reversals {
                try await ReversalStaging(
                    run: run, fence: own.fence, subject: subject, client: client, confirmer: confirmer, pool: pool,
                    readsOthers: !isBackfill, limits: limits
                ).stage(reversals)
            }
        }
        let now = judgedAtSeconds ?? run.period.toSeconds
        let asking = subject.hasReversals ? try await check(own, subject, client, nowSeconds: now) : nil
        return try await Comparison(
            subject: subject,
            diff: subject.diff(run, ofAnyAge: !isBackfill, nowSeconds: now), confirmer: confirmer,
            nowSeconds: now, pool: pool,
            carried: isBackfill
                ? CarriedObjects()
                : try await Findings(pool: pool).unclosed(
                    job: job, account: subject.account, comparison: subject.comparison, limit: limits.requests),
            trustsFresh: isLater || run.attempt == 1,
            reversals: asking, limits: limits, progress: progress
        ).run()
    }

    private func check(
        _ own: OwnRun, _ subject: Subject, _ client: StripeClient, nowSeconds: Int64
    ) async throws -> ReversalCheck {
        ReversalCheck(
            run: own.run, fence: own.fence, subject: subject, client: client, pool: pool, nowSeconds: nowSeconds,
            listedFrom: try await reversalsFrom(subject, own.run), asked: asked, progress: progress)
    }

    /// Pass (c): objects older than the period whose local rows do not say what their last event says. Those of rows
    /// that are not terminal are read in pass (b), where many together take fewer requests.
    private func readNamedByEvents(_ run: Run, _ subject: Subject, _ confirmer: Confirmer) async throws {
        let unread = try await pool.withConnection { connection in
            try await subject.eventHints.unread(
                events: StagingTable(.event, runID: run.id), objects: subject.staged(run), listed: run.period,
                account: subject.account, undeliveredToo: false, waitingToo: false,
                unreadPaymentsToo: subject.isStated, on: connection)
        }
        guard !unread.isEmpty else { return }
        guard unread.count <= limits.requests else {
            throw ComparisonError.tooManyNamed(account: subject.account, objects: unread.count, limit: limits.requests)
        }
        progress(.confirming(account: subject.account, objects: unread.count))
        try await confirmer.read(unread)
    }
}
