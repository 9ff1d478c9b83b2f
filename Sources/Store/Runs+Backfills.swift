import PostgreSQL

extension Runs {
    /// Backfills that have not come to their end, and the last few that have; the newest first.
    public func backfills(job: String?, endedMax: Int) async throws -> [Run] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Self.columns) FROM (SELECT *, row_number() OVER
                        (PARTITION BY state IN ('running', 'interrupted') ORDER BY id DESC) AS place
                    FROM trueup.run WHERE trigger = 'backfill' AND ($2::text IS NULL OR job = $2)) run
                WHERE state IN ('running', 'interrupted') OR place <= $1 ORDER BY id DESC
                """, Int64(endedMax), job
            ).map(Run.init)
        }
    }
}
