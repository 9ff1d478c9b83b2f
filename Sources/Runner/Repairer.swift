import Credits
import Foundation
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Step 8: one transaction for each repair, several at a time.
struct Repairer: Sendable {
    let run: Run
    let table: OrderTable
    let client: StripeClient
    let pool: Pool
    let connections: Int
    /// The plan that is applied, for the audit.
    var plan: String?
    let progress: @Sendable (RunProgress) -> Void

    /// What the repairs came to.
    struct Outcome: Sendable, Hashable {
        var repaired = 0
        /// Rows that somebody else put right, or that are not any more what the decision rested on, a sentence each.
        var moved: [String] = []
        /// Invoices whose orders were linked to them.
        var linked: Set<String> = []
        /// Repairs that failed, a sentence each.
        var failures: [String] = []
    }

    /// One finding to be repaired.
    struct Task: Sendable, Hashable {
        var findingID: Int64
        var judged: Judged
        /// What became of a stale draft at Stripe.
        var disposedStatus: String?
        /// The hash that the row must still have, where a plan is applied.
        var rowHash: String?
    }

    /// Whether this run can repair it.
    static func canRepair(_ judged: Judged) -> Bool {
        guard judged.action == .apply else { return false }
        return judged.kind == .staleDraft ? judged.found.pair.stripe != nil : effect(of: judged) != nil
    }

    /// The effect of a kind on the local row, where it has one.
    static func effect(of judged: Judged) -> OrderEffect? {
        guard judged.action == .apply, let order = judged.found.pair.order,
            order.state == .open || judged.kind == .unlinkedOrder
        else { return nil }
        let stripe = judged.found.pair.stripe
        switch judged.kind {
        case .missedPaid: return .grant(paidAtSeconds: stripe?.paidAtSeconds)
        case .missedVoid: return .cancel(atSeconds: stripe?.voidedAtSeconds)
        case .missingInStripe, .staleDraft: return .cancel(atSeconds: nil)
        case .unlinkedOrder: return stripe.map { .link(invoiceID: $0.id) }
        default: return nil
        }
    }

    /// Repairs all of them. A failure of one does not stop the others.
    func repair(_ tasks: [Task]) async throws -> Outcome {
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            var total = Outcome()
            var rest = tasks[...]
            for task in rest.prefix(connections) { group.addTask { try await repair(task) } }
            rest = rest.dropFirst(connections)
            while let outcome = try await group.next() {
                total.repaired += outcome.repaired
                total.moved += outcome.moved
                total.linked.formUnion(outcome.linked)
                total.failures += outcome.failures
                progress(.repaired)
                try _Concurrency.Task.checkCancellation()
                if let task = rest.popFirst() { group.addTask { try await repair(task) } }
            }
            return total
        }
    }

    private func repair(_ task: Task) async throws -> Outcome {
        guard let order = task.judged.found.pair.order else { return Outcome() }
        do {
            if task.judged.kind == .staleDraft { return try await disposeOfDraft(task, order) }
            guard let effect = Self.effect(of: task.judged) else { return Outcome() }
            return try await settle(task, effect, order)
        } catch let error as PostgresError {
            // Of one row's own making (an overflow, a constraint): the others can still be repaired.
            guard error.sqlState != nil, error.server?.severity == "ERROR" else { throw error }
            return failure(task, order, error)
        } catch let error as StripeError {
            guard error.kind != .cancelled else { throw error }
            return failure(task, order, error)
        }
    }

    private func failure(_ task: Task, _ order: OrderFacts, _ error: any Error) -> Outcome {
        let reason = (error as? PostgresError)?.brief ?? "\(error)"
        return Outcome(failures: ["finding F-\(task.findingID), order \(order.rowID): \(reason)"])
    }

    private func settle(_ task: Task, _ effect: OrderEffect, _ order: OrderFacts) async throws -> Outcome {
        do {
            return try await attempt(task, effect, order)
        } catch let error as PostgresError {
            guard case .commitOutcomeUnknown = error.kind else { throw error }
            return try await readBack(task, effect, order)
        }
    }

    /// Stripe first, the row second: a crash in between leaves an invoice that does not exist and an order that waits
    /// for it, which the next run finds as `missing_in_stripe`.
    private func disposeOfDraft(_ task: Task, _ order: OrderFacts) async throws -> Outcome {
        guard let stripe = task.judged.found.pair.stripe else { return Outcome() }
        let key = "trueup-\(run.job)-\(task.judged.kind.rawValue)-\(task.judged.found.account)-\(stripe.id)"
        let outcome = try await DraftDisposal(client: client, idempotencyKey: key).dispose(
            of: stripe.id, createdSeconds: stripe.createdSeconds)
        if case .moved(let reason) = outcome { return Outcome(moved: ["invoice \(stripe.id): \(reason)"]) }
        guard case .disposed(let status, let requestID) = outcome else { return Outcome() }
        var task = task
        task.judged.found.requestID = requestID
        task.disposedStatus = status
        let disposed = task
        if order.state == .open { return try await settle(disposed, .cancel(atSeconds: nil), order) }
        if status == StagedInvoices.absent {
            try await pool.transaction { try await Findings.closeLate(disposed.findingID, on: $0) }
            return Outcome(moved: ["invoice \(stripe.id): the draft is gone already"])
        }
        let record = record(disposed, effect: "delete_draft", order, JSONText("{}"), JSONText("{}"))
        do {
            try await pool.transaction { try await record.insert(on: $0) }
        } catch let error as PostgresError {
            guard error.isCommitOutcomeUnknown else { throw error }
            try await pool.transaction { connection in
                let isWritten = try await RepairRecord.exists(
                    runID: run.id, findingID: record.findingID, effect: record.effect, on: connection)
                if !isWritten { try await record.insert(on: connection) }
            }
        }
        return Outcome(repaired: 1)
    }

    /// The answer to COMMIT was lost. Whether it took place is in the audit; if not, once more.
    private func readBack(_ task: Task, _ effect: OrderEffect, _ order: OrderFacts) async throws -> Outcome {
        let isDone = try await pool.transaction { connection in
            try await RepairRecord.exists(
                runID: run.id, findingID: task.findingID, effect: effect.word, on: connection)
        }
        return isDone ? success(effect) : try await attempt(task, effect, order)
    }

    private func attempt(_ task: Task, _ effect: OrderEffect, _ order: OrderFacts) async throws -> Outcome {
        let outcome = try await pool.transaction { connection in
            let outcome = try await CreditEffects(table: table).apply(
                effect, toOrder: order.rowID, expecting: OrderExpectation(order), rowHash: task.rowHash, on: connection)
            switch outcome {
            case .done(let before, let after):
                try await record(task, effect: effect.word, order, before, after).insert(on: connection)
            case .alreadyDone:
                // By this very repair, where the answer to its COMMIT was lost and it came through a moment later.
                if try await RepairRecord.exists(
                    runID: run.id, findingID: task.findingID, effect: effect.word, on: connection)
                {
                    return EffectOutcome.done(before: JSONText("{}"), after: JSONText("{}"))
                }
                try await Findings.closeLate(task.findingID, on: connection)
            case .refused: break
            }
            return outcome
        }
        switch outcome {
        case .done: return success(effect)
        case .alreadyDone: return Outcome(moved: ["order \(order.rowID): somebody else has done it already"])
        case .refused(let reason): return Outcome(moved: [reason])
        }
    }

    private func success(_ effect: OrderEffect) -> Outcome {
        var outcome = Outcome(repaired: 1)
        if case .link(let invoice) = effect { outcome.linked = [invoice] }
        return outcome
    }

    private func record(
        _ task: Task, effect: String, _ order: OrderFacts, _ before: JSONText, _ after: JSONText
    ) -> RepairRecord {
        let found = task.judged.found
        return RepairRecord(
            runID: run.id, findingID: task.findingID, kind: task.judged.kind, effect: effect,
            account: found.account, stripeID: found.pair.stripe?.id ?? order.invoiceID ?? "",
            stripeStatus: task.disposedStatus ?? found.pair.stripe?.status.word ?? "absent",
            stripeRequestID: found.requestID ?? "",
            table: table.plainName, localID: String(order.rowID), before: before, after: after, plan: plan,
            requestedBy: run.requestedBy)
    }
}
