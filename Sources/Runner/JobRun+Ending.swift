import Jobs
import PostgreSQL
import Reconciliation
import Store
import Synchronization

// How a run that could read everything ends: as a plan, or applied.
extension JobRun {
    func endPlan(_ own: OwnRun, _ gathered: Gathered, _ subjects: Subjects) async throws -> RunResult {
        let run = own.run
        let judged = try await withoutAccepted(gathered.judged, job: run.job)
        var counts: [FindingKind: KindCount] = [:]
        for item in judged {
            counts[item.kind, default: KindCount()].found += 1
            if item.action.waits { counts[item.kind]?.open += 1 } else { counts[item.kind]?.information += 1 }
        }
        let plan = try await plan(own, judged, subjects)
        let isClean = gathered.tally.problems.isEmpty && !counts.values.contains { $0.open > 0 }
        let state: RunState = isClean ? .clean : .drift
        let outcome = try await Runs(pool: pool).end(
            own.fence, gathered.tally.outcome(state, counts: counts, spent: try await spent(run)))
        let findings = try judged.map { try ReportedFinding($0, job: run.job) }
        return RunResult(
            run: run, outcome: outcome, findings: findings, plan: plan, accepted: gathered.judged.count - judged.count)
    }

    /// Leaves out what a person accepted, as long as its facts are the same.
    private func withoutAccepted(_ judged: [Judged], job: String) async throws -> [Judged] {
        let accepted = try await Findings(pool: pool).accepted(job: job)
        guard !accepted.isEmpty else { return judged }
        return try judged.filter { item in
            let found = try FoundDifference(item, job: job)
            guard let facts = accepted[found.identity] else { return true }
            return try FindingFacts(json: facts) != FindingFacts(item.found.pair).lasting
        }
    }

    /// What would be done about these differences.
    private func plan(_ own: OwnRun, _ judged: [Judged], _ subjects: Subjects) async throws -> Plan {
        let run = own.run
        var items: [Plan.Item] = []
        var reviews: [Plan.Review] = []
        for subject in subjects.list {
            let own = judged.filter { subject.owns($0) }
            let keys = own.filter { Remedy($0) != nil }.compactMap(\.found.pair.rowKey)
            let hashes = try await pool.withConnection { try await subject.rowHashes(of: keys, on: $0) }
            for difference in own {
                if let remedy = Remedy(difference), let item = Plan.Item(difference, remedy, rowHashes: hashes) {
                    items.append(item)
                } else if difference.action == .review || difference.action == .apply {
                    reviews.append(Plan.Review(difference))
                }
            }
        }
        let accounts = own.accounts.compactMap { account in account.id.map { (account.name, $0) } }
        return try Plan(
            purpose: .repair, job: run.job, definitionHash: subjects.hash, run: run.id, createdSeconds: nowSeconds,
            createdBy: origin.requestedBy, programVersion: origin.programVersion, period: run.period,
            accounts: Dictionary(accounts) { first, _ in first }, items: items, reviews: reviews)
    }

    /// - Parameter first: what was gathered; it is given up here, so that nothing of it is held longer than it is used.
    func endApplied(
        _ own: OwnRun, _ first: inout Gathered, _ subjects: Subjects, _ gathering: any Gathering
    ) async throws -> RunResult {
        let run = own.run
        let ended = try await repair(own, &first, subjects, gathering)
        if range == nil {
            for subject in subjects.list { try await closeGone(own.fence, subject, ended.seen) }
        }
        let findings = Findings(pool: pool)
        let counts = try await findings.counts(of: run)
        let isOpen = counts.values.contains { $0.open > 0 }
        let isRepaired = counts.values.contains { $0.repaired > 0 }
        let state: RunState = isOpen || !ended.tally.problems.isEmpty ? .drift : isRepaired ? .repaired : .clean
        let outcome = ended.tally.outcome(state, counts: counts, spent: try await spent(run))
        let whole = try await Runs(pool: pool).end(own.fence, outcome, also: telling(run, outcome))
        // It has ended: what it found is given, also where the task is cancelled from now on.
        let told = try await Task {
            let stored = Mutex<[ReportedFinding]>([])
            try await findings.forEachBatch(of: run, limit: ComparisonLimits().differences) { batch in
                stored.withLock { $0 += batch.map(ReportedFinding.init) }
            }
            return stored.withLock { $0 }
        }.value
        return RunResult(
            run: run, outcome: whole, findings: told, plan: ended.waiting,
            accepted: told.count { $0.state == FindingState.accepted.rawValue })
    }

    /// What became of the differences of a run.
    private struct Repaired {
        var tally: Tally
        /// The findings that the run saw.
        var seen: [Int64] = []
        /// The plan of what waits, where a limit was reached.
        var waiting: Plan?
    }

    private func repair(
        _ own: OwnRun, _ first: inout Gathered, _ subjects: Subjects, _ gathering: any Gathering
    ) async throws -> Repaired {
        let run = own.run
        var ended = Repaired(tally: first.tally)
        var judged = first.judged
        first.judged = []
        // A link makes the row comparable: what it shows then is found and repaired in the same run.
        var done = 0
        for _ in 0..<2 {
            let (tasks, recorded) = try await record(judged, own.fence)
            ended.seen += recorded
            if let reason = limits.exceeded(
                repairs: tasks.count, after: done, objects: ended.tally.stripeObjects)
            {
                let applied = done == 0 ? "nothing was applied" : "the \(tasks.count) that followed were not applied"
                ended.tally.problems.append("\(reason): \(applied). \(approval)")
                ended.waiting = try await plan(own, try await withoutAccepted(judged, job: run.job), subjects)
                break
            }
            let outcome = try await repair(own, tasks, subjects)
            done += tasks.count
            ended.tally.problems += outcome.failures
            ended.tally.notes += outcome.moved.map { "left alone: \($0)" }
            guard !outcome.linked.isEmpty else { break }
            let again = try await DatabaseWatch(pool: pool).during { try await gathering.gather(own, isLater: true) }
            ended.tally.problems += again.tally.problems
            ended.tally.notes += again.tally.notes.filter { !ended.tally.notes.contains($0) }
            ended.tally.compared = again.tally.compared
            judged = again.judged.filter { outcome.linked.contains($0.found.pair.existingStripeID ?? "") }
        }
        return ended
    }

    /// What leads on from there. Whether there is a file of the plan is not known here: it is on one machine at most,
    /// and can be made anew at any time.
    private var approval: Advice {
        let words = range == nil ? "trueup run \(definition.name) --plan" : "the same backfill with --plan"
        return """
            To approve it, read its plan and give it to trueup apply. Where its file is not at hand, \
            \(ownPlan: words) makes it anew.
            """
    }

    /// Writes the findings. Gives those that are to be repaired, and the ids of all.
    private func record(_ judged: [Judged], _ fence: RunFence) async throws -> (tasks: RepairTasks, ids: [Int64]) {
        var tasks = RepairTasks(of: judged)
        var ids: [Int64] = []
        for start in stride(from: 0, to: judged.count, by: 500) {
            let part = judged[start..<min(start + 500, judged.count)]
            let recorded = try await Findings(pool: pool).record(
                part.map { try FoundDifference($0, job: fence.job) }, for: fence)
            ids += recorded.map(\.id)
            // What a person accepted stays as it is until its facts change.
            for (finding, index) in zip(recorded, part.indices) where finding.state == .open {
                tasks.add(finding.id, at: index)
            }
        }
        return (tasks, ids)
    }

    private func repair(
        _ own: OwnRun, _ tasks: RepairTasks, _ subjects: Subjects
    ) async throws -> Repairer.Outcome {
        progress(.repairing(tasks.count))
        var total = Repairer.Outcome()
        for subject in subjects.list {
            total.add(
                try await Repairer(
                    run: own.run, subject: subject, client: try client(subject.account), pool: pool, fence: own.fence,
                    progress: progress
                ).repair(tasks.of(subject)))
        }
        return total
    }

    private func closeGone(_ fence: RunFence, _ subject: Subject, _ seen: [Int64]) async throws {
        _ = try await Findings(pool: pool).closeGone(
            fence, account: subject.account, comparison: subject.comparison, stateSQL: subject.localStateSQL,
            seen: seen, carriedMax: comparisons.requests)
    }
}

extension Subject {
    /// Whether a difference comes from this comparison.
    func owns(_ judged: Judged) -> Bool {
        judged.found.account == account && judged.comparison == comparison
    }
}
