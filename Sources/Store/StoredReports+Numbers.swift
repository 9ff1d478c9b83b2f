import PostgreSQL
import Reconciliation

extension StoredReports {
    /// The number of the next report: its files stand in a folder of that number before its row is written. Numbers
    /// have no gap: each is a row of its own, and one that never becomes a report stays and says why.
    public func takeNumber(job: String, requestedBy: String) async throws -> Int64 {
        try await pool.transaction { connection in
            // One at a time, whatever the job; it takes a moment.
            try await connection.execute("LOCK TABLE trueup.report_number IN SHARE ROW EXCLUSIVE MODE")
            return try await connection.query(
                """
                INSERT INTO trueup.report_number (id, job, requested_by)
                SELECT 1 + greatest((SELECT coalesce(max(id), 0) FROM trueup.report_number),
                    (SELECT coalesce(max(id), 0) FROM trueup.report)), $1, $2
                RETURNING id
                """, job, requestedBy)[0]["id"]
        }
    }

    /// Says why a number never became a report.
    public func recordFailure(_ why: String, of id: Int64) async throws {
        _ = try await pool.withConnection {
            try await $0.execute(
                """
                INSERT INTO trueup.report_failure (report_id, why) SELECT $1, $2
                WHERE EXISTS (SELECT FROM trueup.report_number WHERE id = $1)
                    AND NOT EXISTS (SELECT FROM trueup.report WHERE id = $1)
                ON CONFLICT (report_id) DO NOTHING
                """, id, why)
        }
    }

    /// A number that is no report.
    public struct Unmade: Sendable, Hashable {
        public let id: Int64
        public let job: String
        public let takenAt: Timestamp
        public let requestedBy: String
        /// `nil`: its process was killed, or is at work.
        public let why: String?
    }

    /// Numbers that became no report, the newest first; not those of reports that were taken out (``removed(job:)``).
    public func unmade(job: String? = nil, limit: Int = 20) async throws -> [Unmade] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT n.id, n.job, n.taken_at, n.requested_by, f.why
                FROM trueup.report_number n LEFT JOIN trueup.report_failure f ON f.report_id = n.id
                WHERE ($1::text IS NULL OR n.job = $1) AND NOT EXISTS (SELECT FROM trueup.report r WHERE r.id = n.id)
                    AND NOT EXISTS (SELECT FROM trueup.report_made m WHERE m.report_id = n.id)
                ORDER BY n.id DESC LIMIT $2
                """, job, limit
            ).map {
                Unmade(
                    id: try $0["id"], job: try $0["job"], takenAt: try $0["taken_at"],
                    requestedBy: try $0["requested_by"], why: try $0["why"])
            }
        }
    }
}
