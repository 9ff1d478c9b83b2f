import PostgreSQL
import Reconciliation
import Store

/// Differences of credit orders as a run might have found them.
enum FindingSample {
    static func found(
        _ stripeID: String, localID: String = "1", job: String = "tests", kind: FindingKind = .missedPaid,
        action: Action = .apply, facts: String = "{}"
    ) -> FoundDifference {
        FoundDifference(
            identity: FindingIdentity(
                job: job, kind: kind, account: "task_health", stripeID: stripeID, localID: localID),
            comparison: .orders, action: action, explanation: "-", stripeStatus: "paid", localState: "open",
            stripeAmount: 1, localAmount: 1, currency: "usd", credits: 1, agencyID: 1, facts: JSONText(facts))
    }

    /// What a run would write down of the repair of one.
    static func repair(of found: FoundDifference, _ findingID: Int64, _ run: Run) -> RepairRecord {
        RepairRecord(
            runID: run.id, findingID: findingID, kind: found.identity.kind, effect: "grant",
            account: found.identity.account, stripeID: found.identity.stripeID, stripeStatus: "paid",
            stripeRequestID: "req_1", table: "public.task_credit_stripe_invoice", localID: found.identity.localID,
            before: JSONText("{}"), after: JSONText("{}"), requestedBy: "tests")
    }

    /// A run of a job that lists invoices.
    static func begin(_ job: String, _ pool: Pool) async throws -> Run {
        try await Runs(pool: pool).begin(
            job: job, definitionHash: "x", isPlan: false, period: StagedWorld.period,
            lists: [RunList(account: "task_health", object: .invoice): StagedWorld.period],
            origin: RunOrigin(
                trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
    }
}
