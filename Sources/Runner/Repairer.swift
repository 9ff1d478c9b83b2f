import Credits
import Foundation
import PostgreSQL
import Reconciliation
import Store
import Stripe

/// Step 8: one transaction for each repair, several at a time.
struct Repairer: Sendable {
    let run: Run
    let subject: Subject
    let client: StripeClient
    let pool: Pool
    /// Every transaction holds it.
    let fence: RunFence
    /// The plan that is applied, for the audit.
    var plan: String?
    /// The run that compared; `nil`: this one.
    var comparedBy: Int64?
    let progress: @Sendable (RunProgress) -> Void

    /// Repairs under way at once: while one waits for its COMMIT to reach the disk, others work, and PostgreSQL brings
    /// several to the disk with one write.
    static let connections = JobRun.poolSize

    /// What the repairs came to.
    struct Outcome: Sendable, Hashable {
        var repaired = 0
        /// Rows that somebody else put right, or that are not any more what the decision rested on, a sentence each.
        var moved: [String] = []
        /// How many of these another run of Trueup's has put right: nothing is open of them.
        var doneByOthers = 0
        /// Objects whose rows were linked to them.
        var linked: Set<String> = []
        /// Repairs that failed, a sentence each.
        var failures: [Advice] = []

        mutating func add(_ other: Outcome) {
            repaired += other.repaired
            moved += other.moved
            doneByOthers += other.doneByOthers
            linked.formUnion(other.linked)
            failures += other.failures
        }
    }

    /// One finding to be repaired.
    struct Task: Sendable, Hashable {
        var findingID: Int64
        var judged: Judged
        var remedy: Remedy
        /// What became of the object at Stripe.
        var disposedStatus: String?
        /// Somebody else did that: it is no change for the audit to tell of.
        var wasGone = false
        /// The hash that the row must still have, where a plan is applied.
        var rowHash: String?
        /// The note of the change at Stripe, to be ended with the audit row.
        var writeID: Int64?

        init?(findingID: Int64, judged: Judged, rowHash: String? = nil) {
            guard let remedy = Remedy(judged) else { return nil }
            self.findingID = findingID
            self.judged = judged
            self.remedy = remedy
            self.rowHash = rowHash
        }

        var pair: Pair { judged.found.pair }

        /// `order 12`, or `invoice in_…` where there is no row.
        var what: String {
            pair.rowKey != nil
                ? "\(pair.localNoun) \(pair.localID)" : "\(pair.stripeNoun) \(pair.stripeID)"
        }
    }

    /// Repairs all of them. A failure of one does not stop the others. What they came to is told in the order of
    /// `tasks`, whatever order they end in.
    func repair(_ tasks: RepairTasks) async throws -> Outcome {
        // Also because the optimizer of Swift 6.3 gave a number out of nowhere for what nothing came to.
        guard !tasks.isEmpty else { return Outcome() }
        let ended = try await withThrowingTaskGroup(of: [Ended].self) { group in
            var all: [Ended] = []
            var rest = Self.inTurn(tasks)[...]
            for part in rest.prefix(Self.connections) { group.addTask { try await repair(part, of: tasks) } }
            rest = rest.dropFirst(Self.connections)
            while let part = try await group.next() {
                all += part
                try _Concurrency.Task.checkCancellation()
                if let part = rest.popFirst() { group.addTask { try await repair(part, of: tasks) } }
            }
            return all
        }
        return ended.sorted { $0.index < $1.index }.reduce(into: Outcome()) { $0.add($1.outcome) }
    }

    /// What one of the tasks came to.
    private struct Ended: Sendable {
        let index: Int
        let outcome: Outcome
    }

    /// Which tasks are done one after the other: those that change the balance of one agency, which would only wait for
    /// each other's COMMIT on connections that others could use. A change at Stripe takes longer than that.
    static func inTurn(_ tasks: RepairTasks) -> [[Int]] {
        var parts: [[Int]] = []
        var partOfAgency: [Int64: Int] = [:]
        for index in 0..<tasks.count {
            let task = tasks[index]
            guard task.remedy.atStripe == nil, case .order(let pair) = task.pair, let agency = pair.order?.agencyID
            else {
                parts.append([index])
                continue
            }
            if let part = partOfAgency[agency] {
                parts[part].append(index)
            } else {
                partOfAgency[agency] = parts.count
                parts.append([index])
            }
        }
        return parts
    }

    private func repair(_ part: [Int], of tasks: RepairTasks) async throws -> [Ended] {
        var outcomes: [Ended] = []
        for index in part {
            try _Concurrency.Task.checkCancellation()
            outcomes.append(Ended(index: index, outcome: try await repair(tasks[index])))
            progress(.repaired)
        }
        return outcomes
    }

    private func repair(_ task: Task) async throws -> Outcome {
        do {
            if let change = task.remedy.atStripe { return try await dispose(task, change) }
            guard let effect = task.remedy.local else { return Outcome() }
            if task.remedy.asksFirst { return try await letGo(task) }
            if case .notice = effect { return try await notify(task) }
            return try await settle(task, effect)
        } catch let error as PostgresError {
            // Of one row's own making (an overflow, a constraint): the others can still be repaired.
            guard error.sqlState != nil, error.server?.severity == "ERROR" else { throw error }
            return failure(task, error)
        } catch let error as StripeError {
            guard error.kind != .cancelled else { throw error }
            return failure(task, error)
        }
    }

    private func failure(_ task: Task, _ error: any Error) -> Outcome {
        let reason = (error as? PostgresError)?.brief ?? "\(error)"
        return Outcome(failures: ["finding F-\(task.findingID), \(task.what): \(reason)"])
    }

    func settle(_ task: Task, _ effect: Remedy.Local) async throws -> Outcome {
        do {
            return try await attempt(task, effect)
        } catch let error as PostgresError {
            guard case .commitOutcomeUnknown = error.kind else { throw error }
            return try await readBack(task, effect)
        }
    }

    /// The answer to COMMIT was lost. Whether it took place is in the audit; if not, once more.
    private func readBack(_ task: Task, _ effect: Remedy.Local) async throws -> Outcome {
        let isDone = try await pool.transaction(fence) { connection in
            try await RepairRecord.exists(
                runID: run.id, findingID: task.findingID, effect: effect.word, on: connection)
        }
        return isDone ? success(task) : try await attempt(task, effect)
    }

    /// A person has accepted the difference while its repair was under way, or since its plan was made.
    struct Accepted: Error {}

    private func attempt(_ task: Task, _ effect: Remedy.Local) async throws -> Outcome {
        do {
            return try await carryOut(task, effect)
        } catch is Accepted {
            return Outcome(moved: [Self.accepted(task.what)])
        }
    }

    static func accepted(_ what: String) -> String {
        "\(what): a person accepted this difference, or took its repair back"
    }

    private func carryOut(_ task: Task, _ effect: Remedy.Local) async throws -> Outcome {
        let locking = subject.locking(effect, of: task.pair, rowHash: task.rowHash)
        let outcome = try await pool.transaction(fence, opening: locking) { connection, locked in
            let outcome = try await subject.apply(
                effect, to: task.pair, rowHash: task.rowHash, locked: locked, on: connection)
            switch outcome {
            case .done(let before, let after):
                let isWanted = try await record(task, effect: effect.word, before, after).insert(on: connection)
                // What was done at Stripe is not undone: the row follows.
                if !isWanted, task.disposedStatus == nil { throw Accepted() }
                try await end(task, on: connection)
            case .alreadyDone:
                // By this very repair, where the answer to its COMMIT was lost and it came through a moment later.
                if try await RepairRecord.exists(
                    runID: run.id, findingID: task.findingID, effect: effect.word, on: connection)
                {
                    return EffectOutcome.done(before: JSONText("{}"), after: JSONText("{}"))
                }
                try await Findings.closeLate(task.findingID, on: connection)
                try await recordDisposal(task, on: connection)
            case .refused:
                try await recordDisposal(task, on: connection)
            }
            return outcome
        }
        switch outcome {
        case .done: return success(task)
        case .alreadyDone:
            return try await left(
                task, task.what, unlessByRun: "\(task.what): somebody else has done it already, a webhook or a person")
        case .refused(let reason): return Outcome(moved: [reason])
        }
    }

    /// What is left alone because of what became of it since it was compared: where another run of Trueup's did that,
    /// it is said which.
    /// - Parameters:
    ///   - what: what it is, or what became of it.
    ///   - otherwise: the sentence where the audit has no run that did it.
    func left(_ task: Task, _ what: String, unlessByRun otherwise: String) async throws -> Outcome {
        let last = try await pool.withConnection {
            try await Repair.last(ofFinding: task.findingID, sinceRun: comparedBy ?? run.id, on: $0)
        }
        guard let last, last.runID != run.id, !last.isUndo else { return Outcome(moved: [otherwise]) }
        let plan = last.plan.map { " (plan \($0))" } ?? ""
        return Outcome(moved: ["\(what): run \(last.runID)\(plan) has done it already"], doneByOthers: 1)
    }

    private func success(_ task: Task) -> Outcome {
        var outcome = Outcome(repaired: 1)
        if let id = task.remedy.linkedID { outcome.linked = [id] }
        return outcome
    }

    private func record(_ task: Task, effect: String, _ before: JSONText, _ after: JSONText) -> RepairRecord {
        let found = task.judged.found
        return RepairRecord(
            runID: run.id, findingID: task.findingID, kind: task.judged.kind, effect: effect,
            account: found.account, stripeID: found.pair.stripeID,
            stripeStatus: task.disposedStatus ?? found.pair.stripeStatus, stripeRequestID: found.requestID ?? "",
            table: subject.tableName, localID: found.pair.localID, before: before, after: after, plan: plan,
            requestedBy: run.requestedBy)
    }
}

// Notices.
extension Repairer {
    /// Reads the invoice for what the mail says of it, and whether it still is one to be told of.
    private func notify(_ task: Task) async throws -> Outcome {
        let id = task.pair.stripeID
        let invoice = try await client.invoice(id).value
        switch invoice.status {
        case .open, .paid, .uncollectible:
            return try await settle(task, .notice(FinalizedInvoice(invoice, account: subject.account)))
        case .draft, .void, .unknown:
            return Outcome(moved: ["invoice \(id): it is \(invoice.status.text) by now"])
        }
    }
}

extension FinalizedInvoice {
    /// What the mail says of a Stripe invoice.
    public init(_ invoice: Invoice, account: String) {
        self.init(
            account: account, id: invoice.id, number: invoice.number, amountDue: invoice.amountDue,
            currency: invoice.currency, dueSeconds: invoice.dueDateSeconds, hostedURL: invoice.hostedInvoiceURL,
            customer: invoice.customer, isPaid: invoice.status == .paid)
    }
}

// The half at Stripe.
extension Repairer {
    /// Stripe first, the row second, a note before both: a crash in between leaves a note from which the next run
    /// learns what became of the object, and a row that waits for one that does not exist, which it finds as such.
    private func dispose(_ start: Task, _ change: Remedy.AtStripe) async throws -> Outcome {
        var task = start
        let id = task.pair.stripeID
        let key = "trueup-\(run.job)-\(task.judged.kind.rawValue)-\(task.judged.found.account)-\(id)"
        let noted: Noted
        do {
            noted = try await note(start, change, key)
        } catch let error as PostgresError {
            guard error.isCommitOutcomeUnknown else { throw error }
            noted = try await note(start, change, key)
        }
        let writeID: Int64
        switch noted {
        case .written(let id): writeID = id
        case .moved(let reason): return try await left(start, reason, unlessByRun: reason)
        }
        task.writeID = writeID
        let outcome: Disposal.Outcome
        do {
            let disposal = Disposal(client: client, idempotencyKey: key)
            outcome =
                switch (change, task.pair) {
                case (.deleteDraft, .order(let pair)):
                    try await disposal.deleteDraft(id, createdSeconds: pair.stripe?.createdSeconds ?? 0)
                case (.cancelIntent, .charge(let pair)):
                    try await disposal.cancelIntent(id, createdSeconds: pair.stripe?.createdSeconds ?? 0)
                case (.cancelIntent, .payment(let pair)):
                    try await disposal.cancelIntent(id, createdSeconds: pair.stripe.createdSeconds)
                default: .moved("\(change.rawValue) does not fit a \(task.pair.stripeNoun)")
                }
        } catch {
            // Where it may have been made all the same, the note stays open, and the next run asks.
            if !error.outcomeIsUnknown {
                try await pool.transaction(fence) { try await StripeWrites.end(writeID, outcome: "refused", on: $0) }
            }
            throw error
        }
        switch outcome {
        case .moved(let reason):
            try await pool.transaction(fence) { try await StripeWrites.end(writeID, outcome: "moved", on: $0) }
            return Outcome(moved: ["\(task.pair.stripeNoun) \(id): \(reason)"])
        case .unfinished(let error):
            // The note stays open, and the next run goes on from there.
            throw error
        case .disposed(let status, let requestID), .gone(let status, let requestID):
            task.judged.found.requestID = requestID
            task.disposedStatus = status
            if case .gone = outcome { task.wasGone = true }
            return try await settleDisposed(task)
        }
    }

    private enum Noted: Sendable {
        case written(Int64)
        /// The row is not what the decision rested on: nothing is changed at Stripe.
        case moved(String)
    }

    /// Notes the change at Stripe before it is made, where the row is still what was compared: what is deleted there
    /// does not come back.
    private func note(_ task: Task, _ change: Remedy.AtStripe, _ key: String) async throws -> Noted {
        try await pool.transaction(fence) { connection in
            if let reason = try await subject.moved(task.pair, rowHash: task.rowHash, on: connection) {
                return .moved(reason)
            }
            if try await Findings.isAccepted(task.findingID, on: connection) { return .moved(Self.accepted(task.what)) }
            return .written(
                try await StripeWrites.begin(
                    runID: run.id, findingID: task.findingID, effect: change.rawValue, account: subject.account,
                    stripeID: task.pair.stripeID, idempotencyKey: key, on: connection))
        }
    }

    private func settleDisposed(_ task: Task) async throws -> Outcome {
        if let effect = task.remedy.local { return try await settle(task, effect) }
        if task.wasGone {
            try await pool.transaction(fence) { connection in
                try await Findings.closeLate(task.findingID, on: connection)
                try await end(task, on: connection)
            }
            let what = "\(task.pair.stripeNoun) \(task.pair.stripeID)"
            return try await left(task, what, unlessByRun: "\(what): it is gone already")
        }
        do {
            try await pool.transaction(fence) { try await recordDisposal(task, on: $0) }
        } catch let error as PostgresError {
            guard error.isCommitOutcomeUnknown else { throw error }
            try await pool.transaction(fence) { try await recordDisposal(task, on: $0) }
        }
        return Outcome(repaired: 1)
    }

    /// The audit of a change at Stripe that no change of a row goes with. Doing it twice writes one row.
    private func recordDisposal(_ task: Task, on connection: Connection) async throws {
        guard let change = task.remedy.atStripe, task.disposedStatus != nil else { return }
        try await end(task, on: connection)
        guard !task.wasGone else { return }
        let record = record(task, effect: change.rawValue, JSONText("{}"), JSONText("{}"))
        let isWritten = try await RepairRecord.exists(
            runID: run.id, findingID: record.findingID, effect: record.effect, on: connection)
        if !isWritten { try await record.insert(on: connection) }
    }

    private func end(_ task: Task, on connection: Connection) async throws {
        guard let writeID = task.writeID else { return }
        try await StripeWrites.end(writeID, outcome: task.disposedStatus ?? "done", on: connection)
    }
}
