import Credits
import Jobs
import PostgreSQL
import Store

/// The tables that the live side changes, by account: those that the reconcile jobs compare with it, so that a webhook
/// and the night's run are about the same rows.
public struct LiveTables: Sendable {
    /// The tables of one account; `nil` where no job compares any with it.
    public struct OfAccount: Sendable {
        public var orders: OrderTable?
        public var charges: ChargeTable?
        public var notices: NoticeTable?

        /// What applies the states of the account's objects to them.
        public var effects: ObjectEffects { ObjectEffects(orders: orders, charges: charges) }
    }

    public let byAccount: [String: OfAccount]

    /// Looks the tables of all reconcile jobs up in the catalog; of two jobs on one account and side, the first by name
    /// counts.
    /// - Throws: `ContractError` that names what is missing or has another type.
    public static func resolve(_ jobs: [JobDefinition], pool: Pool) async throws -> LiveTables {
        var found: [String: OfAccount] = [:]
        for definition in jobs.sorted(by: { $0.name < $1.name }) {
            guard case .reconcile(let job) = definition.kind else { continue }
            for account in job.accounts {
                var tables = found[account] ?? OfAccount()
                switch job.side {
                case .orders where tables.orders == nil:
                    tables.orders = try await OrderTable.resolve(for: job, account: account, pool: pool)
                case .charges where tables.charges == nil:
                    tables.charges = try await ChargeTable.resolve(for: job, account: account, pool: pool)
                case .notices where tables.notices == nil:
                    tables.notices = try await NoticeTable.resolve(for: job, account: account, pool: pool)
                default: continue
                }
                found[account] = tables
            }
        }
        return LiveTables(byAccount: found)
    }
}
