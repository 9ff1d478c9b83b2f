import PostgreSQL

/// Which Stripe account each name of the settings has stood for. A key of another account under a known name would
/// compare one account's objects with another's orders, so it is refused before the first list.
public enum KnownAccounts {
    /// The account that a name has stood for; `nil` for a name that no run has used.
    public static func accountID(of name: String, on connection: Connection) async throws -> String? {
        try await connection.query("SELECT account_id FROM trueup.account WHERE name = $1", name)
            .first.map { try $0["account_id"] }
    }

    /// The other names that have stood for an account, in alphabetic order.
    public static func names(
        of accountID: String, except name: String, on connection: Connection
    ) async throws -> [String] {
        try await connection.query(
            "SELECT name FROM trueup.account WHERE account_id = $1 AND name <> $2 ORDER BY name", accountID, name
        ).map { try $0["name"] }
    }

    /// Holds a name to the account that it has stood for, and writes nothing.
    /// - Returns: whether a run has used the name.
    /// - Throws: ``AccountChanged``.
    public static func hold(name: String, accountID: String, on connection: Connection) async throws -> Bool {
        guard let known = try await self.accountID(of: name, on: connection) else { return false }
        guard known == accountID else { throw AccountChanged(name: name, known: known, found: accountID) }
        return true
    }

    /// The newest payment that was read of the account of a name, which only a key of that account finds.
    /// - Returns: `nil` for a name that no run has used, and where no payment was read.
    public static func newestPayment(of name: String, on connection: Connection) async throws -> KnownPayment? {
        let rows = try await connection.query(
            """
            SELECT a.account_id, p.id, p.object = 'invoice' AS is_invoice FROM trueup.account a
            CROSS JOIN LATERAL (SELECT id, object FROM trueup.stripe_payment
                WHERE account = a.name ORDER BY created_seconds DESC LIMIT 1) p
            WHERE a.name = $1
            """, name)
        guard let row = rows.first else { return nil }
        return KnownPayment(
            name: name, accountID: try row["account_id"], id: try row["id"], isInvoice: try row["is_invoice"])
    }

    /// Remembers an account the first time, and holds it to that from then on.
    /// - Throws: ``AccountChanged``.
    public static func check(name: String, accountID: String, on connection: Connection) async throws {
        try await connection.execute(
            "INSERT INTO trueup.account (name, account_id) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", name,
            accountID)
        _ = try await hold(name: name, accountID: accountID, on: connection)
    }
}

/// The key of a name belongs to another account than before.
public struct AccountChanged: AdvisesCommand, Equatable {
    public let name: String
    public let known: String
    public let found: String

    public init(name: String, known: String, found: String) {
        self.name = name
        self.known = known
        self.found = found
    }

    public var advice: Advice {
        """
        The key of account \(name) belongs to \(found); until now \(name) was \(known). Nothing was read. \
        \(Advice.forgetting(name, where: "the account really changed"))
        """
    }
}

/// A payment that a run has read of an account.
public struct KnownPayment: Sendable, Hashable {
    /// The account's in the settings.
    public let name: String
    /// `acct_…`, which the name has stood for.
    public let accountID: String
    /// `in_…` or `pi_…`.
    public let id: String
    /// An invoice; else a payment intent.
    public let isInvoice: Bool

    public init(name: String, accountID: String, id: String, isInvoice: Bool) {
        self.name = name
        self.accountID = accountID
        self.id = id
        self.isInvoice = isInvoice
    }
}

/// The key of a name may not say its account, and does not find what was read of the account before.
public struct PaymentNotFound: AdvisesCommand, Equatable {
    public let payment: KnownPayment

    public init(_ payment: KnownPayment) { self.payment = payment }

    public var advice: Advice {
        let name = payment.name
        return """
            The key of account \(name) may not say whose it is, and does not find \(payment.id), the newest payment \
            that was read of \(name) (until now \(payment.accountID)): it belongs to another account. Nothing else was \
            read. \(Advice.forgetting(name, where: "the account really changed, or its test data was deleted"))
            """
    }
}

extension Advice {
    /// What to do where the key of a name is not that of the account that it has stood for.
    /// - Parameter reason: where that is as it should be.
    fileprivate static func forgetting(_ name: String, where reason: String) -> Advice {
        """
        Check that the keys are not swapped; if \(reason), forget the old one with: \(command: "trueup db psql") \
        -- -c "DELETE FROM trueup.account WHERE name = '\(name)'"
        """
    }
}
