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
    /// SQL for the agency's Stripe customer, on the alias `a` of the table `agency`; `NULL::text` where the tables do
    /// not know it.
    public let customer: String
    /// `LEFT JOIN … a` or nothing.
    public let agencyJoin: String

    /// A role's standard column and the types it may have.
    private static let roles: [(role: String, column: String, types: [String])] = [
        ("key", "id", ["bigint", "integer"]), ("id", "stripe_invoice_id", ["text", "character varying"]),
        ("amount", "amount_cents", ["bigint", "integer"]),
        ("currency", "currency", ["text", "character varying", "character"]), ("paid", "paid", ["boolean"]),
        ("cancelled_at", "cancelled_at", ["timestamp with time zone"]),
        ("created_at", "created_at", ["timestamp with time zone"]), ("credits", "credits", ["bigint", "integer"]),
        ("agency_id", "agency_id", ["bigint", "integer"]), ("paid_at", "paid_at", ["timestamp with time zone"]),
    ]

    /// Looks the contract up in the catalog.
    /// - Parameters:
    ///   - columns: the column of each role that the job file names; other roles have their standard name.
    ///   - customerColumn: the column of `public.agency` that holds the account's customer id.
    /// - Throws: ``ContractError`` that names what is missing or has another type.
    public static func resolve(
        schema: String, table: String, columns: [String: String], customerColumn: String, on connection: Connection
    ) async throws -> OrderTable {
        let found = try await catalog(schema, table, on: connection)
        guard !found.isEmpty else { throw ContractError.noTable("\(schema).\(table)") }
        var quoted: [String: String] = [:]
        for (role, standard, types) in roles {
            let column = columns[role] ?? standard
            guard let type = found[column] else {
                throw ContractError.noColumn(
                    column, role: role, table: "\(schema).\(table)", known: found.keys.sorted())
            }
            guard types.contains(type) else {
                throw ContractError.wrongType(
                    column, role: role, table: "\(schema).\(table)", type: type, expected: types)
            }
            quoted[role] = quoteIdentifier(column)
        }
        let agency = try await catalog("public", "agency", on: connection)
        let knowsCustomer = agency[customerColumn] != nil && agency["id"] != nil
        func column(_ role: String) -> String { quoted[role] ?? role }
        return OrderTable(
            name: quoteIdentifier(schema) + "." + quoteIdentifier(table), plainName: "\(schema).\(table)",
            key: column("key"), id: column("id"), amount: column("amount"), currency: column("currency"),
            paid: column("paid"), cancelledAt: column("cancelled_at"), createdAt: column("created_at"),
            credits: column("credits"), agencyID: column("agency_id"), paidAt: column("paid_at"),
            customer: knowsCustomer ? "a.\(quoteIdentifier(customerColumn))" : "NULL::text",
            agencyJoin: knowsCustomer ? "LEFT JOIN public.agency a ON a.id = l.\(column("agency_id"))" : "")
    }

    /// SQL for the state of the row that a finding `f` is about, `NULL` where it is gone.
    public var stateSQL: String {
        """
        (SELECT CASE WHEN l.\(paid) THEN 'paid' WHEN l.\(cancelledAt) IS NOT NULL THEN 'cancelled' ELSE 'open' END
            FROM \(name) l WHERE l.\(key)::text = f.local_id)
        """
    }

    /// Row-level security that hides rows would make a comparison lie.
    /// - Throws: ``ContractError/hiddenRows(_:)``.
    public func refuseHiddenRows(on connection: Connection) async throws {
        let hidden: Bool = try await connection.query(
            "SELECT row_security_active($1::text::regclass) AS hidden", name)[0]["hidden"]
        if hidden { throw ContractError.hiddenRows(plainName) }
    }

    private static func catalog(
        _ schema: String, _ table: String, on connection: Connection
    ) async throws -> [String: String] {
        let rows = try await connection.query(
            """
            SELECT a.attname::text AS name, format_type(a.atttypid, NULL)::text AS type
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
              AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            """, schema, table)
        var columns: [String: String] = [:]
        for row in rows { columns[try row["name"]] = try row["type"] }
        return columns
    }
}

/// Why a job's `table` cannot be used.
public enum ContractError: Error, Equatable, CustomStringConvertible {
    case noTable(String)
    case noColumn(String, role: String, table: String, known: [String])
    case wrongType(String, role: String, table: String, type: String, expected: [String])
    case hiddenRows(String)

    public var description: String {
        switch self {
        case .noTable(let table):
            "The database has no table \(table). Name an existing one in the job's `table`, or create the "
                + "application's tables with: trueup db migrate --application"
        case .noColumn(let column, let role, let table, let known):
            "Table \(table) has no column “\(column)” (role \(role)). Its columns: \(known.joined(separator: ", ")). "
                + "Name the right one in the job's `table.columns`."
        case .wrongType(let column, let role, let table, let type, let expected):
            "Column “\(column)” of \(table) (role \(role)) is \(type), expected \(expected.joined(separator: " or "))."
        case .hiddenRows(let table):
            "Row-level security hides rows of \(table) from this role, so nothing could be called complete. Use a role "
                + "with BYPASSRLS or a policy that shows every row."
        }
    }
}
