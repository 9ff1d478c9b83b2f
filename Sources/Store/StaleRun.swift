import PostgreSQL

/// The sessions of a worker that lost its lease and does not know it yet, because it is frozen: they hold the job's
/// lock for as long as it is.
public enum StaleRun {
    /// Ends them, on behalf of who holds the lease now: at most one attempt at a job has one, so a run that the
    /// schedule started and that is under way belongs to nobody. A run that a person started is left alone.
    ///
    /// The role must be the one of the other worker, or a member of `pg_signal_backend`
    /// (<https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL>).
    /// - Returns: how many sessions were ended.
    /// - Throws: ``LeaseLost`` when the lease is not ours any more.
    public static func endSessions(for lease: Lease, pool: Pool) async throws -> Int {
        guard lease.attempt > 1 else { return 0 }
        return try await pool.transaction { connection in
            try await Occurrences.hold(lease, on: connection)
            let rows = try await connection.query(
                """
                SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND application_name IN (left('trueup lock ' || $1, 63), left('trueup run ' || $1, 63))
                  AND EXISTS (SELECT FROM trueup.run WHERE job = $1 AND state = 'running' AND trigger = 'schedule')
                  AND NOT EXISTS (SELECT FROM trueup.run WHERE job = $1 AND state = 'running'
                    AND trigger <> 'schedule')
                """, lease.job)
            return Int(try rows[0]["ended"] as Int64)
        }
    }
}
