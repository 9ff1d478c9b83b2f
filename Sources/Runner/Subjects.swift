import Jobs
import PostgreSQL
import Reconciliation
import Store

/// The comparisons of a job, with their tables as the catalog has them.
struct Subjects: Sendable {
    var list: [Subject]
    /// SHA-256 of every job file that they come from: a plan is only applied to the same.
    var hash: String

    /// - Parameters:
    ///   - jobs: all jobs of the directory.
    ///   - canSend: there is a way for mail: notices that were missed can be sent.
    static func resolve(
        _ definition: JobDefinition, jobs: [JobDefinition], canSend: Bool, pool: Pool
    ) async throws -> Subjects {
        let make = Maker(canSend: canSend, pool: pool)
        switch definition.kind {
        case .reconcile(let job):
            var list: [Subject] = []
            for account in job.accounts { list.append(try await make.subject(job, account)) }
            return Subjects(list: list, hash: definition.hash)
        case .expire(let job):
            let used = Used(jobs, accounts: job.accounts) { [.orders, .charges].contains($0.side) }
            var list: [Subject] = []
            for account in job.accounts {
                for object in job.objects {
                    let found = used.first(account) { $0.object == object }
                    list.append(try await make.expiring(account, object, found, job))
                }
            }
            return Subjects(list: list, hash: used.hash(with: definition))
        case .replay(let job):
            // Customers and orders only explain payments: no webhook of a payment has an effect on them, and a replay
            // would read every payment of 30 days for nothing.
            let used = Used(jobs, accounts: job.accounts) { [.orders, .charges, .notices].contains($0.side) }
            var list: [Subject] = []
            for account in job.accounts {
                for found in used.all(account) {
                    let subject = try await make.subject(found, account)
                    if !subject.eventHints.only(job.events).types.isEmpty { list.append(subject) }
                }
            }
            if let account = job.accounts.first(where: { name in !list.contains { $0.account == name } }) {
                throw RunError.uncovered(definition.name, account: account)
            }
            return Subjects(list: list, hash: used.hash(with: definition))
        case .report:
            throw RunError.unsupported("job \(definition.name) is of kind \(definition.kind.word)")
        }
    }

    /// What a plan's run is filed under, so that it goes on only with what it began with: the hash, and as long as no
    /// run has held the names to their accounts, these accounts.
    func hash(readWith accounts: [VerifiedAccount]) -> String {
        guard accounts.contains(where: { $0.id != nil && !$0.isKnown }) else { return hash }
        let words = [hash] + accounts.map { "\($0.name) \($0.id ?? "")" }.sorted()
        return SHA256.hex(Array(words.joined(separator: "\n").utf8))
    }

    /// The comparison that a finding or an item of a plan comes from.
    func subject(account: String, comparison: ComparisonName) -> Subject? {
        list.first { $0.account == account && $0.comparison == comparison }
    }
}

/// Makes comparisons.
private struct Maker {
    let canSend: Bool
    let pool: Pool

    func subject(_ job: ReconcileJob, _ account: String) async throws -> Subject {
        let side: Subject.Side =
            switch job.side {
            case .orders: .orders(try await OrderTable.resolve(for: job, account: account, pool: pool))
            case .charges: .charges(try await ChargeTable.resolve(for: job, account: account, pool: pool))
            case .notices:
                .notices(
                    try await NoticeTable.resolve(for: job, account: account, pool: pool), canSend: canSend)
            case .customers: .customers(try await CustomerTable.resolve(for: job, pool: pool))
            case .payments: .payments(try await OrderTable.resolve(for: job, account: account, pool: pool))
            }
        return Subject(
            account: account, side: side, on: job.on, staleAfterSeconds: job.staleAfterSeconds,
            settleSeconds: job.settleSeconds)
    }

    /// What expires, with the table of the job that compares the same objects, if there is one: the row goes with the
    /// object that it waits for.
    func expiring(
        _ account: String, _ object: StripeObject, _ found: ReconcileJob?, _ job: ExpireJob
    ) async throws -> Subject {
        var side = Subject.Side.nothing(object == .invoice ? .invoice : .paymentIntent)
        if let found { side = try await subject(found, account).side }
        return Subject(
            account: account, side: side, on: [:], staleAfterSeconds: job.staleAfterSeconds, settleSeconds: 0)
    }
}

/// The reconcile jobs whose tables another kind of job uses.
private struct Used {
    private let jobs: [(definition: JobDefinition, job: ReconcileJob)]

    init(_ all: [JobDefinition], accounts: [String], where isUsed: (ReconcileJob) -> Bool) {
        jobs = all.sorted { $0.name < $1.name }.compactMap { definition in
            guard case .reconcile(let job) = definition.kind, isUsed(job),
                !Set(job.accounts).isDisjoint(with: accounts)
            else { return nil }
            return (definition, job)
        }
    }

    func first(_ account: String, where fits: (ReconcileJob) -> Bool) -> ReconcileJob? {
        jobs.first { $0.job.accounts.contains(account) && fits($0.job) }?.job
    }

    /// One job for each kind of comparison.
    func all(_ account: String) -> [ReconcileJob] {
        LocalSide.allCases.compactMap { side in first(account) { $0.side == side } }
    }

    func hash(with definition: JobDefinition) -> String {
        let hashes = [definition.hash] + jobs.map(\.definition.hash)
        return SHA256.hex(Array(hashes.joined(separator: "\n").utf8))
    }
}

extension ReconcileJob {
    /// The columns by the words of their roles.
    fileprivate var columns: [String: String] {
        Dictionary(uniqueKeysWithValues: table.columns.map { ($0.key.rawValue, $0.value) })
    }
}

/// The column of `public.agency` that holds an account's customers.
func customerColumn(_ account: String) -> String {
    account == "task_health" ? "taskHealthStripeCustomerId" : "stripeCustomerId"
}

extension OrderTable {
    /// The table of a job, for one of its accounts.
    static func resolve(for job: ReconcileJob, account: String, pool: Pool) async throws -> OrderTable {
        try await pool.withConnection { connection in
            let table = try await OrderTable.resolve(
                schema: job.table.schema, table: job.table.name, columns: job.columns,
                customerColumn: customerColumn(account), on: connection)
            try await table.refuseHiddenRows(on: connection)
            try await table.refuseDuplicates(on: connection)
            return table
        }
    }
}

extension ChargeTable {
    /// The table of a job, for one of its accounts.
    static func resolve(for job: ReconcileJob, account: String, pool: Pool) async throws -> ChargeTable {
        try await pool.withConnection { connection in
            let table = try await ChargeTable.resolve(
                schema: job.table.schema, table: job.table.name, columns: job.columns,
                customerColumn: customerColumn(account), on: connection)
            try await table.refuseHiddenRows(on: connection)
            try await table.refuseDuplicates(on: connection)
            return table
        }
    }
}

extension NoticeTable {
    /// The table of a job, for one of its accounts.
    static func resolve(for job: ReconcileJob, account: String, pool: Pool) async throws -> NoticeTable {
        try await pool.withConnection { connection in
            let table = try await NoticeTable.resolve(
                schema: job.table.schema, table: job.table.name, columns: job.columns,
                customerColumn: customerColumn(account), on: connection)
            try await table.refuseHiddenRows(on: connection)
            return table
        }
    }
}

extension CustomerTable {
    /// The table of a job.
    static func resolve(for job: ReconcileJob, pool: Pool) async throws -> CustomerTable {
        try await pool.withConnection { connection in
            let table = try await CustomerTable.resolve(
                schema: job.table.schema, table: job.table.name, columns: job.columns, on: connection)
            try await table.refuseHiddenRows(on: connection)
            return table
        }
    }
}
