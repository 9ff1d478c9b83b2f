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

extension ComparisonName {
    /// What an object at Stripe of it is called.
    public var stripeNoun: String {
        switch self {
        case .orders, .notices: "invoice"
        case .charges, .customers, .payments: "payment intent"
        }
    }
}
