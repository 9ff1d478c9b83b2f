import PostgreSQL
import Reconciliation

/// Which findings are listed, and in which order.
public struct FindingFilter: Sendable, Hashable {
    /// What comes first.
    public enum Order: String, Sendable, Hashable, CaseIterable {
        /// The oldest.
        case age
        /// The largest amount; of each currency apart, since amounts of two currencies do not compare.
        case amount
        /// The kind that outranks the others, then the largest amount.
        case kind
    }

    public var job: String?
    /// `nil`: all that are not closed.
    public var state: FindingState?
    public var kind: FindingKind?
    public var account: String?
    public var agencyID: Int64?
    /// Whoever looks after it; empty: nobody.
    public var owner: String?
    /// Of the larger of both sides' amounts, in minor units of the finding's own currency.
    public var amountMin: Int64?
    /// What this run saw, closed or not.
    public var runID: Int64?
    public var order = Order.age
    public var limit = 1_000

    public init() {}
}

extension Findings {
    /// Findings that pass a filter.
    public func list(_ filter: FindingFilter) async throws -> [Finding] {
        let amount = "greatest(stripe_amount, local_amount)"
        let states = "array_position('{open,information,accepted,closed}'::text[], \(FindingState.sql))"
        let order =
            switch filter.order {
            case .age: "id"
            case .amount: "\(states), currency NULLS LAST, \(amount) DESC NULLS LAST, id"
            case .kind:
                "\(states), array_position($10::text[], kind), currency NULLS LAST, \(amount) DESC NULLS LAST, id"
            }
        return try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Finding.columns) FROM trueup.finding
                WHERE ($1::text IS NULL OR job = $1) AND ($2::text IS NULL OR \(FindingState.sql) = $2)
                  AND ($2::text IS NOT NULL OR $4::bigint IS NOT NULL OR state <> 'closed')
                  AND ($3::text IS NULL OR kind = $3) AND ($4::bigint IS NULL OR last_run_id = $4)
                  AND ($6::text IS NULL OR account = $6) AND ($7::bigint IS NULL OR agency_id = $7)
                  AND ($8::text IS NULL OR coalesce(owner, '') = $8)
                  AND ($9::bigint IS NULL OR \(amount) >= $9) AND cardinality($10::text[]) > 0
                ORDER BY \(order) LIMIT $5
                """, filter.job, filter.state?.rawValue, filter.kind?.rawValue, filter.runID, filter.limit,
                filter.account, filter.agencyID, filter.owner, filter.amountMin, FindingKind.allCases.map(\.rawValue)
            ).map(Finding.init)
        }
    }
}
