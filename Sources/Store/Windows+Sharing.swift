import PostgreSQL
import Reconciliation

// Several processes at the windows of one run.
extension Windows {
    private static let isFree = "(w.lease_until IS NULL OR w.lease_until < clock_timestamp())"

    /// Takes a window of a list that nobody reads, the newest one. Of several that ask at once, each gets another one.
    /// - Returns: `nil` when there is none, or the run is not ours any more.
    public func take(_ list: RunList, on connection: Connection) async throws -> StoredWindow? {
        try await connection.query(
            """
            WITH next AS MATERIALIZED (SELECT w.id FROM trueup.window w
                WHERE w.run_id = $1 AND w.account = $2 AND w.object = $3 AND NOT w.is_done AND \(Self.isFree)
                ORDER BY w.to_seconds DESC FOR UPDATE SKIP LOCKED LIMIT 1)
            UPDATE trueup.window w SET attempt = w.attempt + 1, lease_owner = $4,
                lease_until = clock_timestamp() + $5::double precision * interval '1 second'
            FROM next WHERE w.id = next.id AND EXISTS (SELECT FROM trueup.run r
                WHERE r.id = $1 AND r.attempt = $6 AND r.state = 'running')
            RETURNING \(StoredWindow.columns)
            """, runID, list.account, list.object.rawValue, reader, leaseSeconds, Int32(fence.attempt)
        ).first.map(StoredWindow.init)
    }

    /// The windows of a list that are not read to their end.
    /// - Throws: ``RunLost``.
    public func unread(_ list: RunList, on connection: Connection) async throws -> [StoredWindow] {
        try await fence.check(on: connection)
        return try await connection.query(
            """
            SELECT \(StoredWindow.columns) FROM trueup.window w
            WHERE w.run_id = $1 AND w.account = $2 AND w.object = $3 AND NOT w.is_done
            """, runID, list.account, list.object.rawValue
        ).map(StoredWindow.init)
    }

    /// Says that our windows are being read, also where no page has come for a while.
    public func extend(on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.window SET lease_until = clock_timestamp() + $3::double precision * interval '1 second'
            WHERE run_id = $1 AND lease_owner = $2 AND NOT is_done AND \(isRunOurs)
            """, runID, reader, leaseSeconds)
    }

    /// A process that helped with a run and then took it over goes by one name: what its help still does about its
    /// windows is not about those that the run has now.
    private var isRunOurs: String { "EXISTS (SELECT FROM trueup.run r WHERE \(fence.condition("r")))" }

    /// Gives our windows back: others go on with them at once.
    public func release(on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.window SET lease_owner = NULL, lease_until = NULL
            WHERE run_id = $1 AND lease_owner = $2 AND NOT is_done AND \(isRunOurs)
            """, runID, reader)
    }

    /// For so long a session that holds the lock of a window or a run may stand still, in seconds: what happens under
    /// these locks takes milliseconds.
    static let frozenSeconds = 5.0

    /// Ends the sessions of frozen processes that hold the rows of a run or of its windows whose lease is over: in the
    /// middle of a COPY no time limit of the server's own ends them.
    ///
    /// The role must be that of the other process, or a member of `pg_signal_backend`
    /// (<https://www.postgresql.org/docs/15/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL>).
    /// - Returns: how many were ended.
    @discardableResult
    static func endFrozen(run runID: Int64, isTakenOver: Bool, on connection: Connection) async throws -> Int {
        let rows = try await connection.query(
            """
            WITH held (xid) AS (
                SELECT w.xmax FROM trueup.window w WHERE w.run_id = $1 AND NOT w.is_done
                    AND ($2 OR w.lease_until < clock_timestamp())
                UNION SELECT r.xmax FROM trueup.run r WHERE r.id = $1 AND $2)
            SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) AS ended
            FROM held JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = held.xid
                AND l.mode = 'ExclusiveLock' AND l.granted
            JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE a.pid <> pg_backend_pid() AND \(StaleRun.mayEndSQL("a"))
                AND a.state_change < clock_timestamp() - $3::double precision * interval '1 second'
            """, runID, isTakenOver, frozenSeconds)
        return Int(try rows[0]["ended"] as Int64)
    }

    /// Ends the sessions of frozen processes that keep windows from being taken whose lease is over.
    /// - Returns: how many were ended.
    @discardableResult
    public func endFrozen(on connection: Connection) async throws -> Int {
        try await Self.endFrozen(run: runID, isTakenOver: false, on: connection)
    }
}
