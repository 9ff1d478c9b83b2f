import PostgreSQL
import Reconciliation

/// What two places of the tables say of one report.
extension StoredReports {
    /// What the second places say otherwise of the reports of a job, in words: when each was made and from which it
    /// goes on (`report_made`), and since when it is a regular one (`report_marked`). Whether a report is there at all
    /// says ``removed(job:)``.
    public func placeFaults(job: String) async throws -> [String] {
        try await pool.withConnection { connection in
            try await Self.madeFaults(job, on: connection) + Self.regularFaults(job, on: connection)
        }
    }

    private static func madeFaults(_ job: String, on connection: Connection) async throws -> [String] {
        try await connection.query(
            """
            SELECT r.id, m.report_id IS NULL AS is_missing, r.created_at, m.at,
                r.job IS DISTINCT FROM m.job OR r.previous_sha256 IS DISTINCT FROM m.previous_sha256 AS is_other
            FROM trueup.report r LEFT JOIN trueup.report_made m ON m.report_id = r.id
            WHERE r.job = $1 AND (m.report_id IS NULL OR m.at <> r.created_at OR r.job <> m.job
                OR r.previous_sha256 IS DISTINCT FROM m.previous_sha256)
            ORDER BY r.id
            """, job
        ).map { row in
            let id: Int64 = try row["id"]
            let (isMissing, isOther): (Bool, Bool) = (try row["is_missing"], try row["is_other"])
            guard !isMissing else { return "report_made has no row of report \(id): it was taken out" }
            guard !isOther else { return "report_made has another job or report before it of report \(id)" }
            let (made, noted): (Timestamp, Timestamp) = (try row["created_at"], try row["at"])
            return "report \(id) says that it was made \(made), and report_made says \(noted)"
        }
    }

    private static func regularFaults(_ job: String, on connection: Connection) async throws -> [String] {
        try await connection.query(
            """
            SELECT r.id, g.at, m.at AS noted FROM trueup.report r
                LEFT JOIN trueup.report_regular g ON g.report_id = r.id
                LEFT JOIN trueup.report_marked m ON m.report_id = r.id
            WHERE r.job = $1 AND g.at IS DISTINCT FROM m.at ORDER BY r.id
            """, job
        ).map { row in
            let id: Int64 = try row["id"]
            let (at, noted): (Timestamp?, Timestamp?) = (try row["at"], try row["noted"])
            guard let noted else {
                return "report \(id) was put among those that others are compared with (report_regular): nothing "
                    + "noted that it was sent or made by its job"
            }
            guard let at else {
                return "report \(id) was one that others are compared with since \(noted), and its row of "
                    + "report_regular was taken out"
            }
            return "report_regular says of report \(id) that others are compared with it since \(at), and "
                + "report_marked says \(noted)"
        }
    }

    /// What the row of a report's number says otherwise than the report; empty: nothing.
    public func numberFaults(_ report: StoredReport) async throws -> [String] {
        try await pool.withConnection { connection in
            let row = try await connection.query(
                "SELECT job, requested_by, taken_at FROM trueup.report_number WHERE id = $1", report.id
            ).first
            guard let row else { return ["report_number has no row of it"] }
            let (job, by, at): (String, String, Timestamp) =
                (try row["job"], try row["requested_by"], try row["taken_at"])
            return (job == report.job ? [] : ["report_number.job"])
                + (by == report.requestedBy ? [] : ["report_number.requested_by"])
                + (at == report.createdAt ? [] : ["report_number.taken_at"])
        }
    }
}
