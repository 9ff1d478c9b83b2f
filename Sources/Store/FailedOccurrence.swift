import PostgreSQL

/// A time of the schedule at which a job was due and did not come to a good end, and that no complete run has made up
/// for since.
public struct FailedOccurrence: Sendable, Hashable {
    public let job: String
    /// The nominal time, in Unix seconds.
    public let scheduledSeconds: Int64
    /// How it stands; `nil`: it has no row, because nobody wrote it while its time passed.
    public let state: OccurrenceState?
    /// Why, a word: `error`, `paused`, `missed_down` …
    public let reason: String?

    init(_ row: Row) throws {
        job = try row["job"]
        scheduledSeconds = try row["scheduled_seconds"]
        state = (try row["state"] as String?).flatMap { OccurrenceState(rawValue: $0) }
        reason = try row["reason"]
    }

    /// What became of it, to stand behind its time: `was given up (error)`.
    public var words: String {
        let what =
            switch state {
            case .failed: "was given up"
            case .skipped: "was skipped"
            case .due: "failed and is to be tried again"
            default: "did not run"
            }
        return reason.map { "\(what) (\($0))" } ?? what
    }
}

extension Occurrences {
    /// Of each job the occurrence that counts, where it failed or did not run: the one that an occurrence of another
    /// job waited for, else the last one up to a time. A complete run that ended after its nominal time, and that read
    /// far enough, makes up for it, whoever started it; a backfill does not.
    /// - Parameters:
    ///   - reach: for each job, how far such a run must have read, in Unix seconds.
    ///   - until: where nothing says which one was waited for, no later one counts; in Unix seconds.
    ///   - lease: of the occurrence that waited; `nil` where a person asks.
    public static func failed(
        reach: [String: Int64], until: Int64, for lease: Lease?, on connection: Connection
    ) async throws -> [String: FailedOccurrence] {
        let jobs = reach.keys.sorted()
        let rows = try await connection.query(
            failedSQL, jobs, jobs.map { reach[$0] ?? 0 }, until, lease?.job, lease?.occurrence.scheduledSeconds)
        let found = try rows.map { try FailedOccurrence($0) }
        return Dictionary(found.map { ($0.job, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private static let failedSQL = """
        SELECT n.job, extract(epoch FROM w.scheduled_at)::bigint AS scheduled_seconds, o.state, o.reason
        FROM unnest($1::text[], $2::bigint[]) AS n (job, reach)
        LEFT JOIN trueup.occurrence_after a
            ON a.job = $4::text AND a.scheduled_at = to_timestamp($5::bigint) AND a.awaited_job = n.job
        CROSS JOIN LATERAL (SELECT coalesce(a.awaited_at, (SELECT max(e.scheduled_at) FROM trueup.occurrence e
            WHERE e.job = n.job AND e.scheduled_at <= to_timestamp($3::bigint))) AS scheduled_at) w
        LEFT JOIN trueup.occurrence o ON o.job = n.job AND o.scheduled_at = w.scheduled_at
        WHERE w.scheduled_at IS NOT NULL
          AND (o.state IS NULL OR o.state IN ('failed', 'missed', 'skipped') OR o.state = 'due' AND o.failures > 0)
          AND NOT EXISTS (SELECT FROM trueup.run r
            WHERE r.job = n.job AND NOT r.is_plan AND r.trigger NOT IN ('backfill', 'apply', 'revert')
                AND r.state IN ('clean', 'repaired', 'drift') AND r.period_to_seconds >= n.reach
                AND r.ended_at >= w.scheduled_at)
        """
}
