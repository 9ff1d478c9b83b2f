import PostgreSQL

/// The names that the tables know, for telling a name that has nothing from one that was misspelt.
public enum KnownNames {
    /// Jobs that ran, that found something, or that a scheduler has seen.
    public static func jobs(pool: Pool) async throws -> [String] {
        try await list(
            """
            SELECT job AS name FROM trueup.run UNION SELECT job FROM trueup.finding
            UNION SELECT job FROM trueup.job_state UNION SELECT job FROM trueup.report_attempt ORDER BY 1
            """, pool: pool)
    }

    /// Accounts that were used, or that have a finding.
    public static func accounts(pool: Pool) async throws -> [String] {
        try await list(
            "SELECT name FROM trueup.account UNION SELECT account FROM trueup.finding ORDER BY 1", pool: pool)
    }

    private static func list(_ sql: String, pool: Pool) async throws -> [String] {
        try await pool.withConnection { connection in
            try await connection.query(sql).map { try $0["name"] }
        }
    }
}
