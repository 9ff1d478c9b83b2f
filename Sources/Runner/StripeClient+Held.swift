import PostgreSQL
import Store
import Stripe

extension StripeClient {
    /// Checks the key, and that it belongs to the account that this name has stood for, and remembers nothing: for what
    /// must leave no trace, and for who reads on behalf of others.
    /// - Returns: whether the name stands for an account already, or the key may not say whose it is.
    func verifyHeld(_ name: String, pool: Pool) async throws -> Bool {
        guard let accountID = try await verify().accountID else { return true }
        return try await pool.withConnection {
            try await KnownAccounts.hold(name: name, accountID: accountID, on: $0)
        }
    }
}
