import PostgreSQL

/// What of the reports is no more where it was: only whoever owns the tables can take it away.
extension StoredReports {
    /// A report that was made and that the tables have no more.
    public struct Removed: Sendable, Hashable {
        public let id: Int64
        public let job: String
        public let manifestHash: String
        public let previousHash: String?
        public let madeAt: Timestamp

        init(_ row: Row) throws {
            id = try row["report_id"]
            job = try row["job"]
            manifestHash = try row["manifest_sha256"]
            previousHash = try row["previous_sha256"]
            madeAt = try row["at"]
        }
    }

    /// Reports that were made and are no more, the newest first: those that `trueup.report_made` has and
    /// `trueup.report` has not, or has with another manifest.
    public func removed(job: String? = nil) async throws -> [Removed] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT m.* FROM trueup.report_made m
                WHERE ($1::text IS NULL OR m.job = $1) AND NOT EXISTS (SELECT FROM trueup.report r
                    WHERE r.id = m.report_id AND r.manifest_sha256 = m.manifest_sha256)
                ORDER BY m.report_id DESC
                """, job
            ).map(Removed.init)
        }
    }

    /// Numbers that are no rows: they are given out without a gap, by all jobs together.
    public func missingNumbers() async throws -> [Int64] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT n FROM (SELECT min(id) AS low, max(id) AS high FROM trueup.report_number) b
                    CROSS JOIN LATERAL generate_series(b.low, greatest(b.high, (SELECT max(id) FROM trueup.report),
                        (SELECT max(report_id) FROM trueup.report_made))) AS n
                WHERE NOT EXISTS (SELECT FROM trueup.report_number r WHERE r.id = n)
                ORDER BY n
                """
            ).map { try $0["n"] }
        }
    }

    /// The report whose manifest has this hash, whether the tables still have it or not: its number.
    public func number(ofManifest sha256: String) async throws -> Int64? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT report_id FROM trueup.report_made WHERE manifest_sha256 = $1
                UNION SELECT id FROM trueup.report WHERE manifest_sha256 = $1
                ORDER BY 1 DESC LIMIT 1
                """, sha256
            ).first.map { try $0["report_id"] }
        }
    }
}
