import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store
import Stripe

extension Plan {
    /// What it would take to undo the repairs of a run, from the audit. Nothing is changed.
    /// - Throws: ``PlanError/noRun(_:)``, ``PlanError/nothingToRevert(_:)``, ``PlanError/noJob(_:)``.
    public static func revert(
        runID: Int64, jobs: [JobDefinition], pool: Pool, origin: RunOrigin, nowSeconds: Int64
    ) async throws -> Plan {
        guard let run = try await Runs(pool: pool).run(id: runID) else { throw PlanError.noRun(runID) }
        guard let definition = jobs.first(where: { $0.name == run.job }) else { throw PlanError.noJob(run.job) }
        let repairs = try await pool.withConnection { try await Repair.of(runID: runID, on: $0) }
        guard !repairs.isEmpty else { throw PlanError.nothingToRevert(runID) }
        let subjects = try await Subjects.resolve(definition, jobs: jobs, canSend: false, pool: pool)
        let tried = try await trial(repairs, subjects.list, pool)
        return try Plan(
            purpose: .revert, job: run.job, definitionHash: subjects.hash, run: runID, createdSeconds: nowSeconds,
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
    private static func trial(_ repairs: [Repair], _ subjects: [Subject], _ pool: Pool) async throws -> Trial {
        do {
            return try await pool.transaction { connection -> Trial in
                var trial = Trial()
                for repair in repairs {
                    let subject = subjects.first { $0.account == repair.account && $0.comparison == repair.comparison }
                    guard let subject else {
                        trial.impossible.append("\(what(repair)): the job does not compare \(repair.account) any more")
                        continue
                    }
                    try await attempt(repair, subject, connection, &trial)
                }
                throw trial
            }
        } catch let trial as Trial {
            return trial
        }
    }

    private static func what(_ repair: Repair) -> String {
        let row = repair.localID.isEmpty ? "" : "\(repair.comparison.localNoun) \(repair.localID) "
        return "\(row)(\(repair.effect) for \(repair.stripeID))"
    }

    private static func attempt(
        _ repair: Repair, _ subject: Subject, _ connection: Connection, _ trial: inout Trial
    ) async throws {
        if repair.isUndo {
            trial.impossible.append(
                "\(what(repair)): it is a revert itself; reopen its finding, and the next run repairs it")
            return
        }
        if let reason = repair.irreversibly {
            trial.impossible.append("\(what(repair)): \(reason)")
            return
        }
        if let reason = try await repair.isOverBy(on: connection) {
            trial.impossible.append("\(what(repair)): \(reason)")
            return
        }
        guard let word = subject.undoWord(repair.effect), let key = Int64(repair.localID) else {
            trial.impossible.append("\(what(repair)): it changed no row")
            return
        }
        let hash = try await subject.rowHashes(of: [key], on: connection)[key] ?? ""
        let row = try await subject.localPair(key, on: connection)
        switch (try await subject.undo(repair, on: connection), row) {
        case (.done, let row?):
            trial.items.append(
                Item(
                    kind: repair.kind, comparison: subject.comparison.rawValue, effect: word, account: repair.account,
                    stripeID: repair.stripeID, stripeStatus: repair.stripeStatus, localID: repair.localID,
                    agencyID: row.agencyID, credits: row.credits ?? 0, amount: row.localAmount ?? 0,
                    currency: row.currency ?? "", explanation: "Undoes \(repair.effect) of run \(repair.runID).",
                    requestID: repair.requestID, rowHash: hash, facts: FindingFacts(row), repairID: repair.id))
        case (.refused(let reason), _): trial.impossible.append("\(what(repair)): \(reason)")
        default: trial.impossible.append("\(what(repair)): it is undone already")
        }
    }
}

extension Repair {
    /// It took another repair back.
    var isUndo: Bool { OrderUndo(rawValue: effect) != nil || ChargeUndo(rawValue: effect) != nil }

    /// Which later run its row is of; `nil` where it was the last to touch this difference. A grant that was taken back
    /// and given again leaves the same row as the first: it is not the first one's to be undone.
    func isOverBy(on connection: Connection) async throws -> String? {
        let last = try await last(on: connection)
        guard last.id != id else { return nil }
        return last.isUndo
            ? "it is undone already, by run \(last.runID)" : "it was done again, by run \(last.runID): revert that one"
    }

    /// Why nothing can undo it; `nil` where that is for its row to say.
    fileprivate var irreversibly: String? {
        switch kind {
        case FindingKind.staleDraft.rawValue: "the draft is gone at Stripe"
        case FindingKind.staleIntent.rawValue: "the payment intent is canceled at Stripe"
        case FindingKind.missedFinalizedNotice.rawValue: "the notice was handed over to be sent"
        default: nil
        }
    }
}

extension ComparisonName {
    /// What a local row of it is called.
    public var localNoun: String {
        switch self {
        case .orders, .payments: "order"
        case .charges: "charge"
        case .notices: "notice"
        case .customers: "customer"
        }
    }
}
