import PostgreSQL
import Reconciliation

extension StoredReports {
    /// A number, and when it was taken: when its report is said to be made.
    public struct Number: Sendable, Hashable {
        public let id: Int64
        public let takenAt: Timestamp
    }

    /// The number of the next report: its files stand in a folder of that number before its row is written. Numbers
    /// have no gap: each is a row of its own, and one that never becomes a report stays and says why.
    public func takeNumber(job: String, requestedBy: String) async throws -> Number {
        try await pool.transaction { connection in
            // One at a time, whatever the job; it takes a moment.
            try await connection.execute("LOCK TABLE trueup.report_number IN SHARE ROW EXCLUSIVE MODE")
            let row = try await connection.query(
                """
                INSERT INTO trueup.report_number (id, job, requested_by)
                SELECT 1 + greatest((SELECT coalesce(max(id), 0) FROM trueup.report_number),
                    (SELECT coalesce(max(id), 0) FROM trueup.report)), $1, $2
                RETURNING id, taken_at
                """, job, requestedBy)[0]
            return Number(id: try row["id"], takenAt: try row["taken_at"])
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
}
