import Jobs
import PostgreSQL
import Reconciliation
import Store

/// The comparisons of a job, with their tables as the catalog has them.
struct Subjects: Sendable {
    var list: [Subject]
    /// SHA-256 of every job file that they come from: a plan is only applied to the same.
    var hash: String

    /// - Parameter jobs: all jobs of the directory.
    static func resolve(_ definition: JobDefinition, jobs: [JobDefinition], pool: Pool) async throws -> Subjects {
        switch definition.kind {
        case .reconcile(let job):
            var list: [Subject] = []
            for account in job.accounts { list.append(try await subject(job, account, pool)) }
            return Subjects(list: list, hash: definition.hash)
        case .expire, .replay, .report:
            throw RunError.unsupported("job \(definition.name) is of kind \(definition.kind.word)")
        }
    }

    private static func subject(_ job: ReconcileJob, _ account: String, _ pool: Pool) async throws -> Subject {
        Subject(
            account: account, side: .orders(try await OrderTable.resolve(for: job, account: account, pool: pool)),
            on: job.on, staleAfterSeconds: job.staleAfterSeconds, settleSeconds: job.settleSeconds)
    }

    /// The comparison that a finding or an item of a plan comes from.
    func subject(account: String, comparison: ComparisonName) -> Subject? {
        list.first { $0.account == account && $0.comparison == comparison }
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
