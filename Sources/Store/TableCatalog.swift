import PostgreSQL

/// What a comparison needs a column for, the column's standard name, and the types that it may have.
struct TableRole: Sendable, Hashable {
    let role: String
    let column: String
    let types: [String]

    init(_ role: String, _ column: String, _ types: [String]) {
        self.role = role
        self.column = column
        self.types = types
    }

    static let integers = ["bigint", "integer"]
    static let texts = ["text", "character varying"]
    static let instants = ["timestamp with time zone"]
}

/// What `pg_catalog` says of one table (https://www.postgresql.org/docs/15/catalog-pg-attribute.html): no name of a job
/// file goes into SQL that was not found here and quoted.
struct TableCatalog: Sendable, Hashable {
    /// Schema and table, quoted.
    let name: String
    /// For people: `public.task_credit_stripe_invoice`.
    let plainName: String
    /// The type of each column; empty where there is no such table.
    let types: [String: String]

    /// Looks a table, view or partitioned table up. One that does not exist has no columns.
    static func read(schema: String, table: String, on connection: Connection) async throws -> TableCatalog {
        let rows = try await connection.query(
            """
            SELECT a.attname::text AS name, format_type(a.atttypid, NULL)::text AS type
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
              AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            """, schema, table)
        var types: [String: String] = [:]
        for row in rows { types[try row["name"]] = try row["type"] }
        return TableCatalog(
            name: quoteIdentifier(schema) + "." + quoteIdentifier(table), plainName: "\(schema).\(table)", types: types)
    }

    /// The quoted column of each role.
    /// - Parameter columns: the column of each role that the job file names; other roles have their standard name.
    /// - Throws: ``ContractError`` that names what is missing or has another type.
    func columns(of roles: [TableRole], named columns: [String: String]) throws(ContractError) -> RoleColumns {
        guard !types.isEmpty else { throw .noTable(plainName) }
        var quoted: [String: String] = [:]
        for role in roles {
            let column = columns[role.role] ?? role.column
            guard let type = types[column] else {
                throw .noColumn(column, role: role.role, table: plainName, known: types.keys.sorted())
            }
            guard role.types.contains(type) else {
                throw .wrongType(column, role: role.role, table: plainName, type: type, expected: role.types)
            }
            quoted[role.role] = quoteIdentifier(column)
        }
        return RoleColumns(quoted: quoted)
    }

    /// Two rows with one Stripe id would each get what was paid once. A unique index of the column settles it; else the
    /// rows are looked at.
    /// - Parameter column: quoted.
    /// - Throws: ``ContractError/notUnique(_:table:example:)``.
    static func refuseDuplicates(
        of column: String, in name: String, plainName: String, on connection: Connection
    ) async throws {
        let isUnique: Bool = try await connection.query(
            """
            SELECT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
                AND a.attnum = i.indkey[0]
                WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
                    AND i.indpred IS NULL AND i.indexprs IS NULL AND quote_ident(a.attname) = quote_ident($2)) AS found
            """, name, unquoted(column))[0]["found"]
        guard !isUnique else { return }
        let twice = try await connection.query(
            """
            SELECT \(column)::text AS value FROM \(name) WHERE \(column) IS NOT NULL
            GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1
            """)
        guard let row = twice.first else { return }
        throw ContractError.notUnique(column, table: plainName, example: try row["value"])
    }

    private static func unquoted(_ identifier: String) -> String {
        guard identifier.hasPrefix("\""), identifier.hasSuffix("\""), identifier.count >= 2 else { return identifier }
        return String(identifier.dropFirst().dropLast()).replacing("\"\"", with: "\"")
    }

    /// Row-level security that hides rows would make a comparison lie.
    /// - Parameters:
    ///   - name: schema and table, quoted.
    ///   - plainName: the same for people.
    /// - Throws: ``ContractError/hiddenRows(_:)``.
    static func refuseHiddenRows(of name: String, plainName: String, on connection: Connection) async throws {
        let hidden: Bool = try await connection.query(
            "SELECT row_security_active($1::text::regclass) AS hidden", name)[0]["hidden"]
        if hidden { throw ContractError.hiddenRows(plainName) }
    }
}

/// The quoted column of each role of one table.
struct RoleColumns: Sendable, Hashable {
    fileprivate let quoted: [String: String]

    /// - Precondition: the role is one of those that were looked up.
    subscript(_ role: String) -> String {
        guard let column = quoted[role] else { preconditionFailure("the table has no role \(role)") }
        return column
    }
}

/// Where the tables keep the Stripe customer of an agency: in a column of `public.agency`, one for each account.
struct AgencyCustomer: Sendable, Hashable {
    /// SQL for the customer, on the alias `a` of `public.agency`; `NULL::text` where the tables do not know it.
    let sql: String
    /// `LEFT JOIN … a` on the alias `l` of the compared table, or nothing.
    let join: String

    /// - Parameters:
    ///   - column: the column of `public.agency` that holds the account's customer id.
    ///   - agencyID: the quoted column of the compared table that names the agency.
    static func read(column: String, agencyID: String, on connection: Connection) async throws -> AgencyCustomer {
        let agency = try await TableCatalog.read(schema: "public", table: "agency", on: connection).types
        guard agency[column] != nil, agency["id"] != nil else { return AgencyCustomer(sql: "NULL::text", join: "") }
        return AgencyCustomer(
            sql: "a.\(quoteIdentifier(column))", join: "LEFT JOIN public.agency a ON a.id = l.\(agencyID)")
    }
}
