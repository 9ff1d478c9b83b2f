import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Runner
import Store

/// The part of the demo that finance sees: a backfill over the history, a statement that two people sign, an order that
/// somebody corrects behind the signature, and the statement after that.
struct DemoReport {
    let set: JobSet
    let accounts: [ReportAccount]
    let pool: Pool
    /// The folder of the demo: reports go below it.
    let directory: String
    let nowSeconds: Int64

    /// The job that makes the report.
    private var job: (definition: JobDefinition, report: ReportJob) {
        get throws {
            guard let found = set.job(named: DemoJobs.report), case .report(let report) = found.kind else {
                throw CommandError("The demo has no job \(DemoJobs.report).")
            }
            return (found, report)
        }
    }

    /// The jobs whose history the first statement needs, from the beginning of Stripe on: what is before the first
    /// payment costs a request or two.
    var history: [(job: String, period: Window)] {
        ["credit-invoices", "agency-charges"].compactMap { name in
            guard case .reconcile(let job)? = set.job(named: name)?.kind else { return nil }
            // A day into what nights have read.
            let to = nowSeconds - job.settleSeconds - job.lookBackSeconds + 86_400
            return (job: name, period: Window(fromSeconds: StripeHistory.beginsSeconds, toSeconds: to))
        }
    }

    /// Makes the report as of a time, in a folder of that name. What an earlier demo left there is of a database that
    /// is gone, and signed: a report is not made over it.
    func make(_ name: String, asOf seconds: Int64) async throws -> ReportResult {
        let (definition, report) = try job
        let folder = directory + "/reports/" + name
        if FileManager.default.fileExists(atPath: folder) { try FileManager.default.removeItem(atPath: folder) }
        return try await ReportRun(
            definition: definition, report: report, jobs: set.jobs, accounts: accounts, pool: pool,
            origin: .here(.demo), period: .asOf(seconds), nowSeconds: nowSeconds,
            directory: folder
        ).run()
    }

    /// What people look after: the largest kinds of items have somebody, and one item was accepted.
    func assign() async throws {
        let findings = Findings(pool: pool)
        let owners: [(FindingKind, String)] = [
            (.disputed, "noa"), (.refunded, "noa"), (.amountMismatch, "dana"), (.paidAfterCancel, "dana"),
        ]
        for (kind, owner) in owners {
            for finding in try await findings.list(kind: kind) {
                _ = try await findings.assign(finding.id, to: owner, by: "miriam", note: "Please look into it.")
            }
        }
        if let credited = try await findings.list(kind: .credited).first {
            _ = try await findings.accept(credited.id, by: "dana", note: "Agreed with the agency: the credits stay.")
        }
    }

    /// A preparer and a reviewer sign it.
    func sign(_ result: ReportResult) async throws {
        let reports = StoredReports(pool: pool)
        // Both are this process, and the signatures say so.
        for (role, person, note) in [
            ("preparer", "dana", "Tied to the tables and to Stripe."),
            ("reviewer", "miriam", "Read; the open items are assigned."),
        ] {
            try await reports.sign(
                result.id,
                NewSignature(
                    role: role, person: person, note: note, systemUser: RunOrigin.here(.demo).requestedBy,
                    isSharedLogin: true))
        }
        _ = try await SignedFolder(reports: reports).write(result.id, into: result.directory)
    }

    /// Somebody takes back by hand an order that is marked paid though its invoice is void, as the finding asks for.
    /// - Parameter before: the cut-off that was signed: the order was paid before it.
    /// - Returns: the finding, `nil` where there is none.
    func correct(before seconds: Int64) async throws -> Finding? {
        let findings = try await Findings(pool: pool).list(job: "credit-invoices", kind: .voidAfterPaid)
        for finding in findings {
            guard let order = Int64(finding.identity.localID) else { continue }
            let changed = try await pool.transaction { connection in
                let rows = try await connection.query(
                    """
                    UPDATE task_credit_stripe_invoice SET paid = false, cancelled_at = now()
                    WHERE id = $1 AND paid AND coalesce(paid_at, created_at) < $2 RETURNING agency_id, credits
                    """, order, Timestamp(seconds: seconds))
                guard let row = rows.first else { return false }
                try await connection.execute(
                    "UPDATE task_credit_agency_balance SET balance = balance - $2 WHERE agency_id = $1",
                    try row["agency_id"] as Int64, try row["credits"] as Int64)
                return true
            }
            if changed { return finding }
        }
        return nil
    }

    /// What the report has no row of: kinds of findings, states of items, and parts.
    func missing(_ result: ReportResult) async throws -> [String] {
        let report = result.report
        let kinds = Set(report.items.map(\.item.kind))
        let open = Set(try await Findings(pool: pool).list(limit: 100_000).map(\.identity.kind))
        // No job finds a drift: what no item accounts for, the statement itself calls unexplained.
        var missing = open.union(FindingKind.allCases.filter { $0 != .balanceDrift }).subtracting(kinds)
            .map { "item of kind \($0.rawValue)" }.sorted()
        let states = Set(report.items.map(\.state))
        missing += ItemState.allCases.filter { !states.contains($0) }.map { "item that is \($0.rawValue)" }
        let changes = report.statement.changes
        let parts: [(String, Bool)] = [
            ("new item", changes.new.isEmpty), ("reopened item", changes.reopened.isEmpty),
            ("unchanged item", changes.unchanged.isEmpty), ("resolved item", report.resolved.isEmpty),
            ("resolved item with its plan", report.resolved.allSatisfy { $0.plan == nil }),
            ("repair that somebody approved", report.repairs.allSatisfy { $0.approvedBy == nil }),
            ("figure that changed since the sign-off", report.changedSinceSignOff.isEmpty),
            ("trend", report.trend.count < 2), ("control totals", report.statement.controls.isEmpty),
            ("item for information", !report.items.contains(where: \.item.isInformation)),
            ("note", report.items.allSatisfy { $0.note == nil }),
        ]
        return missing + parts.filter(\.1).map(\.0)
    }
}
