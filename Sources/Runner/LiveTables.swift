import Credits
import Jobs
import PostgreSQL
import Store

/// The tables that the live side changes, by account: those that the reconcile jobs compare with it, so that a webhook
/// and the night's run are about the same rows.
public struct LiveTables: Sendable {
    /// The tables of one account; `nil` where no job compares any with it.
    public struct OfAccount: Sendable {
        /// The account's name in the settings.
        public let account: String
        public var orders: OrderTable?
        public var charges: ChargeTable?
        public var notices: NoticeTable?
        /// The jobs that compare them: who is told of what webhooks cannot settle.
        var jobs: [LocalSide: JobDefinition] = [:]

        /// Where `trueup serve` takes the account's webhooks in.
        public var webhookPath: String { orders == nil ? LiveTables.otherPath : LiveTables.creditsPath }

        /// The types of events that change its tables.
        public var webhookTypes: [String] {
            (orders == nil ? [] : LiveTables.orderTypes) + (notices == nil ? [] : LiveTables.noticeTypes)
                + (charges == nil ? [] : LiveTables.chargeTypes)
        }

        /// What applies the states of the account's objects to them.
        public var effects: ObjectEffects { ObjectEffects(account: account, orders: orders, charges: charges) }

        /// Who hears of what the webhooks of a side cannot settle: whoever hears of its job's differences.
        public func alerts(about side: LocalSide, delivery: DeliverySettings) -> Alerts? {
            jobs[side].map { Alerts($0, delivery: delivery) }
        }
    }

    /// The path for accounts that sell credits.
    public static let creditsPath = "/stripe/credits-webhook"
    /// The path for all others.
    public static let otherPath = "/stripe/webhook"
    public static let orderTypes = ["invoice.paid", "invoice.voided"]
    public static let noticeTypes = ["invoice.finalized"]
    public static let chargeTypes = [
        "payment_intent.succeeded", "payment_intent.canceled", "payment_intent.payment_failed",
    ]

    public let byAccount: [String: OfAccount]

    /// Looks the tables of all reconcile jobs up in the catalog; of two jobs on one account and side, the first by name
    /// counts.
    /// - Throws: `ContractError` that names what is missing or has another type.
    public static func resolve(_ jobs: [JobDefinition], pool: Pool) async throws -> LiveTables {
        var found: [String: OfAccount] = [:]
        for definition in jobs.sorted(by: { $0.name < $1.name }) {
            guard case .reconcile(let job) = definition.kind else { continue }
            for account in job.accounts {
                var tables = found[account] ?? OfAccount(account: account)
                switch job.side {
                case .orders where tables.orders == nil:
                    tables.orders = try await OrderTable.resolve(for: job, account: account, pool: pool)
                case .charges where tables.charges == nil:
                    tables.charges = try await ChargeTable.resolve(for: job, account: account, pool: pool)
                case .notices where tables.notices == nil:
                    tables.notices = try await NoticeTable.resolve(for: job, account: account, pool: pool)
                default: continue
                }
                tables.jobs[job.side] = definition
                found[account] = tables
            }
        }
        return LiveTables(byAccount: found)
    }
}
