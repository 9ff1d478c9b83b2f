import Credits
import Jobs
import PostgreSQL
import Store

/// The tables that one account's webhooks have to do with, as its reconcile jobs name them and the catalog has them.
public struct LiveTables: Sendable {
    /// Credit orders, which its invoices pay.
    public var orders: OrderTable?
    /// Charges, which its payment intents settle.
    public var charges: ChargeTable?
    /// Notices about its finalized invoices.
    public var notices: NoticeTable?

    /// None.
    public init() {}

    /// The webhooks and the night watch have one set of tables: those of the reconcile jobs.
    /// - Returns: by account; an account that no job compares with such a table is not there.
    /// - Throws: `ContractError` that names what is missing or has another type.
    public static func resolve(_ jobs: [JobDefinition], pool: Pool) async throws -> [String: LiveTables] {
        var found: [String: LiveTables] = [:]
        for definition in jobs.sorted(by: { $0.name < $1.name }) {
            guard case .reconcile(let job) = definition.kind else { continue }
            for account in job.accounts {
                var tables = found[account] ?? LiveTables()
                switch job.side {
                case .orders where tables.orders == nil:
                    tables.orders = try await OrderTable.resolve(for: job, account: account, pool: pool)
                case .charges where tables.charges == nil:
                    tables.charges = try await ChargeTable.resolve(for: job, account: account, pool: pool)
                case .notices where tables.notices == nil:
                    tables.notices = try await NoticeTable.resolve(for: job, account: account, pool: pool)
                case .orders, .charges, .notices, .customers, .payments: continue
                }
                found[account] = tables
            }
        }
        return found
    }
}
