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

    init(_ row: Row) throws {
        id = try row["id"]
        list = RunList(account: try row["account"], object: ListedObject(rawValue: try row["object"]) ?? .invoice)
        window = Window(fromSeconds: try row["from_seconds"], toSeconds: try row["to_seconds"])
        cursorID = try row["cursor_id"]
        cursorSeconds = try row["cursor_seconds"]
        isDone = try row["is_done"]
    }
}

/// The windows of one run.
public struct Windows: Sendable {
    let runID: Int64

    public init(runID: Int64) { self.runID = runID }

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
    /// - Returns: `false` when the window's older half was given away since `window` was looked at: nothing was
    ///   written, and the page has to be cut to the new `from`.
    public func commit(
        _ rows: BinaryRows, _ progress: Progress, to window: StoredWindow, on connection: Connection
    ) async throws -> Bool {
        let cursor = progress.cursorID.map(quoteLiteral) ?? "NULL"
        let update = """
            UPDATE trueup.window SET cursor_id = \(cursor),
                cursor_seconds = \(progress.cursorSeconds.map(String.init) ?? "NULL"), is_done = \(progress.isDone),
                pages = pages + 1, objects = objects + \(progress.objects)
            WHERE id = \(window.id) AND from_seconds = \(window.window.fromSeconds) AND NOT is_done
            """
        guard rows.rowCount > 0 else { return try await connection.execute(update) == 1 }
        return try await connection.copyIn(
            staged(window).copySQL, rows, after: "SET LOCAL synchronous_commit = off; \(update)")
    }

    /// Gives the older part of a window, `[from, cut)`, to a new window.
    /// - Returns: the new window, or `nil` when the window ended or was cut in the meantime.
    public func cut(_ window: StoredWindow, at cutSeconds: Int64, on connection: Connection) async throws
        -> StoredWindow?
    {
        try await connection.transaction { connection in
            // What a power failure takes of it, it takes of all pages after it as well.
            try await connection.execute("SET LOCAL synchronous_commit = off")
            let updated = try await connection.execute(
                """
                UPDATE trueup.window SET from_seconds = $3
                WHERE id = $1 AND from_seconds = $2 AND to_seconds > $3 AND NOT is_done
                  AND (cursor_seconds IS NULL OR cursor_seconds > $3)
                """, window.id, window.window.fromSeconds, cutSeconds)
            guard updated == 1 else { return nil }
            return try await connection.query(
                """
                INSERT INTO trueup.window (run_id, account, object, from_seconds, to_seconds)
                VALUES ($1, $2, $5, $3, $4)
                RETURNING id, account, object, from_seconds, to_seconds, cursor_id, cursor_seconds, is_done
                """, runID, window.list.account, window.window.fromSeconds, cutSeconds,
                window.list.object.rawValue
            ).first.map(StoredWindow.init)
        }
    }

    /// The cursor's object was deleted: forgets the rows of the cursor's own second, which are read again from
    /// `created`, so that nothing is missed and nothing is staged twice.
    /// - Returns: how many staged rows were forgotten.
    public func rewind(_ window: StoredWindow, on connection: Connection) async throws -> Int {
        guard let second = window.cursorSeconds else { return 0 }
        return try await connection.transaction { connection in
            let forgotten = try await connection.execute(
                "DELETE FROM \(staged(window).name) WHERE account = $1 AND created_seconds = $2", window.list.account,
                second)
            try await connection.execute(
                """
                UPDATE trueup.window SET cursor_id = NULL, cursor_seconds = $2, objects = objects - $3 WHERE id = $1
                """, window.id, second, Int64(forgotten))
            return forgotten
        }
    }

    /// All windows, newest first.
    public func all(on connection: Connection) async throws -> [StoredWindow] {
        try await connection.query(
            """
            SELECT id, account, object, from_seconds, to_seconds, cursor_id, cursor_seconds, is_done FROM trueup.window
            WHERE run_id = $1 ORDER BY account, object, to_seconds DESC
            """, runID
        ).map(StoredWindow.init)
    }

    /// A window as it stands now, or `nil` when the run has none of that id.
    public func window(id: Int64, on connection: Connection) async throws -> StoredWindow? {
        try await connection.query(
            """
            SELECT id, account, object, from_seconds, to_seconds, cursor_id, cursor_seconds, is_done FROM trueup.window
            WHERE run_id = $1 AND id = $2
            """, runID, id
        ).first.map(StoredWindow.init)
    }

    /// Objects counted in when their pages were committed.
    public func objectCount(_ object: ListedObject, on connection: Connection) async throws -> Int64 {
        try await connection.query(
            "SELECT coalesce(sum(objects), 0)::bigint AS n FROM trueup.window WHERE run_id = $1 AND object = $2",
            runID, object.rawValue)[0]["n"]
    }

    /// Pages read so far, and how few there could have been with every page full.
    public func pageCounts(on connection: Connection) async throws -> (read: Int64, least: Int64) {
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
