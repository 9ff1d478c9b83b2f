import PostgreSQL
import Reconciliation

/// A part of a run's period that is read from its newest object down to its oldest.
public struct StoredWindow: Sendable, Hashable {
    public let id: Int64
    /// The list that it is a part of.
    public let list: RunList
    /// Its `from` rises when an idle worker takes the older half.
    public var window: Window
    /// The last object read, and when it was created; `nil` before the first page.
    public var cursorID: String?
    public var cursorSeconds: Int64?
    public var isDone: Bool
    /// How often it was taken; every page that is committed names this number.
    public let attempt: Int
    /// Pages that were committed.
    public let pages: Int64

    static let columns = columns(of: "w")

    /// As ``columns``, where the table has another name in the statement.
    static func columns(of table: String) -> String {
        ["id", "account", "object", "from_seconds", "to_seconds", "cursor_id", "cursor_seconds", "is_done", "attempt"]
            .map { "\(table).\($0)" }.joined(separator: ", ") + ", \(table).pages::bigint AS pages"
    }

    init(_ row: Row) throws {
        id = try row["id"]
        list = RunList(account: try row["account"], object: ListedObject(rawValue: try row["object"]) ?? .invoice)
        window = Window(fromSeconds: try row["from_seconds"], toSeconds: try row["to_seconds"])
        cursorID = try row["cursor_id"]
        cursorSeconds = try row["cursor_seconds"]
        isDone = try row["is_done"]
        attempt = Int(try row["attempt"] as Int32)
        pages = try row["pages"]
    }
}

/// The windows of one run, for one of the processes that read them.
///
/// A window is taken under a lease on the database's clock and an attempt number of its own. Pages, cuts and rewinds
/// name that number and the run's, so a process whose window was given to another, or whose run was, writes nothing.
public struct Windows: Sendable {
    public let fence: RunFence
    /// Who reads; unique among all processes.
    public let reader: String
    /// How long a window is held without a page or another sign of life.
    public let leaseSeconds: Double

    var runID: Int64 { fence.runID }

    public init(_ fence: RunFence, reader: String, leaseSeconds: Double) {
        self.fence = fence
        self.reader = reader
        self.leaseSeconds = leaseSeconds
    }

    private func staged(_ window: StoredWindow) -> StagingTable { StagingTable(window.list.object, runID: runID) }

    /// Where a page leaves its window.
    public struct Progress: Sendable, Hashable {
        public var cursorID: String?
        public var cursorSeconds: Int64?
        public var isDone: Bool
        public var objects: Int

        public init(cursorID: String?, cursorSeconds: Int64?, isDone: Bool, objects: Int) {
            self.cursorID = cursorID
            self.cursorSeconds = cursorSeconds
            self.isDone = isDone
            self.objects = objects
        }
    }

    /// Stages a page and moves its window's cursor, in one transaction that is one message.
    /// - Parameter payments: of the page's objects; they are written with it.
    /// - Returns: `false` when the window's older half was given away since `window` was looked at, or the window or
    ///   the run is not ours any more, or a run that ends is writing payments of the list: nothing was written, and
    ///   ``look(at:on:)`` says which.
    /// - Throws: an error that ``PostgresError/isKnownPayment`` names, where a payment is written already.
    public func commit(
        _ rows: BinaryRows, payments: BinaryRows = BinaryRows(), _ progress: Progress, to window: StoredWindow,
        on connection: Connection
    ) async throws -> Bool {
        let seconds = progress.cursorSeconds
        guard rows.rowCount > 0 else {
            return try await connection.execute(
                Self.moving.sql, progress.cursorID, seconds, progress.isDone, Int64(progress.objects), reader,
                leaseSeconds, window.id, window.window.fromSeconds, Int32(window.attempt), runID,
                Int32(fence.attempt), Int64(0)) == 1
        }
        let move = Self.moving.call([
            progress.cursorID.map(quoteLiteral) ?? "NULL", seconds.map(String.init) ?? "NULL", "\(progress.isDone)",
            "\(progress.objects)", quoteLiteral(reader), "\(leaseSeconds)", "\(window.id)",
            "\(window.window.fromSeconds)", "\(window.attempt)", "\(runID)", "\(fence.attempt)", "\(payments.rowCount)",
        ])
        var copies = [TableRows(staged(window).copySQL, rows)]
        if payments.rowCount > 0 { copies.append(TableRows(PagePayments.copySQL, payments)) }
        return try await connection.copyIn(
            copies, after: "SET LOCAL synchronous_commit = off; \(move)", with: Self.moving)
    }

    /// Moves the cursor of a window. Whoever takes over the run raises the attempts of its windows, so the window's row
    /// decides. The run itself is looked at besides, without a lock: a page costs no more than before.
    private static let moving = NamedStatement(
        "trueup_move_window",
        types: """
            text, bigint, boolean, bigint, text, double precision, bigint, bigint, integer, bigint, integer, bigint
            """,
        sql: """
            UPDATE trueup.window w SET cursor_id = $1, cursor_seconds = $2, is_done = $3, pages = pages + 1,
                objects = objects + $4, payments = payments + $12, lease_owner = CASE WHEN $3 THEN NULL ELSE $5 END,
                lease_until = CASE WHEN NOT $3 THEN clock_timestamp() + $6 * interval '1 second' END
            WHERE id = $7 AND from_seconds = $8 AND NOT is_done AND attempt = $9
                AND EXISTS (SELECT FROM trueup.run r WHERE r.id = $10 AND r.attempt = $11 AND r.state = 'running')
                AND ($12 = 0 OR pg_try_advisory_xact_lock_shared(\(StripePayments.lock("w.account", "w.object"))))
            """)

    /// Gives the older part of a window, `[from, cut)`, to a new window of ours. One statement: whoever is frozen
    /// leaves no lock behind.
    /// - Returns: the new window, or `nil` when the window ended or was cut in the meantime.
    /// - Throws: ``RunLost``.
    public func cut(_ window: StoredWindow, at cutSeconds: Int64, on connection: Connection) async throws
        -> StoredWindow?
    {
        // What a power failure takes of it, it takes of all pages after it as well: it need not reach the disk.
        let rows = try await connection.query(
            """
            WITH held AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) FROM trueup.run
                WHERE id = $6 AND attempt = $7 AND state = 'running' FOR SHARE),
            cut AS (UPDATE trueup.window o SET from_seconds = $3 FROM held
                WHERE o.id = $1 AND o.from_seconds = $2 AND o.to_seconds > $3 AND NOT o.is_done
                    AND (o.cursor_seconds IS NULL OR o.cursor_seconds > $3)
                RETURNING o.run_id, o.account, o.object)
            INSERT INTO trueup.window AS w (run_id, account, object, from_seconds, to_seconds, attempt, lease_owner,
                lease_until)
            SELECT run_id, account, object, $2, $3, 1, $4,
                clock_timestamp() + $5::double precision * interval '1 second'
            FROM cut RETURNING \(StoredWindow.columns)
            """, window.id, window.window.fromSeconds, cutSeconds, reader, leaseSeconds, runID, Int32(fence.attempt))
        if rows.isEmpty { try await fence.check(on: connection) }
        return try rows.first.map(StoredWindow.init)
    }

    /// The cursor's object was deleted: forgets the rows of the cursor's own second, which are read again from
    /// `created`, so that nothing is missed and nothing is staged twice.
    /// - Returns: how many staged rows were forgotten; `nil` when the window is not ours any more: nothing was written.
    /// - Throws: ``RunLost``.
    public func rewind(_ window: StoredWindow, on connection: Connection) async throws -> Int? {
        guard let second = window.cursorSeconds else { return 0 }
        return try await connection.transaction { connection in
            try await fence.hold(on: connection)
            let held = try await connection.query(
                "SELECT id FROM trueup.window WHERE id = $1 AND attempt = $2 AND NOT is_done FOR UPDATE", window.id,
                Int32(window.attempt))
            guard !held.isEmpty else { return nil }
            let forgotten = try await connection.execute(
                "DELETE FROM \(staged(window).name) WHERE account = $1 AND created_seconds = $2", window.list.account,
                second)
            try await StripePayments.doubt(window.list, of: runID, on: connection)
            try await connection.execute(
                """
                UPDATE trueup.window SET cursor_id = NULL, cursor_seconds = $2, objects = objects - $3 WHERE id = $1
                """, window.id, second, Int64(forgotten))
            return forgotten
        }
    }

    /// A window as it stands now, for who was refused.
    /// - Returns: `nil` when it is read to its end, or somebody else has it.
    /// - Throws: ``RunLost`` when the run is not ours any more.
    public func look(at window: StoredWindow, on connection: Connection) async throws -> StoredWindow? {
        try await fence.check(on: connection)
        return try await connection.query(
            """
            SELECT \(StoredWindow.columns) FROM trueup.window w
            WHERE run_id = $1 AND id = $2 AND attempt = $3 AND NOT is_done
            """, runID, window.id, Int32(window.attempt)
        ).first.map(StoredWindow.init)
    }

    /// All windows, newest first.
    public func all(on connection: Connection) async throws -> [StoredWindow] {
        try await connection.query(
            """
            SELECT \(StoredWindow.columns) FROM trueup.window w
            WHERE run_id = $1 ORDER BY account, object, to_seconds DESC
            """, runID
        ).map(StoredWindow.init)
    }

    /// Objects counted in when their pages were committed.
    public func objectCount(_ list: RunList, on connection: Connection) async throws -> Int64 {
        try await connection.query(
            """
            SELECT coalesce(sum(objects), 0)::bigint AS n FROM trueup.window
            WHERE run_id = $1 AND account = $2 AND object = $3
            """, runID, list.account, list.object.rawValue)[0]["n"]
    }

    /// Pages that were read of a run so far, and how few there could have been with every page full.
    public static func pageCounts(of runID: Int64, on connection: Connection) async throws -> (
        read: Int64, least: Int64
    ) {
        let row = try await connection.query(
            """
            SELECT coalesce(sum(pages), 0)::bigint AS pages, coalesce(sum(least), 0)::bigint AS least FROM (
                SELECT sum(pages) AS pages, greatest(1, ceil(sum(objects) / 100.0)) AS least FROM trueup.window
                WHERE run_id = $1 AND pages > 0 GROUP BY account, object) lists
            """, runID)[0]
        return (try row["pages"], try row["least"])
    }

    /// What keeps the windows from covering the period exactly: gaps, overlaps, windows that are not read to their
    /// end. Empty is the proof of completeness.
    public static func gaps(in windows: [StoredWindow], list: RunList, period: Window) -> [String] {
        var problems: [String] = []
        var reached = period.toSeconds
        for window in windows where window.list == list {
            if !window.isDone { problems.append("\(list): window \(window.window) was not read to its end") }
            if window.window.toSeconds != reached {
                problems.append("\(list): nothing covers \(window.window.toSeconds) to \(reached)")
            }
            reached = window.window.fromSeconds
        }
        if reached != period.fromSeconds {
            problems.append("\(list): nothing covers \(period.fromSeconds) to \(reached)")
        }
        return problems
    }
}
