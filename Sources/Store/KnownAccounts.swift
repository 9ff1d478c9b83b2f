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
public struct AccountChanged: Error, Equatable, CustomStringConvertible {
    public let name: String
    public let known: String
    public let found: String

    public init(name: String, known: String, found: String) {
        self.name = name
        self.known = known
        self.found = found
    }

    public var description: String {
        "The key of account \(name) belongs to \(found); until now \(name) was \(known). Nothing was read. Check that "
            + "the keys are not swapped; if the account really changed, forget the old one with: "
            + "trueup db psql -- -c \"DELETE FROM trueup.account WHERE name = '\(name)'\""
    }
}
