import PostgreSQL
import Store
import Stripe

/// Whose a key is, as Stripe says, and whether the name that it stands under is held to that.
package struct VerifiedAccount: Sendable, Hashable {
    /// In the settings.
    package var name: String
    /// `acct_…`; `nil` where the key may not say it.
    package var id: String?
    /// Whether a run, or a plan that was applied, has remembered the account under this name.
    package var isKnown: Bool

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
    /// - Throws: ``AccountChanged``; ``PaymentNotFound`` for a key that may not say its account.
    @discardableResult
    package func verifyKnown(_ name: String, pool: Pool) async throws -> VerifiedAccount {
        guard let id = try await verify().accountID else {
            try await findKnownPayment(of: name, pool: pool)
            return VerifiedAccount(name: name, id: nil, isKnown: false)
        }
        let isKnown = try await pool.withConnection {
            try await KnownAccounts.hold(name: name, accountID: id, on: $0)
        }
        return VerifiedAccount(name: name, id: id, isKnown: isKnown)
    }

    /// Where the key does not say its account: what was read of the account before tells it from another one.
    private func findKnownPayment(of name: String, pool: Pool) async throws {
        let known = try await pool.withConnection { try await KnownAccounts.newestPayment(of: name, on: $0) }
        guard let payment = known else { return }
        do throws(StripeError) {
            if payment.isInvoice { _ = try await invoice(payment.id) } else { _ = try await paymentIntent(payment.id) }
        } catch {
            switch error.kind {
            case .notFound: throw PaymentNotFound(payment)
            // A key for other objects: it says as little of itself as before.
            case .permission: return
            default: throw error
            }
        }
    }
}
