import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// One run of a job of kind `reconcile`, `expire` or `replay`: the nine steps of DESIGN section 2.
public struct JobRun: Sendable {
    let definition: JobDefinition
    let jobs: [JobDefinition]
    let clients: [String: StripeClient]
    let pool: Pool
    let origin: RunOrigin
    let isPlan: Bool
    let nowSeconds: Int64
    /// The period of a backfill; `nil`: the job's own.
    let range: Window?
    let canSend: Bool
    let lease: Lease?
    /// This process as a reader of windows; unique among all.
    let reader: String
    /// How long what it reads is held without a sign of life.
    let leaseSeconds: Double
    let alerts: Alerts?
    let comparisons: ComparisonLimits
    let progress: @Sendable (RunProgress) -> Void
    /// What the clients had sent before this run.
    private let before: ClientUsage

    /// - Parameters:
    ///   - jobs: all jobs of the directory: some kinds use the tables of others.
    ///   - clients: one for each account of the job.
    ///   - pool: at least ``poolSize`` connections.
    ///   - nowSeconds: the clock; the run's period ends a settle delay before it.
    ///   - lease: of the occurrence that the run belongs to: nothing is written once it is lost.
    ///   - reader: the name of this process, unique among all; made up unless it is given.
    ///   - leaseSeconds: windows that are not heard of for so long are taken over by other processes.
    ///   - canSend: there is a way for mail: notices that were missed can be sent.
    ///   - range: for a backfill, the seconds of `created` that it is about.
    ///   - alerts: who hears of its end; `nil`: nobody.
    ///   - comparisons: how much each comparison may hold and ask for.
    public init(
        definition: JobDefinition, jobs: [JobDefinition], clients: [String: StripeClient], pool: Pool,
        origin: RunOrigin, isPlan: Bool, nowSeconds: Int64, range: Window? = nil, canSend: Bool = false,
        lease: Lease? = nil, reader: String? = nil, leaseSeconds: Double = 60, alerts: Alerts? = nil,
        comparisons: ComparisonLimits = ComparisonLimits(),
        progress: @escaping @Sendable (RunProgress) -> Void = { _ in }
    ) {
        self.definition = definition
        self.jobs = jobs
        self.clients = clients
        self.pool = pool
        self.origin = origin
        self.isPlan = isPlan
        self.nowSeconds = nowSeconds
        self.range = range
        self.canSend = canSend
        self.lease = lease
        self.reader = reader ?? Self.unique(origin)
        self.leaseSeconds = leaseSeconds
        self.alerts = alerts
        self.comparisons = comparisons
        self.progress = progress
        before = ClientUsage(clients)
    }

    /// A name for a process of this origin that no other has.
    private static func unique(_ origin: RunOrigin) -> String {
        "\(origin.host):\(origin.processID):\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    }

    /// The connections that a run uses at most.
    public static let poolSize = 8

    /// Runs the job to its end.
    /// - Throws: ``RunError`` when it did not start; `CancellationError` when it was stopped (the next run goes on);
    ///   `PostgresError` when the database went away (the next run goes on).
    public func run() async throws -> RunResult {
        // The lock has a connection of its own, which opens while another looks at the tables.
        async let prepared = prepare()
        guard let lock = try await JobLock.take(job: definition.name, for: lease, target: pool.target) else {
            throw RunError.alreadyRunning(definition.name)
        }
        do {
            let result = try await runLocked(try await prepared)
            await lock.release()
            return result
        } catch {
            await lock.release()
            // Whatever a stopped request or statement says, the cause is the stop.
            if Task.isCancelled { throw CancellationError() }
            throw error
        }
    }

    private func prepare() async throws -> Subjects {
        try await pool.withConnection { try await Migrator.check($0) }
        return try await Subjects.resolve(definition, jobs: jobs, canSend: canSend, pool: pool)
    }

    private func runLocked(_ subjects: Subjects) async throws -> RunResult {
        let accounts = try await atOnce(definition.kind.accounts, definition.kind.accounts.count) { account in
            try await client(account).verifyKnown(account, pool: pool)
        }
        if !isPlan { try await pool.withConnection { for account in accounts { try await account.remember(on: $0) } } }
        let hash = isPlan ? subjects.hash(readWith: accounts) : subjects.hash
        let gathering = try gathering(subjects)
        let runs = Runs(pool: pool)
        try await runs.dropLeftovers()
        let period = try await period()
        let unfinished = try await runs.takeUnfinished(
            job: definition.name, definitionHash: hash, isPlan: isPlan,
            period: isOccurrence ? period : range, settleSeconds: openEndSettleSeconds, origin: origin, lease: lease)
        for run in unfinished.replaced { progress(.replaced(run)) }
        let run: Run
        if let unfinished = unfinished.taken {
            run = unfinished
        } else {
            run = try await runs.begin(
                job: definition.name, definitionHash: hash, isPlan: isPlan, period: period,
                lists: try await gathering.lists(period: period), origin: origin, lease: lease)
        }
        progress(
            .began(
                runID: run.id, resumed: unfinished.taken != nil, periodFromSeconds: run.period.fromSeconds,
                periodToSeconds: run.period.toSeconds))
        let own = OwnRun(
            run: run, fence: RunFence(run, lease: lease), reader: reader, leaseSeconds: leaseSeconds,
            accounts: accounts)
        do {
            if !isPlan {
                try await WriteRecovery(fence: own.fence, clients: clients, pool: pool).recover()
            }
            return try await work(own, subjects, gathering)
        } catch {
            // Whatever a stopped request or statement says, the cause is the stop.
            guard error is CancellationError || Task.isCancelled else { throw error }
            try await markInterrupted(own)
            throw CancellationError()
        }
    }

    private func gathering(_ subjects: Subjects) throws(RunError) -> any Gathering {
        switch definition.kind {
        case .reconcile(let job):
            return ReconcileGathering(
                job: definition.name, subjects: subjects.list, jobs: jobs, clients: clients, pool: pool,
                isBackfill: range != nil, judgedAtSeconds: range == nil ? nil : nowSeconds - job.settleSeconds,
                progress: progress, limits: comparisons)
        case .expire(let work):
            return ExpireGathering(
                job: definition.name, work: work, subjects: subjects.list, clients: clients, pool: pool,
                progress: progress, limits: comparisons)
        case .replay(let work):
            return ReplayGathering(
                job: definition.name, work: work, subjects: subjects.list, clients: clients, pool: pool,
                progress: progress, limits: comparisons)
        case .report:
            throw .unsupported("job \(definition.name) is of kind \(definition.kind.word)")
        }
    }

    /// Whether the run's period is that of an occurrence.
    private var isOccurrence: Bool {
        if case .reconcile = definition.kind { return lease != nil && range == nil }
        return false
    }

    /// The job's settle delay where the end of a backfill lies ahead.
    private var openEndSettleSeconds: Int64? {
        guard let range, case .reconcile(let job) = definition.kind, range.toSeconds > nowSeconds - job.settleSeconds
        else { return nil }
        return job.settleSeconds
    }

    /// What the run is about.
    private func period() async throws -> Window {
        if isOccurrence, let lease, case .reconcile(let job) = definition.kind {
            return ReadingPeriod(
                occurrence: lease.occurrence.window, settleSeconds: job.settleSeconds,
                lookBackSeconds: job.lookBackSeconds, nowSeconds: nowSeconds,
                readUpTo: try await Runs(pool: pool).readUpTo(job: definition.name)
            ).listed
        }
        let (lookBack, settle): (Int64?, Int64) =
            switch definition.kind {
            case .reconcile(let job): (job.lookBackSeconds, job.settleSeconds)
            case .replay(let job): (job.lookBackSeconds, job.settleSeconds)
            case .expire(let job): (job.lookBackSeconds, job.staleAfterSeconds)
            case .report: (0, 0)
            }
        let to = nowSeconds - settle
        guard let range else {
            guard let lookBack else { return Window(fromSeconds: 0, toSeconds: to) }
            let readUpTo = try await Runs(pool: pool).readUpTo(job: definition.name)
            return Window(fromSeconds: beginning(to - lookBack, to, readUpTo: readUpTo), toSeconds: to)
        }
        let end = min(range.toSeconds, to)
        guard range.fromSeconds < end else { throw RunError.emptyRange(definition.name) }
        return Window(fromSeconds: range.fromSeconds, toSeconds: end)
    }

    /// Where a run by hand begins that would begin at `from` and ends at `to`.
    private func beginning(_ from: Int64, _ to: Int64, readUpTo: Int64?) -> Int64 {
        switch definition.kind {
        case .reconcile, .report: ReadingPeriod.from(from, readUpTo: readUpTo)
        // There is no backfill of what expires.
        case .expire: ReadingPeriod.from(from, readUpTo: readUpTo, makingUpFor: .max)
        // All that Stripe still lists.
        case .replay:
            ReadingPeriod.from(
                from, readUpTo: readUpTo.map { max($0, to - ReconcileGathering.eventsReachBackSeconds) })
        }
    }

    /// Not under the cancelled task: it has to reach the database.
    private func markInterrupted(_ own: OwnRun) async throws {
        let spent = try await spent(own.run)
        let how = TimeLimit.passed.map { " after \($0.seconds) s, the job's timeout" } ?? ""
        let outcome = RunOutcome(
            state: .interrupted, requests: spent.requests, requestsLeast: spent.least,
            advice: ["It was stopped\(how); the same command goes on from there."])
        do {
            _ = try await Task { try await Runs(pool: pool).end(own.fence, outcome) }.value
        } catch is RunLost {
            // It has come to its end just before, or somebody else goes on with it.
        }
    }

    private func work(_ own: OwnRun, _ subjects: Subjects, _ gathering: any Gathering) async throws -> RunResult {
        var gathered = try await DatabaseWatch(pool: pool).during { try await gathering.gather(own, isLater: false) }
        guard gathered.tally.problems.isEmpty else {
            let outcome = gathered.tally.outcome(.incomplete, counts: [:], spent: try await spent(own.run))
            let whole = try await Runs(pool: pool).end(own.fence, outcome, also: telling(own.run, outcome))
            return RunResult(run: own.run, outcome: whole, findings: [])
        }
        let gaps = try await readingGaps(own.run, subjects)
        gathered.tally.problems = Self.problems(gaps)
        gathered.tally.notes += try await unreadEvents(own.run)
        var result =
            isPlan
            ? try await endPlan(own, gathered, subjects)
            : try await endApplied(own, &gathered, subjects, gathering)
        result.gaps = gaps
        return result
    }

    // MARK: - Parts

    func client(_ account: String) throws(RunError) -> StripeClient {
        guard let client = clients[account] else { throw .noAccount(account) }
        return client
    }

    /// Requests of this attempt at the run.
    func spent(_ run: Run) async throws -> SpentRequests {
        let used = ClientUsage(clients) - before
        // Not under a cancelled task: it has to reach the database.
        let pages = try await Task {
            try await pool.withConnection { try await Windows.pageCounts(of: run.id, on: $0) }
        }.value
        // Of a resumed run the pages of earlier attempts count too: there can be more than requests of this one.
        let spare = max(0, pages.read - pages.least)
        return SpentRequests(requests: used.requests, least: max(0, used.requests - used.repeated - spare))
    }

    var limits: RepairLimits { definition.kind.limits ?? RepairLimits() }
}

/// What some clients have sent.
struct ClientUsage: Sendable, Hashable {
    var requests: Int64 = 0
    /// Of these, attempts beyond the first.
    var repeated: Int64 = 0

    init(_ clients: [String: StripeClient]) {
        for usage in clients.values.map(\.usage) {
            requests += Int64(usage.requests)
            repeated += Int64(usage.retries)
        }
    }

    static func - (now: ClientUsage, before: ClientUsage) -> ClientUsage {
        var difference = now
        difference.requests -= before.requests
        difference.repeated -= before.repeated
        return difference
    }
}
