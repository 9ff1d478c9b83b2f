import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Does exactly what a plan says, and leaves alone every row that has moved since it was made.
public struct PlanRun: Sendable {
    let plan: Plan
    let definition: JobDefinition
    let job: ReconcileJob
    let clients: [String: StripeClient]
    let pool: Pool
    let origin: RunOrigin
    let progress: @Sendable (RunProgress) -> Void

    /// - Parameter path: the plan's file, for errors.
    /// - Throws: ``PlanError/otherDefinition(_:job:)`` when the job file has changed since.
    public init(
        plan: Plan, path: String, definition: JobDefinition, clients: [String: StripeClient], pool: Pool,
        origin: RunOrigin, progress: @escaping @Sendable (RunProgress) -> Void = { _ in }
    ) throws {
        guard plan.definitionHash == definition.hash else { throw PlanError.otherDefinition(path, job: plan.job) }
        guard case .reconcile(let job) = definition.kind else {
            throw RunError.unsupported("a plan for job \(definition.name) of kind \(definition.kind.word)")
        }
        self.plan = plan
        self.definition = definition
        self.job = job
        self.clients = clients
        self.pool = pool
        self.origin = origin
        self.progress = progress
    }

    /// What applying came to.
    public struct Result: Sendable {
        public var runID: Int64
        public var applied: Int
        /// Items that were left alone, a sentence each: the row or the object has moved.
        public var leftAlone: [String]
        public var failures: [String]

        /// 0 when everything was done, 2 when something was left alone, 1 after a failure.
        public var exitCode: Int32 { !failures.isEmpty ? 1 : leftAlone.isEmpty ? 0 : 2 }
    }

    /// Applies the plan. Doing it twice changes nothing more.
    /// - Throws: ``RunError`` when the job runs already.
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
        try await pool.withConnection { try await Migrator.check($0) }
        for account in job.accounts {
            guard let client = clients[account] else { throw RunError.noAccount(account) }
            try await client.verifyKnown(account, pool: pool)
        }
        let runs = Runs(pool: pool)
        let run = try await runs.begin(
            job: definition.name, definitionHash: definition.hash, isPlan: false,
            period: Window(fromSeconds: plan.periodFromSeconds, toSeconds: plan.periodToSeconds), accounts: [],
            windowsPerAccount: 1, origin: origin)
        var result = Result(runID: run.id, applied: 0, leftAlone: [], failures: [])
        progress(.repairing(plan.items.count))
        do {
            for account in job.accounts {
                let items = plan.items.filter { $0.account == account }
                let table = try await OrderTable.resolve(for: job, account: account, pool: pool)
                try await apply(items, account, table, run, &result)
            }
        } catch {
            let outcome = RunOutcome(state: .failed, problems: ["\(error)"])
            try await Task { try await runs.end(run, outcome) }.value
            throw error
        }
        let counts = try await Findings(pool: pool).counts(of: run)
        let state: RunState = result.exitCode == 0 ? .repaired : .drift
        try await runs.end(
            run,
            RunOutcome(
                state: state, counts: counts, requests: Int64(clients.values.map(\.usage.requests).reduce(0, +)),
                problems: result.failures + result.leftAlone.map { "left alone: \($0)" }))
        return result
    }

    private func apply(
        _ items: [Plan.Item], _ account: String, _ table: OrderTable, _ run: Run, _ result: inout Result
    ) async throws {
        if plan.purpose == .revert {
            for item in items { try await revert(item, table, run, &result) }
            return
        }
        var tasks: [Repairer.Task] = []
        for item in items {
            guard let judged = item.judged else {
                result.failures.append("order \(item.orderID): this version does not know \(item.kind)")
                continue
            }
            if let reason = try await changedAtStripe(item, account) {
                result.leftAlone.append(reason)
                continue
            }
            let found = try FoundDifference(
                judged.found, kind: judged.kind, verdict: judged.verdict, action: .apply, job: run.job)
            guard let findingID = try await findingID(of: found, run) else {
                result.leftAlone.append(
                    "order \(item.orderID): a person accepted this difference, or took its repair back, after the plan")
                continue
            }
            tasks.append(Repairer.Task(findingID: findingID, judged: judged, rowHash: item.rowHash))
        }
        guard !tasks.isEmpty, let client = clients[account] else { return }
        let outcome = try await Repairer(
            run: run, table: table, client: client, pool: pool, connections: ReconcileRun.repairers, plan: plan.id,
            progress: progress
        ).repair(tasks)
        result.applied += outcome.repaired
        result.leftAlone += outcome.moved
        result.failures += outcome.failures
    }

    /// The finding of an item. One that is closed stays as it is: the plan may have been applied before. `nil` for one
    /// that is accepted: what a person wants to keep, or took back, is not done again.
    private func findingID(of found: FoundDifference, _ run: Run) async throws -> Int64? {
        let findings = Findings(pool: pool)
        let known = try await findings.finding(found.identity)
        if let known, known.state == .closed { return known.id }
        if known?.state == .accepted { return nil }
        return try await findings.record([found], run: run)[0].id
    }

    /// `paid` and `void` never change; that an invoice does not exist is asked once more.
    private func changedAtStripe(_ item: Plan.Item, _ account: String) async throws -> String? {
        guard item.kind == FindingKind.missingInStripe.rawValue, let client = clients[account] else { return nil }
        do {
            let read = try await client.invoice(item.stripeID)
            return "invoice \(item.stripeID) exists by now: it is \(read.value.status.text)"
        } catch {
            guard error.kind == .notFound else { throw error }
            return nil
        }
    }

    private func revert(_ item: Plan.Item, _ table: OrderTable, _ run: Run, _ result: inout Result) async throws {
        guard let undo = OrderUndo(rawValue: item.effect), let repairID = item.repairID else {
            result.failures.append("order \(item.orderID): this version cannot do \(item.effect)")
            return
        }
        let outcome = try await pool.transaction { connection -> EffectOutcome in
            guard let repair = try await Repair.one(id: repairID, on: connection) else {
                return .refused("repair \(repairID) is not in the audit")
            }
            let outcome = try await CreditEffects(table: table).undo(
                undo, ofOrder: item.orderID, after: repair.after, on: connection)
            if case .done(let before, let after) = outcome {
                let record = RepairRecord(
                    runID: run.id, findingID: repair.findingID, kind: FindingKind(rawValue: repair.kind) ?? .missedPaid,
                    effect: undo.rawValue, account: item.account, stripeID: item.stripeID,
                    stripeStatus: item.stripeStatus, stripeRequestID: item.requestID, table: table.plainName,
                    localID: String(item.orderID), before: before, after: after, plan: plan.id,
                    requestedBy: run.requestedBy)
                try await record.insert(on: connection, isRevert: true)
            }
            return outcome
        }
        switch outcome {
        case .done: result.applied += 1
        case .alreadyDone: result.leftAlone.append("order \(item.orderID): it is undone already")
        case .refused(let reason): result.leftAlone.append(reason)
        }
        progress(.repaired)
    }
}

extension StripeClient {
    /// Checks the key, and that it belongs to the account that this name has always stood for. Before anything else is
    /// asked or changed.
    func verifyKnown(_ name: String, pool: Pool) async throws {
        guard let accountID = try await verify().accountID else { return }
        try await pool.withConnection { try await KnownAccounts.check(name: name, accountID: accountID, on: $0) }
    }
}

extension OrderTable {
    /// The table of a job, for one of its accounts.
    static func resolve(for job: ReconcileJob, account: String, pool: Pool) async throws -> OrderTable {
        try await pool.withConnection { connection in
            let columns = Dictionary(uniqueKeysWithValues: job.table.columns.map { ($0.key.rawValue, $0.value) })
            let table = try await OrderTable.resolve(
                schema: job.table.schema, table: job.table.name, columns: columns,
                customerColumn: account == "task_health" ? "taskHealthStripeCustomerId" : "stripeCustomerId",
                on: connection)
            try await table.refuseHiddenRows(on: connection)
            return table
        }
    }
}
