import PostgreSQL

/// The table of credit orders, as `pg_catalog` has it: every name here exists, has the right type, and is quoted.
public struct OrderTable: Sendable, Hashable {
    /// Schema and table, quoted.
    public let name: String
    /// For people: `public.task_credit_stripe_invoice`.
    public let plainName: String
    public let key: String
    public let id: String
    public let amount: String
    public let currency: String
    public let paid: String
    public let cancelledAt: String
    public let createdAt: String
    public let credits: String
    public let agencyID: String
    public let paidAt: String
    /// The columns that only placing an order needs; `nil` where the table has none of the standard name.
    public let memberID: String?
    public let optionID: String?
    public let hostedURL: String?
    /// SQL for the agency's Stripe customer, on the alias `a` of the table `agency`; `NULL::text` where the tables do
    /// not know it.
    public let customer: String
    /// `LEFT JOIN … a` or nothing.
    public let agencyJoin: String

    private static let roles = [
        TableRole("key", "id", TableRole.integers), TableRole("id", "stripe_invoice_id", TableRole.texts),
        TableRole("amount", "amount_cents", TableRole.integers),
        TableRole("currency", "currency", TableRole.texts + ["character"]), TableRole("paid", "paid", ["boolean"]),
        TableRole("cancelled_at", "cancelled_at", TableRole.instants),
        TableRole("created_at", "created_at", TableRole.instants),
        TableRole("credits", "credits", TableRole.integers), TableRole("agency_id", "agency_id", TableRole.integers),
        TableRole("paid_at", "paid_at", TableRole.instants),
    ]

    /// Looks the contract up in the catalog.
    /// - Parameters:
    ///   - columns: the column of each role that the job file names; other roles have their standard name.
    ///   - customerColumn: the column of `public.agency` that holds the account's customer id.
    /// - Throws: ``ContractError`` that names what is missing or has another type.
    public static func resolve(
        schema: String, table: String, columns: [String: String], customerColumn: String, on connection: Connection
    ) async throws -> OrderTable {
        let catalog = try await TableCatalog.read(schema: schema, table: table, on: connection)
        let column = try catalog.columns(of: roles, named: columns)
        let customer = try await AgencyCustomer.read(
            column: customerColumn, agencyID: column["agency_id"], on: connection)
        let optional = { (column: String) in catalog.types[column] == nil ? nil : quoteIdentifier(column) }
        return OrderTable(
            name: catalog.name, plainName: catalog.plainName, key: column["key"], id: column["id"],
            amount: column["amount"], currency: column["currency"], paid: column["paid"],
            cancelledAt: column["cancelled_at"], createdAt: column["created_at"], credits: column["credits"],
            agencyID: column["agency_id"], paidAt: column["paid_at"], memberID: optional("agency_member_id"),
            optionID: optional("order_option_id"), hostedURL: optional("hosted_invoice_url"),
            customer: customer.sql, agencyJoin: customer.join)
    }

    /// SQL for the state of the row that a finding `f` is about, `NULL` where it is gone.
    public var stateSQL: String {
        """
        (SELECT CASE WHEN l.\(paid) THEN 'paid' WHEN l.\(cancelledAt) IS NOT NULL THEN 'cancelled' ELSE 'open' END
            FROM \(name) l WHERE l.\(key)::text = f.local_id)
        """
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
}
