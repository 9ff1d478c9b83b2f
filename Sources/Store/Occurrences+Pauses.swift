import PostgreSQL
import Schedule

// The rows of `trueup.pause`: every pause of a job, the one that lasts and those that have ended.
extension Occurrences {
    /// Stops a job's occurrences from starting; one that runs goes on. What was due before waits for the end of the
    /// pause, until its deadline.
    /// - Parameter person: `user@host`.
    /// - Returns: `false` when it was paused already.
    public func pause(_ job: KnownJob, by person: String) async throws -> Bool {
        _ = try await learn([job])
        return try await pool.withConnection { connection in
            try await connection.execute(
                """
                INSERT INTO trueup.pause (job, paused_by) VALUES ($1, $2)
                ON CONFLICT (job) WHERE resumed_at IS NULL DO NOTHING
                """, job.job, person) == 1
        }
    }

    /// Lets a job's occurrences start again, from now on: those of the pause are not caught up with. What came due
    /// before the pause, and nobody has looked at since, is looked at yet.
    /// - Returns: `false` when it was not paused.
    public func resume(_ job: KnownJob) async throws -> Bool {
        _ = try await learn([job])
        return try await pool.withConnection { connection in
            // A clock that was set back ends the pause where it began.
            try await connection.execute(
                """
                WITH ended AS (UPDATE trueup.pause SET resumed_at = greatest(now(), paused_at)
                    WHERE job = $1 AND resumed_at IS NULL RETURNING paused_at)
                UPDATE trueup.job_state s SET last_nominal = CASE WHEN s.last_nominal < ended.paused_at
                    THEN s.last_nominal ELSE date_trunc('second', now()) END
                FROM ended WHERE s.job = $1
                """, job.job) == 1
        }
    }

    /// The pauses of jobs that reach beyond an instant, by job, the oldest first.
    /// - Parameter since: for each job, Unix seconds.
    public func pauses(since: [String: Int64]) async throws -> [String: [Pause]] {
        let jobs = since.keys.sorted()
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT p.job, ceil(extract(epoch FROM p.paused_at))::bigint AS from_seconds,
                    ceil(extract(epoch FROM p.resumed_at))::bigint AS to_seconds
                FROM unnest($1::text[], $2::bigint[]) AS n (job, since)
                JOIN trueup.pause p ON p.job = n.job AND (p.resumed_at IS NULL OR p.resumed_at > to_timestamp(n.since))
                ORDER BY p.job, p.paused_at, p.id
                """, jobs, jobs.map { since[$0] ?? 0 })
        }
        var pauses: [String: [Pause]] = [:]
        for row in rows {
            pauses[try row["job"], default: []].append(
                Pause(fromSeconds: try row["from_seconds"], toSeconds: try row["to_seconds"]))
        }
        return pauses
    }

    /// SQL: the job was paused at a time, or is.
    /// - Parameters:
    ///   - job: SQL for its name.
    ///   - at: SQL for the time.
    static func isPausedSQL(job: String, at: String) -> String {
        """
        EXISTS (SELECT FROM trueup.pause h WHERE h.job = \(job) AND h.paused_at <= \(at)
            AND (h.resumed_at IS NULL OR \(at) < h.resumed_at))
        """
    }
}
