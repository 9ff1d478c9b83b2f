import PostgreSQL

/// The last run of a job that has ended, or its last report, as it stands at this moment. It is the one that
/// ``Runs/lastEnded(of:)`` gives, for all jobs and with reports: plans, backfills and what was applied are left out,
/// and so are reports of another cut-off than the job's own.
public struct LastRun: Sendable, Hashable {
    public let job: String
    /// One whose process was killed is `interrupted`.
    public let state: String
    /// Unix seconds.
    public let startedSeconds: Double
    /// Unix seconds; `nil`: it was killed, and nobody knows when.
    public let endedSeconds: Double?

    /// How long it took; `nil` where nobody knows.
    public let seconds: Double?

    private init(_ row: Row) throws {
        job = try row["job"]
        state = try row["state"]
        startedSeconds = try row["started"]
        endedSeconds = try row["ended"]
        seconds = try row["seconds"]
    }

    /// Reads them of all jobs, by job. Those under way are left out, and the one before counts.
    public static func read(on connection: Connection) async throws -> [LastRun] {
        try await connection.query(sql).map(LastRun.init)
    }

    /// What made none where the report of that cut-off is there, such as a copy for a folder that cannot be written,
    /// says nothing of the job (``ReportStanding/isThere``).
    private static let sql = """
        WITH report AS (
            SELECT id, job, report_id, cut_off_seconds, started_at, ended_at,
                CASE WHEN state = 'running' AND NOT \(JobLock.isReportHeld("a.job")) THEN 'interrupted' ELSE state END
                AS state
            FROM trueup.report_attempt a WHERE is_own),
        last_run AS (
            SELECT DISTINCT ON (job) job, started_at, ended_at, id,
                CASE WHEN state = 'running' THEN 'interrupted' ELSE state END AS state
            FROM trueup.run r
            WHERE \(Run.isOwnSQL) AND (r.state <> 'running' OR NOT \(JobLock.isHeld("r.job")))
            ORDER BY job, id DESC)
        SELECT DISTINCT ON (job) job, state, extract(epoch FROM started_at)::double precision AS started,
            extract(epoch FROM ended_at)::double precision AS ended,
            -- Nobody knows when one was killed whose end is its start.
            nullif(extract(epoch FROM ended_at - started_at), 0)::double precision AS seconds
        FROM (SELECT job, started_at, ended_at, id, state FROM last_run
            UNION ALL SELECT job, started_at, ended_at, id, state FROM report r
            WHERE state NOT IN ('failed', 'interrupted') OR NOT EXISTS (SELECT FROM report m
                WHERE m.job = r.job AND m.cut_off_seconds = r.cut_off_seconds AND m.id < r.id
                    AND m.state IN (\(ReportAttempt.madeStates)))) runs
        WHERE state <> 'running' ORDER BY job, started_at DESC, id DESC
        """
}
