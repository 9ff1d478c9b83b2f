import Jobs
import Reconciliation
import Runner
import Store

/// A night whose repairs wait for approval: what was repaired before is not seen again, what came back is found again,
/// and nothing is changed until somebody applies a plan.
extension Demo {
    /// The plans of a night, by job, in its order.
    struct Waiting {
        var plans: [Plan] = []
        var day: DemoDay
    }

    /// The second night. One of its plans is approved at once; the others wait when the statement is made.
    /// - Parameter repaired: what the first night repaired.
    func secondNight(
        _ stage: Stage, _ check: inout DemoCheck, repaired: [ReportedFinding]
    ) async throws -> Waiting {
        let day = try await DemoDay(repaired, stage.history, stage.server, stage.pool)
        var waiting = Waiting(day: day)
        check.undo(day.undone)
        var results: [RunResult] = []
        for name in DemoJobs.nightly {
            let result = try await run(name, stage, &check, isWaiting: true)
            results.append(result)
            guard let plan = result.plan, !plan.items.isEmpty else { continue }
            if name == Self.approvedAtOnce {
                try await apply(plan, stage, &check)
            } else {
                waiting.plans.append(plan)
            }
        }
        check.checkSecond(results, new: day.new)
        let items = waiting.plans.map(\.items.count).reduce(0, +)
        Terminal.print(
            "   \(counted(day.undone.count, "repair")) undone by the backup and "
                + "\(counted(day.new.count, "new difference")): found. \(counted(items, "repair")) of "
                + "\(counted(waiting.plans.count, "plan")) wait for approval")
        return waiting
    }

    /// The job whose plan is applied before the statement: its repairs stand in it, with their plan.
    private static let approvedAtOnce = "credit-payment-intents"

    /// Somebody approves what waits.
    func approve(_ waiting: Waiting, _ stage: Stage, _ check: inout DemoCheck) async throws {
        for plan in waiting.plans { try await apply(plan, stage, &check) }
        check.redo(waiting.day.undone)
    }

    private func apply(_ plan: Plan, _ stage: Stage, _ check: inout DemoCheck) async throws {
        guard let definition = stage.set.job(named: plan.job) else { throw CommandError("There is no \(plan.job).") }
        let result = try await PlanRun(
            plan: plan, path: "The plan of \(plan.job)", definition: definition, jobs: stage.set.jobs,
            clients: stage.accounts.clients, pool: stage.pool, origin: .here(.apply),
            canSend: stage.set.settings.delivery.email != nil
        ).apply()
        for failure in result.failures { check.fail("the plan of \(plan.job): \(failure)") }
        // A payment that nobody confirmed stands in the plans of two jobs.
        let alone = result.leftAlone.isEmpty ? "" : ", \(result.leftAlone.count) done by another plan"
        Terminal.print(
            "   trueup apply: the plan of \(plan.job): applied \(result.applied) of \(plan.items.count)\(alone)")
        if result.applied == 0 { check.fail("the plan of \(plan.job) changed nothing") }
    }
}

extension JobDefinition {
    /// The same job where no repair is made without approval.
    var waitingForApproval: JobDefinition {
        var job = self
        switch kind {
        case .reconcile(var reconcile):
            reconcile.limits.maxRepairs = 0
            job.kind = .reconcile(reconcile)
        case .expire(var expire):
            expire.limits.maxRepairs = 0
            job.kind = .expire(expire)
        case .replay, .report: break
        }
        return job
    }
}
