import PostgreSQL
import Store
import Stripe

/// Whose a key is, as Stripe says, and whether the name that it stands under is held to that.
struct VerifiedAccount: Sendable, Hashable {
    /// In the settings.
    var name: String
    /// `acct_…`; `nil` where the key may not say it.
    var id: String?
    /// Whether a run, or a plan that was applied, has remembered the account under this name.
    var isKnown: Bool

    /// Holds the name to the account from now on.
    /// - Throws: ``AccountChanged``.
    func remember(on connection: Connection) async throws {
        guard let id else { return }
        try await KnownAccounts.check(name: name, accountID: id, on: connection)
    }
}

extension StripeClient {
    /// Checks the key, and that it belongs to the account that this name has always stood for. Before anything else is
    /// asked or changed.
    /// - Throws: ``AccountChanged``.
    func verifyKnown(_ name: String, pool: Pool) async throws -> VerifiedAccount {
        guard let id = try await verify().accountID else { return VerifiedAccount(name: name, id: nil, isKnown: false) }
        let isKnown = try await pool.withConnection {
            try await KnownAccounts.hold(name: name, accountID: id, on: $0)
        }
        return VerifiedAccount(name: name, id: id, isKnown: isKnown)
    }
}
