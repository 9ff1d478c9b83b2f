import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// One run of a `kind: reconcile` job over invoices: the nine steps of DESIGN section 2.
public struct ReconcileRun: Sendable {
    let definition: JobDefinition
    let job: ReconcileJob
    let clients: [String: StripeClient]
    let pool: Pool
    let origin: RunOrigin
    let isPlan: Bool
    let nowSeconds: Int64
    let progress: @Sendable (RunProgress) -> Void
    let comparisonLimits = ComparisonLimits()
    /// What the clients had sent before this run.
    private let requestsBefore: Int64

    /// Objects that are read again one by one, at once.
    static let readers = 12
    /// Repairs under way at once.
    static let repairers = 4

    /// - Parameters:
    ///   - clients: one for each account of the job.
    ///   - pool: at least ``poolSize`` connections.
    ///   - nowSeconds: the clock; the run's period ends a settle delay before it.
    /// - Throws: ``RunError`` for a job that this cannot run.
    public init(
        definition: JobDefinition, clients: [String: StripeClient], pool: Pool, origin: RunOrigin, isPlan: Bool,
        nowSeconds: Int64, progress: @escaping @Sendable (RunProgress) -> Void = { _ in }
    ) throws(RunError) {
        guard case .reconcile(let job) = definition.kind else {
            throw .unsupported("job \(definition.name) is of kind \(definition.kind.word)")
        }
        guard job.object == .invoice else {
            throw .unsupported("job \(definition.name) compares \(job.object.rawValue) objects")
        }
        self.definition = definition
        self.job = job
        self.clients = clients
        self.pool = pool
        self.origin = origin
        self.isPlan = isPlan
        self.nowSeconds = nowSeconds
        self.progress = progress
        requestsBefore = Self.requests(clients)
    }

    /// The connections that a run uses at most.
    public static let poolSize = 8

    /// Runs the job to its end.
    /// - Throws: ``RunError`` when it did not start; `CancellationError` when it was stopped (the next run goes on);
    ///   `PostgresError` when the database went away (the next run goes on).
    public func run() async throws -> RunResult {
        guard let lock = try await JobLock.take(job: definition.name, target: pool.target) else {
            throw RunError.alreadyRunning(definition.name)
        }
        do {
            let result = try await runLocked()
            await lock.release()
            return result
        } catch {
            await lock.release()
            // Whatever a stopped request or statement says, the cause is the stop.
            if Task.isCancelled { throw CancellationError() }
            throw error
        }
    }

    private func runLocked() async throws -> RunResult {
        try await pool.withConnection { try await Migrator.check($0) }
        let tables = try await resolveTables()
        for account in job.accounts {
            try await client(account).verifyKnown(account, pool: pool)
        }
        let runs = Runs(pool: pool)
        try await runs.dropLeftovers()
        let period = Window(
            fromSeconds: nowSeconds - job.settleSeconds - job.lookBackSeconds, toSeconds: nowSeconds - job.settleSeconds
        )
        let unfinished = try await runs.takeUnfinished(
            job: definition.name, definitionHash: definition.hash, isPlan: isPlan, origin: origin)
        let run: Run
        if let unfinished {
            run = unfinished
        } else {
            run = try await runs.begin(
                job: definition.name, definitionHash: definition.hash, isPlan: isPlan, period: period,
                accounts: job.accounts, windowsPerAccount: 1, origin: origin)
        }
        progress(
            .began(
                runID: run.id, resumed: unfinished != nil, periodFromSeconds: run.period.fromSeconds,
                periodToSeconds: run.period.toSeconds))
        do {
            return try await work(run, tables)
        } catch {
            // Whatever a stopped request or statement says, the cause is the stop.
            guard error is CancellationError || Task.isCancelled else { throw error }
            try await markInterrupted(run)
            throw CancellationError()
        }
    }

    /// Not under the cancelled task: it has to reach the database.
    private func markInterrupted(_ run: Run) async throws {
        let outcome = RunOutcome(
            state: .interrupted, requests: requests(), problems: ["It was stopped; the next run goes on from there."])
        try await Task { try await Runs(pool: pool).end(run, outcome) }.value
    }

    private func work(_ run: Run, _ tables: [String: OrderTable]) async throws -> RunResult {
        var tally = Tally()
        tally.problems = try await read(run)
        var judged: [Judged] = []
        if tally.problems.isEmpty {
            do {
                for account in job.accounts {
                    let result = try await compare(run, account, tables)
                    judged += result.judged
                    tally.stripeObjects += result.local.staged
                    tally.localRows += result.local.rows
                    tally.note(unconfirmed: result.unconfirmed, account: account)
                }
            } catch let error as StripeError where error.kind != .cancelled {
                tally.problems.append("\(error)")
            } catch let error as ComparisonError {
                tally.problems.append("\(error)")
            }
        }
        guard tally.problems.isEmpty else { return try await endIncomplete(run, tally) }
        return isPlan
            ? try await endPlan(run, judged, tally, tables) : try await endApplied(run, judged, tally, tables)
    }

    // MARK: - Reading

    /// Reads every account, side by side.
    /// - Returns: what keeps the run from being complete.
    private func read(_ run: Run) async throws -> [String] {
        let problems = try await withThrowingTaskGroup(of: [String].self) { group in
            for account in job.accounts { group.addTask { try await read(run, account) } }
            var all: [String] = []
            for try await problems in group { all += problems }
            return all
        }
        guard problems.isEmpty else { return problems.sorted() }
        return try await checkComplete(run)
    }

    private func read(_ run: Run, _ account: String) async throws -> [String] {
        let reader = InvoiceReader(
            client: try client(account), account: account, runID: run.id, pool: pool, progress: progress)
        do {
            try await reader.read()
            progress(.read(account: account))
            return []
        } catch let error as StripeError where error.kind != .cancelled {
            return ["\(error)"]
        } catch let error as ReadingError {
            return ["\(error)"]
        }
    }

    /// The proof of completeness: the windows cover the period without gap or overlap, every one is read to its end,
    /// and every object was staged exactly once.
    private func checkComplete(_ run: Run) async throws -> [String] {
        try await pool.withConnection { connection in
            let windows = try await Windows(runID: run.id).all(on: connection)
            var problems = job.accounts.flatMap { Windows.gaps(in: windows, account: $0, period: run.period) }
            let staged = StagedInvoices(runID: run.id)
            let count = try await staged.count(on: connection)
            let counted = try await Windows(runID: run.id).objectCount(on: connection)
            if count.rows != count.distinct {
                problems.append("\(count.rows - count.distinct) objects were read twice")
            }
            // After a fresh read of a resumed run the staged rows are not those of the pages any more.
            if count.fresh == 0, count.rows != counted {
                problems.append("\(counted) objects were listed, \(count.rows) are staged")
            }
            try await staged.analyze(on: connection)
            return problems
        }
    }

    // MARK: - Comparing

    /// - Parameter isLater: this attempt at the run has compared before.
    private func compare(
        _ run: Run, _ account: String, _ tables: [String: OrderTable], isLater: Bool = false
    ) async throws -> ComparisonResult {
        guard let table = tables[account] else { throw RunError.noAccount(account) }
        let rules = InvoiceRules(
            nowSeconds: run.period.toSeconds, staleAfterSeconds: job.staleAfterSeconds,
            creditPrice: CreditEffects.pricePerCreditCents)
        let staged = StagedInvoices(runID: run.id)
        let client = try client(account)
        let comparison = Comparison(
            diff: InvoiceDiff(
                staged: staged, table: table, account: account, period: run.period, rules: rules,
                settleSeconds: job.settleSeconds),
            rules: rules,
            confirmer: Confirmer(client: client, account: account, staged: staged, pool: pool, workers: Self.readers),
            overrides: job.on, pool: pool,
            carried: try await Findings(pool: pool).unclosed(
                job: definition.name, account: account, limit: comparisonLimits.reads),
            trustsFresh: isLater || run.attempt == 1,
            limits: comparisonLimits, account: account, progress: progress)
        return try await comparison.run()
    }

    // MARK: - Ending

    private func endIncomplete(_ run: Run, _ tally: Tally) async throws -> RunResult {
        let outcome = tally.outcome(.incomplete, counts: [:], requests: requests())
        try await Runs(pool: pool).end(run, outcome)
        return RunResult(run: run, outcome: outcome, findings: [])
    }

    private func endPlan(
        _ run: Run, _ all: [Judged], _ tally: Tally, _ tables: [String: OrderTable]
    ) async throws -> RunResult {
        let judged = try await withoutAccepted(all, job: run.job)
        var counts: [FindingKind: KindCount] = [:]
        for item in judged {
            counts[item.kind, default: KindCount()].found += 1
            if item.action != .inform { counts[item.kind]?.open += 1 }
        }
        let plan = try await plan(run, judged, tables)
        let state: RunState = counts.values.contains { $0.open > 0 } ? .drift : .clean
        let outcome = tally.outcome(state, counts: counts, requests: requests())
        try await Runs(pool: pool).end(run, outcome)
        let findings = try judged.map {
            ReportedFinding(
                try FoundDifference($0.found, kind: $0.kind, verdict: $0.verdict, action: $0.action, job: run.job))
        }
        return RunResult(run: run, outcome: outcome, findings: findings, plan: plan)
    }

    /// Leaves out what a person accepted, as long as its facts are the same.
    private func withoutAccepted(_ judged: [Judged], job: String) async throws -> [Judged] {
        let accepted = try await Findings(pool: pool).accepted(job: job)
        guard !accepted.isEmpty else { return judged }
        return try judged.filter { item in
            let found = try FoundDifference(
                item.found, kind: item.kind, verdict: item.verdict, action: item.action, job: job)
            guard let facts = accepted[found.identity] else { return true }
            return try FindingFacts(json: facts) != FindingFacts(item.found.pair)
        }
    }

    /// What would be done about these differences.
    private func plan(_ run: Run, _ judged: [Judged], _ tables: [String: OrderTable]) async throws -> Plan {
        var items: [Plan.Item] = []
        var reviews: [Plan.Review] = []
        for account in job.accounts {
            guard let table = tables[account] else { throw RunError.noAccount(account) }
            let own = judged.filter { $0.found.account == account }
            let keys = own.filter(Repairer.canRepair).compactMap { $0.found.pair.order?.rowID }
            let hashes = try await pool.withConnection {
                try await CreditEffects(table: table).rowHashes(of: keys, on: $0)
            }
            for difference in own {
                if Repairer.canRepair(difference), let item = Plan.Item(difference, rowHashes: hashes) {
                    items.append(item)
                } else if difference.action == .review || difference.action == .apply {
                    reviews.append(Plan.Review(difference))
                }
            }
        }
        return try Plan(
            purpose: .repair, job: run.job, definitionHash: run.definitionHash, run: run.id, createdSeconds: nowSeconds,
            createdBy: origin.requestedBy, programVersion: origin.programVersion, period: run.period, items: items,
            reviews: reviews)
    }

    private func endApplied(
        _ run: Run, _ first: [Judged], _ start: Tally, _ tables: [String: OrderTable]
    ) async throws -> RunResult {
        var tally = start
        var judged = first
        let findings = Findings(pool: pool)
        var waiting: Plan?
        // A link makes the order comparable: what it shows then is found and repaired in the same run.
        var seen: [Int64] = []
        for _ in 0..<2 {
            let (tasks, recorded) = try await record(judged, run)
            seen += recorded
            if let reason = limitReached(tasks.count, objects: tally.stripeObjects) {
                tally.problems.append(reason)
                waiting = try await plan(run, judged, tables)
                break
            }
            let outcome = try await repair(run, tasks, tables)
            tally.problems += outcome.failures
            tally.notes += outcome.moved.map { "left alone: \($0)" }
            guard !outcome.linked.isEmpty else { break }
            judged = []
            for account in job.accounts {
                judged += try await compare(run, account, tables, isLater: true).judged.filter {
                    outcome.linked.contains($0.found.pair.stripe?.id ?? "")
                }
            }
        }
        _ = try await closeGone(run, tables, seen)
        let counts = try await findings.counts(of: run)
        let isOpen = counts.values.contains { $0.open > 0 }
        let isRepaired = counts.values.contains { $0.repaired > 0 }
        let state: RunState = isOpen || !tally.problems.isEmpty ? .drift : isRepaired ? .repaired : .clean
        let outcome = tally.outcome(state, counts: counts, requests: requests())
        try await Runs(pool: pool).end(run, outcome)
        let stored = try await findings.list(runID: run.id, limit: comparisonLimits.differences)
        return RunResult(run: run, outcome: outcome, findings: stored.map(ReportedFinding.init), plan: waiting)
    }

    /// Writes the findings. Gives those that are to be repaired, and the ids of all.
    private func record(_ judged: [Judged], _ run: Run) async throws -> (tasks: [Repairer.Task], ids: [Int64]) {
        var tasks: [Repairer.Task] = []
        var ids: [Int64] = []
        for start in stride(from: 0, to: judged.count, by: 500) {
            let part = judged[start..<min(start + 500, judged.count)]
            let recorded = try await Findings(pool: pool).record(
                part.map {
                    try FoundDifference($0.found, kind: $0.kind, verdict: $0.verdict, action: $0.action, job: run.job)
                }, run: run)
            ids += recorded.map(\.id)
            // What a person accepted stays as it is until its facts change.
            for (finding, item) in zip(recorded, part) where finding.state == .open && Repairer.canRepair(item) {
                tasks.append(Repairer.Task(findingID: finding.id, judged: item))
            }
        }
        return (tasks, ids)
    }

    private func limitReached(_ repairs: Int, objects: Int64) -> String? {
        if repairs > job.limits.maxRepairs {
            return
                "\(repairs) repairs are more than limits.max_repairs (\(job.limits.maxRepairs)): nothing was applied, "
                + "the plan waits for approval."
        }
        if Double(repairs) > job.limits.maxRepairShare * Double(objects) {
            return "\(repairs) repairs of \(objects) objects are more than limits.max_repair_share "
                + "(\(job.limits.maxRepairShare)): nothing was applied, the plan waits for approval."
        }
        return nil
    }

    private func repair(
        _ run: Run, _ tasks: [Repairer.Task], _ tables: [String: OrderTable]
    ) async throws -> Repairer.Outcome {
        progress(.repairing(tasks.count))
        var total = Repairer.Outcome()
        for account in job.accounts {
            guard let table = tables[account] else { throw RunError.noAccount(account) }
            let outcome = try await Repairer(
                run: run, table: table, client: try client(account), pool: pool, connections: Self.repairers,
                progress: progress
            ).repair(tasks.filter { $0.judged.found.account == account })
            total.linked.formUnion(outcome.linked)
            total.failures += outcome.failures
            total.moved += outcome.moved
        }
        return total
    }

    private func closeGone(_ run: Run, _ tables: [String: OrderTable], _ seen: [Int64]) async throws -> Int {
        guard let account = job.accounts.first, let table = tables[account] else { return 0 }
        return try await Findings(pool: pool).closeGone(run: run, table: table, seen: seen)
    }

    // MARK: - Parts

    private func client(_ account: String) throws(RunError) -> StripeClient {
        guard let client = clients[account] else { throw .noAccount(account) }
        return client
    }

    private func requests() -> Int64 { Self.requests(clients) - requestsBefore }

    private static func requests(_ clients: [String: StripeClient]) -> Int64 {
        Int64(clients.values.map(\.usage.requests).reduce(0, +))
    }

    private func resolveTables() async throws -> [String: OrderTable] {
        var tables: [String: OrderTable] = [:]
        for account in job.accounts {
            tables[account] = try await OrderTable.resolve(for: job, account: account, pool: pool)
        }
        return tables
    }
}

/// What a run counts on its way.
private struct Tally {
    var stripeObjects: Int64 = 0
    var localRows: Int64 = 0
    var problems: [String] = []
    var notes: [String] = []

    mutating func note(unconfirmed: Int, account: String) {
        guard unconfirmed > 0 else { return }
        notes.append("\(account): \(unconfirmed) differences were not confirmed by a fresh read; they are for review.")
    }

    func outcome(_ state: RunState, counts: [FindingKind: KindCount], requests: Int64) -> RunOutcome {
        RunOutcome(
            state: state, counts: counts, requests: requests, stripeObjects: stripeObjects, localRows: localRows,
            problems: problems + notes)
    }
}
