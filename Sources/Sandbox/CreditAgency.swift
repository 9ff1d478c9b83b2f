/// A row of `agency`: who orders credits, is charged and gets invoices.
public struct CreditAgency: Sendable, Hashable {
    /// The primary key.
    public var id: Int64
    /// A name to show.
    public var name: String
    /// An address at example.com.
    public var email: String
    /// The customer on the account that charges agencies. The table has one column for it, so the account that invoices
    /// them knows them by the same id, which Stripe itself would not do.
    public var stripeCustomerID: String?
    /// The customer on the account of the credit orders.
    public var taskHealthStripeCustomerID: String
}

extension CreditAgency {
    /// The agencies with the ids 1 to `count`, as every history of this seed has them.
    static func all(
        seed: UInt64, count: Int, accountID: String = SandboxAccount.taskHealthAccountID
    ) -> [CreditAgency] {
        let orders = IDSpace(seed: seed, accountID: accountID)
        let charges = IDSpace(seed: seed, accountID: SandboxAccount.medflyt().accountID)
        return (1...Int64(count)).map { id in
            CreditAgency(
                id: id, name: name(id, seed: seed), email: email(id),
                stripeCustomerID: charges.text(.customer, id, createdSeconds: 0),
                taskHealthStripeCustomerID: orders.text(.customer, id, createdSeconds: 0))
        }
    }

    static func name(_ id: Int64, seed: UInt64) -> String {
        let hash = scrambled(seed ^ 0x4A3E ^ UInt64(bitPattern: id))
        let places = [
            "Brooklyn", "Queens", "Bronx", "Hudson", "Albany", "Buffalo", "Syracuse", "Yonkers", "Rochester", "Ithaca",
        ]
        let trades = ["Home Care", "Nursing Partners", "Health Aides", "Care Group", "Visiting Nurses", "Homecare"]
        return "\(places[Int(hash % 10)]) \(trades[Int(hash >> 8) % 6]) \(id)"
    }

    static func email(_ id: Int64) -> String { "billing@agency-\(id).example.com" }
}
