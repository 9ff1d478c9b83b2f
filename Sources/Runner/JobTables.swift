import Jobs
import PostgreSQL
import Store

/// The tables of a job as the catalog has them, for a check before anything is read.
public enum JobTables {
    /// Resolves every table of a job, with its columns and their types.
    /// - Parameters:
    ///   - jobs: all jobs of the directory: some kinds use the tables of others.
    /// - Returns: the tables' names for people, each once; none for a kind that has no tables.
    /// - Throws: `ContractError` that names what is missing or has another type; ``RunError``.
    public static func names(of definition: JobDefinition, jobs: [JobDefinition], pool: Pool) async throws -> [String] {
        if case .report = definition.kind { return [] }
        let subjects = try await Subjects.resolve(definition, jobs: jobs, canSend: false, pool: pool)
        return Set(subjects.list.map(\.tableName)).filter { !$0.isEmpty }.sorted()
    }
}

extension JobTables {
    /// What the role lacks for a job, a sentence each. A job whose findings are all for review needs no more than to
    /// read.
    public static func missingPrivileges(
        of definition: JobDefinition, jobs: [JobDefinition], pool: Pool
    ) async throws -> [String] {
        if case .report = definition.kind { return [] }
        let subjects = try await Subjects.resolve(definition, jobs: jobs, canSend: false, pool: pool)
        var needs: [TablePrivileges.Need] = []
        for subject in subjects.list where !subject.tableName.isEmpty {
            needs.append(.init(subject.tableName, privileges(subject.comparison)))
            if subject.comparison == .orders {
                needs.append(.init("public.task_credit_agency_balance", ["SELECT", "INSERT", "UPDATE"]))
            }
        }
        if !needs.isEmpty { needs.append(.init("public.agency", ["SELECT"])) }
        let all = Array(Set(needs))
        return try await pool.withConnection { try await TablePrivileges.missing(all, on: $0) }
    }

    private static func privileges(_ comparison: ComparisonName) -> [String] {
        switch comparison {
        case .orders, .charges: ["SELECT", "UPDATE"]
        case .notices: ["SELECT", "INSERT", "UPDATE"]
        case .customers, .payments: ["SELECT"]
        }
    }
}

extension ComparisonName {
    /// What an object at Stripe of it is called.
    public var stripeNoun: String {
        switch self {
        case .orders, .notices: "invoice"
        case .charges, .customers, .payments: "payment intent"
        }
    }
}
