import PostgreSQL

/// The table of charges, as `pg_catalog` has it: every name here exists, has the right type, and is quoted.
public struct ChargeTable: Sendable, Hashable {
    /// Schema and table, quoted.
    public let name: String
    /// For people: `public.agency_charge`.
    public let plainName: String
    public let key: String
    public let id: String
    public let amount: String
    public let currency: String
    public let status: String
    public let createdAt: String
    public let agencyID: String
    public let succeededAt: String
    /// The columns that only making a charge fills; `nil` where the table has none of the standard name.
    public let purpose: String?
    public let description: String?
    /// SQL for the agency's Stripe customer, on the alias `a` of the table `agency`; `NULL::text` where the tables do
    /// not know it.
    public let customer: String
    /// `LEFT JOIN … a` or nothing.
    public let agencyJoin: String

    private static let roles = [
        TableRole("key", "id", TableRole.integers), TableRole("id", "stripe_payment_intent_id", TableRole.texts),
        TableRole("amount", "amount_cents", TableRole.integers),
        TableRole("currency", "currency", TableRole.texts + ["character"]),
        TableRole("status", "status", TableRole.texts), TableRole("created_at", "created_at", TableRole.instants),
        TableRole("agency_id", "agency_id", TableRole.integers),
        TableRole("succeeded_at", "succeeded_at", TableRole.instants),
    ]

    /// Looks the contract up in the catalog.
    /// - Parameters:
    ///   - columns: the column of each role that the job file names; other roles have their standard name.
    ///   - customerColumn: the column of `public.agency` that holds the account's customer id.
    /// - Throws: ``ContractError`` that names what is missing or has another type.
    public static func resolve(
        schema: String, table: String, columns: [String: String], customerColumn: String, on connection: Connection
    ) async throws -> ChargeTable {
        let catalog = try await TableCatalog.read(schema: schema, table: table, on: connection)
        let column = try catalog.columns(of: roles, named: columns)
        let customer = try await AgencyCustomer.read(
            column: customerColumn, agencyID: column["agency_id"], on: connection)
        let optional = { (column: String) in catalog.types[column] == nil ? nil : quoteIdentifier(column) }
        return ChargeTable(
            name: catalog.name, plainName: catalog.plainName, key: column["key"], id: column["id"],
            amount: column["amount"], currency: column["currency"], status: column["status"],
            createdAt: column["created_at"], agencyID: column["agency_id"], succeededAt: column["succeeded_at"],
            purpose: optional("purpose"), description: optional("description"), customer: customer.sql,
            agencyJoin: customer.join)
    }

    /// Two rows with one Stripe id would each get what was paid once.
    /// - Throws: ``ContractError/notUnique(_:table:example:)``.
    public func refuseDuplicates(on connection: Connection) async throws {
        try await TableCatalog.refuseDuplicates(of: id, in: name, plainName: plainName, on: connection)
    }

    /// Row-level security that hides rows would make a comparison lie.
    /// - Throws: ``ContractError/hiddenRows(_:)``.
    public func refuseHiddenRows(on connection: Connection) async throws {
        try await TableCatalog.refuseHiddenRows(of: name, plainName: plainName, on: connection)
    }

    /// SQL for a row `l` that can still change: any status but those where a charge comes to rest. The index
    /// `agency_charge_open` has the same condition.
    var isOpen: String { "(l.\(status) IS NULL OR l.\(status) NOT IN ('succeeded', 'failed', 'canceled'))" }
}
