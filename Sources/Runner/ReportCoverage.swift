import Jobs
import Reconciliation

/// What a report has to read, and which of it no job of its own reads.
///
/// A balance report states credits and charges. Every account on which a job of the folder compares them is read by a
/// job that the report rests on, or is NOT READ: a short `after` narrows nothing. What narrows a report is `accounts`.
struct ReportCoverage: Sendable {
    /// A job that a part needs and that the report leaves out.
    struct LeftOut: Sendable, Hashable {
        let job: String
        let part: StatementItem.Scope
        /// Those that no other job of the report reads for this part.
        let accounts: [String]
    }

    /// The jobs whose runs the report rests on.
    let resting: [JobDefinition]
    let leftOut: [LeftOut]
    /// What `after` names and no job is.
    let unknown: [String]
    /// Whether credits are stated at all: not where `accounts` names none on which they are bought.
    let statesCredits: Bool
    /// The accounts that `accounts` narrows the report to; empty: all.
    let accounts: [String]
    /// The credit orders as the first job that compares them has them, stated or left out.
    let orders: TableContract

    init(_ definition: JobDefinition, _ report: ReportJob, jobs: [JobDefinition]) {
        let named = jobs.filter { definition.after.contains($0.name) }
        unknown = definition.after.filter { name in !named.contains { $0.name == name } }
        let resting =
            named.isEmpty
            ? jobs.filter { if case .reconcile = $0.kind { true } else { false } }
            : named
                .filter { report.accounts.isEmpty || !$0.kind.accounts.allSatisfy { !report.accounts.contains($0) } }
        self.resting = resting
        accounts = report.accounts
        var read: [StatementItem.Scope: Set<String>] = [:]
        for job in resting {
            guard let (part, reconcile) = Self.part(of: job) else { continue }
            read[part, default: []].formUnion(reconcile.accounts)
        }
        var leftOut: [LeftOut] = []
        let restingNames = Set(resting.map(\.name))
        for job in jobs where !restingNames.contains(job.name) {
            guard let (part, reconcile) = Self.part(of: job) else { continue }
            let wanted = reconcile.accounts.filter { report.accounts.isEmpty || report.accounts.contains($0) }
            let unread = wanted.filter { read[part]?.contains($0) != true }
            guard !unread.isEmpty else { continue }
            leftOut.append(LeftOut(job: job.name, part: part, accounts: unread))
            read[part, default: []].formUnion(unread)
        }
        self.leftOut = leftOut
        statesCredits = report.accounts.isEmpty || read[.credits] != nil
        let contracts = (resting + jobs).compactMap { job -> TableContract? in
            guard let (part, reconcile) = Self.part(of: job), part == .credits else { return nil }
            return reconcile.table
        }
        orders = contracts.first ?? TableContract(name: "task_credit_stripe_invoice", columns: [:])
    }

    /// The part of the statement that a job's comparison is about; `nil` for those that move neither.
    static func part(of job: JobDefinition) -> (StatementItem.Scope, ReconcileJob)? {
        guard case .reconcile(let reconcile) = job.kind else { return nil }
        switch reconcile.side {
        case .orders: return (.credits, reconcile)
        case .charges where reconcile.table.name == "agency_charge": return (.charges, reconcile)
        default: return nil
        }
    }
}
