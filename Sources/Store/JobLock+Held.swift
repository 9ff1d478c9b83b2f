import PostgreSQL

extension JobLock {
    /// A condition of SQL: a process holds the lock of the job that the expression names. It is what tells a run that
    /// is under way from one whose process was killed
    /// (<https://www.postgresql.org/docs/15/view-pg-locks.html>: a key of 64 bits is `classid` and `objid`).
    /// - Parameter job: an SQL expression of type text, never a value.
    static func isHeld(_ job: String) -> String {
        """
        EXISTS (SELECT FROM pg_locks WHERE \(isGranted)
            AND (classid::bigint << 32 | objid::bigint) = hashtextextended('trueup.job.' || \(job), 0))
        """
    }

    /// The same for the report of that name.
    static func isReportHeld(_ job: String) -> String { isHeld("'\(reportPrefix)' || \(job)") }

    /// The server processes that hold the lock of the job, or of the report of its name, as SQL.
    /// - Parameter job: an SQL expression of type text, never a value.
    static func holders(_ job: String) -> String {
        """
        SELECT pid FROM pg_locks WHERE \(isGranted)
            AND (classid::bigint << 32 | objid::bigint) IN (hashtextextended('trueup.job.' || \(job), 0),
                hashtextextended('trueup.job.\(reportPrefix)' || \(job), 0))
        """
    }

    private static let isGranted = """
        locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """

    /// Making a report locks the job of this name and its own: no run of a job is in the way of a report.
    public static let reportPrefix = "report "

    /// Which of these jobs run at this moment, in whatever process.
    public static func held(of jobs: [String], pool: Pool) async throws -> Set<String> {
        let rows = try await pool.withConnection { connection in
            try await connection.query("SELECT job FROM unnest($1::text[]) j (job) WHERE \(isHeld("j.job"))", jobs)
        }
        return Set(try rows.map { try $0["job"] })
    }
}
