import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Does exactly what a plan says, and leaves alone every row that has moved since it was made.
public struct PlanRun: Sendable {
    let plan: Plan
    let path: String
    let definition: JobDefinition
    let jobs: [JobDefinition]
    let clients: [String: StripeClient]
    let pool: Pool
    let origin: RunOrigin
    let canSend: Bool
    let progress: @Sendable (RunProgress) -> Void

    /// - Parameters:
    ///   - path: the plan's file, for errors.
    ///   - jobs: all jobs of the directory: some kinds use the tables of others.
    public init(
        plan: Plan, path: String, definition: JobDefinition, jobs: [JobDefinition], clients: [String: StripeClient],
        pool: Pool, origin: RunOrigin, canSend: Bool = false,
        progress: @escaping @Sendable (RunProgress) -> Void = { _ in }
    ) {
        self.plan = plan
        self.path = path
        self.definition = definition
        self.jobs = jobs
        self.clients = clients
        self.pool = pool
        self.origin = origin
        self.canSend = canSend
        self.progress = progress
    }

    /// What applying came to.
    public struct Result: Sendable {
        public var runID: Int64
        public var applied: Int
        /// Items that this same plan did before: nothing is left to do about them.
        public var doneBefore = 0
        /// Items that were left alone, a sentence each: the row or the object has moved.
        public var leftAlone: [String]
        /// How many of these another run of Trueup's has done since the plan: nothing is open of them.
        public var doneByOthers = 0
        /// Items that failed, a sentence each.
        public var failures: [Advice]

        /// 0 when everything was done, 2 when something was left alone, 1 after a failure.
        public var exitCode: Int32 { !failures.isEmpty ? 1 : leftAlone.isEmpty ? 0 : 2 }
    }

    /// Items that Stripe is asked about again before the first of them is done: so that little time lies in between.
    private static let chunk = 100

    /// Applies the plan. Doing it twice changes nothing more.
    /// - Throws: ``RunError`` when the job runs already; ``PlanError/otherDefinition(_:job:)`` when its file has
    ///   changed since; ``PlanError/otherDatabase(_:run:)``; ``PlanError/otherAccount(_:name:planned:found:)``;
    ///   ``AccountChanged``.
    public func apply() async throws -> Result {
        guard let lock = try await JobLock.take(job: definition.name, target: pool.target) else {
            throw RunError.alreadyRunning(definition.name)
        }
        do {
            let result = try await applyLocked()
            await lock.release()
            return result
        } catch {
            await lock.release()
            throw error
        }
    }

    private func applyLocked() async throws -> Result {
        // The clients may have served others before.
        let before = ClientUsage(clients)
        try await pool.withConnection { try await Migrator.check($0) }
        let subjects = try await Subjects.resolve(definition, jobs: jobs, canSend: canSend, pool: pool)
        guard plan.definitionHash == subjects.hash else { throw PlanError.otherDefinition(path, job: plan.job) }
        try await checkDatabase()
        try await checkAccounts()
        let runs = Runs(pool: pool)
        let run = try await runs.begin(
            job: definition.name, definitionHash: subjects.hash, isPlan: false,
            period: Window(fromSeconds: plan.periodFromSeconds, toSeconds: plan.periodToSeconds), lists: [:],
            origin: origin)
        let fence = RunFence(run)
        var result = Result(runID: run.id, applied: 0, leftAlone: [], failures: [])
        progress(
            .began(
                runID: run.id, resumed: false, periodFromSeconds: run.period.fromSeconds,
                periodToSeconds: run.period.toSeconds))
        progress(.repairing(plan.items.count))
        do {
            try await WriteRecovery(fence: fence, clients: clients, pool: pool).recover()
            for subject in subjects.list {
                let items = plan.items.filter {
                    $0.account == subject.account && $0.comparison == subject.comparison.rawValue
                }
                for start in stride(from: 0, to: items.count, by: Self.chunk) {
                    let part = Array(items[start..<min(start + Self.chunk, items.count)])
                    try await apply(part, subject, run, &result)
                }
            }
        } catch {
            let advice = (error as? any AdvisesCommand)?.advice ?? Advice(String(describing: error))
            let outcome = RunOutcome(state: .failed, advice: [advice])
            _ = try await Task { try await runs.end(fence, outcome) }.value
            throw error
        }
        let counts = try await Findings(pool: pool).counts(of: run)
        // What another run has done is not done by this plan, and it is no difference either.
        let remains = !result.failures.isEmpty || result.leftAlone.count > result.doneByOthers
        let state: RunState = remains ? .drift : result.applied > 0 ? .repaired : .clean
        let used = ClientUsage(clients) - before
        try await runs.end(
            fence,
            RunOutcome(
                state: state, counts: counts, requests: used.requests, requestsLeast: used.requests - used.repeated,
                advice: result.failures + result.leftAlone.map { Advice("left alone: \($0)") }))
        return result
    }

    /// The keys have to be those of the accounts that the plan was made of. Their names are held to them from now on:
    /// making a plan does not do that, so that a plan with swapped keys is of no consequence.
    private func checkAccounts() async throws {
        var verified: [VerifiedAccount] = []
        for name in definition.kind.accounts {
            guard let client = clients[name] else { throw RunError.noAccount(name) }
            let account = try await client.verifyKnown(name, pool: pool)
            if let planned = plan.accounts?[name], let found = account.id, planned != found {
                throw PlanError.otherAccount(path, name: name, planned: planned, found: found)
            }
            verified.append(account)
        }
        let all = verified
        try await pool.withConnection { for account in all { try await account.remember(on: $0) } }
    }

    /// A plan names its run: a database that does not know it is another one.
    private func checkDatabase() async throws {
        let run = try await Runs(pool: pool).run(id: plan.run)
        let period = Window(fromSeconds: plan.periodFromSeconds, toSeconds: plan.periodToSeconds)
        guard let run, run.job == plan.job, run.period == period else {
            throw PlanError.otherDatabase(path, run: plan.run)
        }
    }

    private func apply(
        _ items: [Plan.Item], _ subject: Subject, _ run: Run, _ result: inout Result
    ) async throws {
        if plan.purpose == .revert {
            for item in items { try await revert(item, subject, run, &result) }
            return
        }
        guard let client = clients[subject.account] else { throw RunError.noAccount(subject.account) }
        var tasks = RepairTasks()
        var open: [Plan.Item] = []
        for item in items {
            if let judged = item.judged, try await isDone(try FoundDifference(judged, job: run.job)) {
                result.doneBefore += 1
            } else {
                open.append(item)
            }
        }
        for (item, today) in zip(open, try await today(open, subject, client)) {
            let judged: Judged
            switch today {
            case .stands(let difference): judged = difference
            case .moved(let reason):
                result.leftAlone.append(reason)
                continue
            case .unknown(let reason):
                result.failures.append(Advice(reason))
                continue
            }
            let difference = try FoundDifference(judged, job: run.job)
            guard let findingID = try await findingID(of: difference, run) else {
                result.leftAlone.append(
                    "\(item.what): a person accepted this difference, or took its repair back, after the plan")
                continue
            }
            let rowHash = item.rowHash.isEmpty ? nil : item.rowHash
            if !tasks.add(findingID, judged, rowHash: rowHash) {
                result.failures.append("\(item.what): this version cannot do \(item.effect)")
            }
        }
        let outcome = try await Repairer(
            run: run, subject: subject, client: client, pool: pool, fence: RunFence(run), plan: plan.id,
            comparedBy: plan.run, progress: progress
        ).repair(tasks)
        result.applied += outcome.repaired
        result.leftAlone += outcome.moved
        result.doneByOthers += outcome.doneByOthers
        result.failures += outcome.failures
    }

    /// Whether this plan itself repaired the difference, and nothing has come back since.
    private func isDone(_ found: FoundDifference) async throws -> Bool {
        let findings = Findings(pool: pool)
        guard let known = try await findings.finding(found.identity), known.state == .closed else { return false }
        return try await findings.repairs(of: known.id).contains { $0.plan == plan.id }
    }

    /// The finding of an item. One that is closed stays as it is: the plan may have been applied before. `nil` for one
    /// that is accepted: what a person wants to keep, or took back, is not done again.
    private func findingID(of found: FoundDifference, _ run: Run) async throws -> Int64? {
        let findings = Findings(pool: pool)
        let known = try await findings.finding(found.identity)
        if let known, known.state == .closed {
            let isAccepted = try await pool.withConnection { try await Findings.isAccepted(known.id, on: $0) }
            return isAccepted ? nil : known.id
        }
        if known?.state == .accepted { return nil }
        let recorded = try await findings.record([found], for: RunFence(run))[0]
        return recorded.state == .accepted ? nil : recorded.id
    }

    private func revert(_ item: Plan.Item, _ subject: Subject, _ run: Run, _ result: inout Result) async throws {
        guard let repairID = item.repairID else {
            result.failures.append("\(item.what): this version cannot do \(item.effect)")
            return
        }
        let outcome = try await pool.transaction(RunFence(run)) { connection -> EffectOutcome in
            guard let repair = try await Repair.one(id: repairID, on: connection) else {
                return .refused("repair \(repairID) is not in the audit")
            }
            guard subject.undoWord(repair.effect) == item.effect else {
                return .refused("\(item.what): \(item.effect) does not undo \(repair.effect)")
            }
            if let reason = try await repair.isOverBy(on: connection) {
                let isOwn = try await repair.last(on: connection).plan == plan.id
                return isOwn ? .alreadyDone : .refused("\(item.what): \(reason)")
            }
            let outcome = try await subject.undo(repair, on: connection)
            if case .done(let before, let after) = outcome {
                let record = RepairRecord(
                    runID: run.id, findingID: repair.findingID, kind: FindingKind(rawValue: repair.kind) ?? .missedPaid,
                    effect: item.effect, account: item.account, stripeID: item.stripeID,
                    stripeStatus: item.stripeStatus, stripeRequestID: item.requestID, table: subject.tableName,
                    localID: item.localID, before: before, after: after, plan: plan.id,
                    requestedBy: run.requestedBy)
                try await record.insert(on: connection, isRevert: true)
            }
            return outcome
        }
        switch outcome {
        case .done: result.applied += 1
        case .alreadyDone: result.doneBefore += 1
        case .refused(let reason): result.leftAlone.append(reason)
        }
        progress(.repaired)
    }
}

extension Plan.Item {
    /// `order 12`, or the object's id where there is no row.
    public var what: String {
        let noun = ComparisonName(rawValue: comparison)?.localNoun ?? comparison
        return localID.isEmpty ? stripeID : "\(noun) \(localID)"
    }
}
