import PostgreSQL

extension Runs {
    /// Whether a run has compared anything yet: without one, an empty list of findings says nothing. Plans keep no
    /// findings, and what applies or takes back a plan reads only what it names.
    /// - Parameter job: of this one; `nil`: of any.
    public func hasCompared(job: String?) async throws -> Bool {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT EXISTS (SELECT FROM trueup.run WHERE NOT is_plan AND trigger NOT IN ('apply', 'revert')
                    AND state IN ('clean', 'repaired', 'drift') AND ($1::text IS NULL OR job = $1)) AS has_compared
                """, job)[0]["has_compared"]
        }
    }

    /// The last plan that came to its end; `nil` where there is none.
    /// - Parameter job: of this one; `nil`: of any.
    public func lastPlan(job: String?) async throws -> Run? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Self.columns) FROM trueup.run
                WHERE is_plan AND state IN ('clean', 'repaired', 'drift') AND ($1::text IS NULL OR job = $1)
                ORDER BY id DESC LIMIT 1
                """, job
            ).first.map(Run.init)
        }
    }
}
