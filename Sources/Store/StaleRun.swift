import PostgreSQL

/// The sessions of a worker that lost its lease and does not know it yet, because it is frozen: they hold the job's
/// lock for as long as it is.
public enum StaleRun {
    /// A lease that is over for so long, in seconds, and still could not be taken away is held in a transaction.
    static let heldSecondsMax = 5.0

    /// Sessions that may be ended: others would be an error.
    /// - Parameter activity: the name of `pg_stat_activity` in the statement.
    static func mayEndSQL(_ activity: String) -> String {
        "(pg_has_role(\(activity).usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))"
    }

    /// Ends the sessions of runs whose leases are over and are held all the same. Without that, each of the
    /// transactions of a frozen process would be ended by the server after its own time limit, one after the other
    /// where they wait for each other.
    static let endHoldersSQL = """
        SELECT pg_terminate_backend(a.pid) FROM trueup.occurrence o JOIN pg_stat_activity a
            ON a.datname = current_database() AND a.application_name = left('trueup run ' || o.job, 63)
        WHERE o.state = 'running' AND o.lease_until < now() - $1::double precision * interval '1 second'
            AND \(mayEndSQL("a")) AND a.xact_start IS NOT NULL
            AND a.state_change < now() - $1::double precision * interval '1 second'
            AND NOT EXISTS (SELECT FROM trueup.run r WHERE r.job = o.job AND r.state = 'running'
                AND r.trigger <> 'schedule')
        """

    /// Ends them, on behalf of who holds the lease now: at most one attempt at a job has one, so a session that holds
    /// the job's lock for a lease and is not ours belongs to nobody, and so does a run that the schedule started and
    /// that is under way. Who was frozen before it had a run is found by the lock alone. A run that a person started
    /// is left alone.
    ///
    /// The role must be the one of the other worker, or a member of `pg_signal_backend`
    /// (<https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL>).
    /// - Returns: how many sessions were ended.
    /// - Throws: ``LeaseLost`` when the lease is not ours any more.
    public static func endSessions(for lease: Lease, pool: Pool) async throws -> Int {
        try await pool.transaction { connection in
            try await Occurrences.hold(lease, on: connection)
            let rows = try await connection.query(
                """
                SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) AS ended FROM pg_stat_activity a
                WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND (
                  a.application_name LIKE '\(JobLock.leasedName) %' AND a.pid IN (\(JobLock.holders("$1")))
                  OR a.application_name = left('trueup run ' || $1, 63)
                    AND EXISTS (SELECT FROM trueup.run
                        WHERE job = $1 AND state = 'running' AND trigger = 'schedule')
                    AND NOT EXISTS (SELECT FROM trueup.run
                        WHERE job = $1 AND state = 'running' AND trigger <> 'schedule'))
                """, lease.job)
            return Int(try rows[0]["ended"] as Int64)
        }
    }
}
