import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store

extension Plan {
    /// What it would take to undo the repairs of a run, from the audit. Nothing is changed.
    /// - Throws: ``PlanError/nothingToRevert(_:)``, ``PlanError/noJob(_:)``.
    public static func revert(
        runID: Int64, jobs: JobSet, pool: Pool, origin: RunOrigin, nowSeconds: Int64
    ) async throws -> Plan {
        guard let run = try await Runs(pool: pool).run(id: runID) else { throw PlanError.nothingToRevert(runID) }
        guard let definition = jobs.job(named: run.job), case .reconcile(let job) = definition.kind else {
            throw PlanError.noJob(run.job)
        }
        let repairs = try await pool.withConnection { try await Repair.of(runID: runID, on: $0) }
        guard !repairs.isEmpty else { throw PlanError.nothingToRevert(runID) }
        let tried = try await trial(repairs, job, pool)
        return try Plan(
            purpose: .revert, job: run.job, definitionHash: definition.hash, run: runID, createdSeconds: nowSeconds,
            createdBy: origin.requestedBy, programVersion: origin.programVersion, period: run.period,
            items: tried.items,
            reviews: [], impossible: tried.impossible)
    }

    private struct Trial: Error {
        var items: [Item] = []
        var impossible: [String] = []
    }

    /// Undoes everything in one transaction, in the order in which it will be applied, and rolls it back: of two
    /// repairs of one row the second is judged on the row as the first leaves it.
    private static func trial(_ repairs: [Repair], _ job: ReconcileJob, _ pool: Pool) async throws -> Trial {
        var tables: [String: OrderTable] = [:]
        for account in Set(repairs.map(\.account)) {
            tables[account] = try await OrderTable.resolve(for: job, account: account, pool: pool)
        }
        let resolved = tables
        do {
            return try await pool.transaction { connection -> Trial in
                var trial = Trial()
                for repair in repairs {
                    guard let table = resolved[repair.account] else { continue }
                    try await attempt(repair, CreditEffects(table: table), connection, &trial)
                }
                throw trial
            }
        } catch let trial as Trial {
            return trial
        }
    }

    private static func attempt(
        _ repair: Repair, _ effects: CreditEffects, _ connection: Connection, _ trial: inout Trial
    ) async throws {
        let what = "order \(repair.localID) (\(repair.effect) for \(repair.stripeID))"
        if OrderUndo(rawValue: repair.effect) != nil {
            trial.impossible.append("\(what): it is a revert itself; reopen its finding, and the next run repairs it")
            return
        }
        guard let undo = OrderUndo(undoing: repair.effect), let key = Int64(repair.localID),
            repair.kind != FindingKind.staleDraft.rawValue
        else {
            trial.impossible.append("\(what): the draft is gone at Stripe")
            return
        }
        let hash = try await effects.rowHashes(of: [key], on: connection)[key] ?? ""
        let order = try await effects.order(key, on: connection)
        let outcome = try await effects.undo(undo, ofOrder: key, after: repair.after, on: connection)
        switch (outcome, order) {
        case (.done, let order?):
            trial.items.append(
                Item(
                    kind: repair.kind, effect: undo.rawValue, account: repair.account, stripeID: repair.stripeID,
                    stripeStatus: repair.stripeStatus, orderID: key, agencyID: order.agencyID, credits: order.credits,
                    amount: order.amount, currency: order.currency,
                    explanation: "Undoes \(repair.effect) of run \(repair.runID).", requestID: repair.requestID,
                    rowHash: hash, facts: FindingFacts(InvoicePair(stripe: nil, order: order)), repairID: repair.id))
        case (.refused(let reason), _): trial.impossible.append("\(what): \(reason)")
        default: trial.impossible.append("\(what): it is undone already")
        }
    }
}
