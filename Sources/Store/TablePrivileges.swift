import PostgreSQL

/// What the role of this connection may do with tables: asked before a run finds out half way.
/// <https://www.postgresql.org/docs/15/functions-info.html#FUNCTIONS-INFO-ACCESS-TABLE>
public enum TablePrivileges {
    /// What a table is needed for.
    public struct Need: Sendable, Hashable {
        /// Schema and table, quoted as in SQL.
        public var table: String
        /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`.
        public var privileges: [String]

        public init(_ table: String, _ privileges: [String]) {
            self.table = table
            self.privileges = privileges
        }
    }

    /// What is missing, a sentence each; a privilege on some of the columns is enough for reading and changing. Tables
    /// that do not exist are left to others.
    public static func missing(_ needs: [Need], on connection: Connection) async throws -> [String] {
        let pairs = needs.flatMap { need in need.privileges.map { (need.table, $0) } }
        let rows = try await connection.query(
            """
            SELECT n.name, string_agg(n.privilege, ', ' ORDER BY n.privilege) AS privileges, current_user::text AS role
            FROM unnest($1::text[], $2::text[]) AS n (name, privilege)
            WHERE to_regclass(n.name) IS NOT NULL
              AND NOT has_table_privilege(to_regclass(n.name), n.privilege)
              AND NOT CASE WHEN n.privilege = 'DELETE' THEN false
                  ELSE has_any_column_privilege(to_regclass(n.name), n.privilege) END
            GROUP BY n.name ORDER BY n.name
            """, pairs.map(\.0), pairs.map(\.1))
        return try rows.map { row in
            let (name, privileges, role): (String, String, String) = (
                try row["name"], try row["privileges"], try row["role"]
            )
            return "role \(role) lacks \(privileges) on \(name): "
                + "GRANT \(privileges) ON \(name) TO \(quoteIdentifier(role))"
        }
    }

    /// The same for Trueup's own schema: every table, and the making of staging tables.
    public static func missingOnTrueup(on connection: Connection) async throws -> [String] {
        let rows = try await connection.query(
            """
            SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
            WHERE schemaname = 'trueup' ORDER BY 1
            """)
        let needs = try rows.map { row -> Need in
            let name: String = try row["name"]
            // The audit takes inserts alone.
            return Need(
                name, name == "trueup.repair" ? ["SELECT", "INSERT"] : ["SELECT", "INSERT", "UPDATE", "DELETE"])
        }.filter { !["trueup.migration"].contains($0.table) }
        var problems = try await missing(needs, on: connection)
        let row = try await connection.query(
            """
            SELECT current_user::text AS role, has_schema_privilege('trueup', 'CREATE') AS may_create
            FROM pg_namespace WHERE nspname = 'trueup'
            """
        ).first
        if let row, try !(row["may_create"] as Bool) {
            let role: String = try row["role"]
            problems.append(
                "role \(role) may not make staging tables: GRANT CREATE ON SCHEMA trueup TO \(quoteIdentifier(role))")
        }
        return problems
    }
}
