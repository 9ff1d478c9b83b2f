import PostgreSQL

/// The last run of a job, or its last report, as it stands at this moment. Plans are left out, and so are reports of
/// another cut-off than the job's own.
public struct LastRun: Sendable, Hashable {
    public let job: String
    /// `run 7`, `report 7`; `nil`: a report that has no number.
    public let name: String?
    /// One whose process was killed is `interrupted`.
    public let state: String
    /// Unix seconds.
    public let startedSeconds: Double
    /// Unix seconds; `nil`: it is under way, or was killed, and nobody knows when.
    public let endedSeconds: Double?

    /// How long it took; `nil` where nobody knows.
    public let seconds: Double?

    private init(_ row: Row) throws {
        job = try row["job"]
        name = try row["name"]
        state = try row["state"]
        startedSeconds = try row["started"]
        endedSeconds = try row["ended"]
        seconds = try row["seconds"]
    }

    /// Reads them of all jobs, by job.
    /// - Parameter isEnded: those under way are left out, and the one before counts.
    public static func read(isEnded: Bool, on connection: Connection) async throws -> [LastRun] {
        try await connection.query(sql, isEnded).map(LastRun.init)
    }

    /// What made none where the report of that cut-off is there, such as a copy for a folder that cannot be written,
    /// says nothing of the job (``ReportStanding/isThere``).
    private static let sql = """
        WITH report AS (
            SELECT id, job, report_id, cut_off_seconds, started_at, ended_at,
                CASE WHEN state = 'running' AND NOT \(JobLock.isReportHeld("a.job")) THEN 'interrupted' ELSE state END
                AS state
            FROM trueup.report_attempt a WHERE is_own)
        SELECT DISTINCT ON (job) job, name, state, extract(epoch FROM started_at)::double precision AS started,
            extract(epoch FROM ended_at)::double precision AS ended,
            -- Nobody knows when one was killed whose end is its start.
            nullif(extract(epoch FROM ended_at - started_at), 0)::double precision AS seconds
        FROM (SELECT job, 'run ' || id AS name, started_at, ended_at, id,
                CASE WHEN state = 'running' AND NOT \(JobLock.isHeld("r.job")) THEN 'interrupted' ELSE state END
                AS state
            FROM trueup.run r WHERE NOT is_plan
            UNION ALL SELECT job, 'report ' || report_id, started_at, ended_at, id, state FROM report r
            WHERE state NOT IN ('failed', 'interrupted') OR NOT EXISTS (SELECT FROM report m
                WHERE m.job = r.job AND m.cut_off_seconds = r.cut_off_seconds AND m.id < r.id
                    AND m.state IN (\(ReportAttempt.madeStates)))) runs
        WHERE state <> 'running' OR NOT $1 ORDER BY job, started_at DESC, id DESC
        """
}
