import PostgreSQL

// The payments that pages write while a run reads (``PagePayments``), and how a run that ends keeps out of their way.
extension StripePayments {
    /// Nobody else writes payments of this list until the transaction ends. Two runs that end at once would each find
    /// the same payments missing; an insert that expects that (`ON CONFLICT`) takes longer for each row.
    static func lock(_ list: RunList, on connection: Connection) async throws {
        while !(try await isLocked(list, on: connection)) { try await endFrozenPages(list, on: connection) }
    }

    /// - Returns: `false` where somebody has had the lock for longer than a page takes.
    private static func isLocked(_ list: RunList, on connection: Connection) async throws -> Bool {
        let waited = Int((Windows.frozenSeconds + 1) * 1_000)
        try await connection.run(script: "SAVEPOINT trueup_payments; SET LOCAL lock_timeout = \(waited)")
        do {
            try await connection.execute(
                "SELECT pg_advisory_xact_lock(\(lock("$1", "$2")))", list.account, list.object.rawValue)
        } catch {
            guard error.sqlState == "55P03" else { throw error }
            try await connection.run(
                script: "ROLLBACK TO SAVEPOINT trueup_payments; RELEASE SAVEPOINT trueup_payments")
            return false
        }
        try await connection.run(script: "SET LOCAL lock_timeout TO DEFAULT; RELEASE SAVEPOINT trueup_payments")
        return true
    }

    /// Ends the sessions of frozen processes in the middle of a page: no time limit of the server's own ends a COPY.
    /// Another run that ends is waited for, however long it takes.
    private static func endFrozenPages(_ list: RunList, on connection: Connection) async throws {
        _ = try await connection.query(
            """
            SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.mode = 'ShareLock'
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND (l.classid::bigint << 32 | l.objid::bigint) = \(lock("$1", "$2"))
                AND a.state_change < clock_timestamp() - $3::double precision * interval '1 second'
                AND \(StaleRun.mayEndSQL("a"))
            """, list.account, list.object.rawValue, Windows.frozenSeconds)
    }

    /// SQL: the lock of a list's payments. Pages share it, and do not wait for it.
    /// - Parameters:
    ///   - account: SQL of type text.
    ///   - object: SQL of type text.
    static func lock(_ account: String, _ object: String) -> String {
        "hashtextextended('trueup.stripe_payment.' || \(account) || '.' || \(object), 0)"
    }

    /// Whether the pages of a list may write their payments: no other run has written any, and none is about to. What
    /// is decided then is to be written in the same transaction, as others who ask wait for its end.
    /// - Parameter apiVersion: in which the pages are asked for. Where an earlier attempt at the run asked for them in
    ///   another, or without their payments, the run's end has to join them all the same.
    static func isFree(
        _ list: RunList, for runID: Int64, apiVersion: String, on connection: Connection
    ) async throws -> Bool {
        try await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('trueup.first_payments.' || $1 || '.' || $2, 0))",
            list.account, list.object.rawValue)
        return try await connection.query(
            """
            SELECT EXISTS (SELECT FROM trueup.run_list WHERE account = $1 AND object = $2 AND run_id = $3
                    AND (api_version = '' OR writes_payments AND api_version = $4))
                AND NOT EXISTS (SELECT FROM trueup.stripe_reading WHERE account = $1 AND object = $2 AND run_id <> $3)
                AND NOT EXISTS (SELECT FROM trueup.run_list l JOIN trueup.run r ON r.id = l.run_id
                    WHERE l.account = $1 AND l.object = $2 AND l.run_id <> $3 AND (l.payments > 0
                        OR l.writes_payments AND r.state IN ('running', 'interrupted')
                        OR EXISTS (SELECT FROM trueup.window w WHERE w.run_id = l.run_id
                            AND w.account = $1 AND w.object = $2 AND w.payments > 0))) AS yes
            """, list.account, list.object.rawValue, runID, apiVersion)[0]["yes"]
    }

    /// A window reads a second of the list again, so that what its pages wrote of it may not be what they stage: the
    /// run's end compares all of them.
    static func doubt(_ list: RunList, of runID: Int64, on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.run_list SET writes_payments = false
            WHERE run_id = $3 AND account = $1 AND object = $2 AND writes_payments
            """, list.account, list.object.rawValue, runID)
    }

    /// Whether the payments that were written while the run read are those of all that it read; what was read afresh
    /// since is put right here.
    ///
    /// What is staged of an object changes only with a fresh read; where it is forgotten, nothing is counted on
    /// (``doubt(_:of:on:)``). So each of these payments is the one of a staged object, and as many of them as there are
    /// paid objects are the payments of all of them.
    static func areWritten(
        _ run: Run, _ list: RunList, _ counts: (paid: Int64, fresh: Int64), on connection: Connection
    ) async throws -> Bool {
        guard var written = try await written(list, run.id, on: connection) else { return false }
        if counts.fresh > 0 {
            let read = "\(read(StagingTable(list.object, runID: run.id))) AND s.is_fresh"
            guard let more = try await settle(read, run, list, on: connection) else { return true }
            written += Int64(more)
        }
        return written == counts.paid
    }

    /// How many payments the pages have written; `nil` where they wrote none, or another run has read the list.
    private static func written(_ list: RunList, _ runID: Int64, on connection: Connection) async throws -> Int64? {
        try await connection.query(
            """
            SELECT l.payments + (SELECT coalesce(sum(w.payments), 0)::bigint FROM trueup.window w
                WHERE w.run_id = $3 AND w.account = $1 AND w.object = $2) AS written
            FROM trueup.run_list l WHERE run_id = $3 AND account = $1 AND object = $2 AND writes_payments
                AND NOT EXISTS (SELECT FROM trueup.stripe_reading WHERE account = $1 AND object = $2 AND run_id <> $3)
            """, list.account, list.object.rawValue, runID
        ).first.map { try $0["written"] }
    }
}
