import PostgreSQL

// What became of an attempt. Whoever claimed the message says so, and only as long as nobody claimed it since: a late
// word of the latest attempt counts even where its lease had run out, because it is the truth.
extension Outbox {
    /// The message was accepted. The row that its ``SentMark`` names is filled in within the same transaction; where
    /// that is not possible any more the message is sent all the same and `last_error` says what is missing.
    /// - Returns: false where another attempt has begun since.
    public func markSent(_ message: OutboxMessage) async throws -> Bool {
        try await pool.transaction { connection in
            let rows = try await connection.query(
                """
                SELECT state, attempts FROM trueup.outbox WHERE id = $1 FOR UPDATE
                """, message.id)
            guard let row = rows.first, Int(try row["attempts"] as Int32) == message.attempts else { return false }
            if try row["state"] as String == OutboxState.sent.rawValue { return true }
            try await Self.setSent(message.id, on: connection)
            return true
        }
    }

    /// The message was certainly not sent: it waits for its next attempt, with a pause that doubles, or it has failed
    /// for good.
    /// - Returns: false where another attempt has begun since, or it was settled otherwise.
    public func markFailed(_ message: OutboxMessage, error: String, isPermanent: Bool) async throws -> Bool {
        let isLast = isPermanent || message.attempts >= attemptsMax
        let doublings = min(max(message.attempts - 1, 0), 16)
        let pause = min(Self.pauseSecondsMax, Self.pauseSeconds << doublings)
        return try await pool.withConnection { connection in
            try await connection.execute(
                """
                UPDATE trueup.outbox SET state = $4, lease_until = NULL, last_error = $3,
                    next_attempt_at = now() + $5 * interval '1 second'
                WHERE id = $1 AND attempts = $2 AND state IN ('sending', 'unknown')
                """, message.id, Int32(message.attempts), Self.printable(error),
                isLast ? OutboxState.failed.rawValue : OutboxState.queued.rawValue, Double(pause)) == 1
        }
    }

    /// It may have been sent, and may not.
    /// - Returns: false where another attempt has begun since, or it was settled otherwise.
    public func markUnknown(_ message: OutboxMessage, error: String) async throws -> Bool {
        try await pool.withConnection { connection in
            try await connection.execute(
                """
                UPDATE trueup.outbox SET state = 'unknown', lease_until = NULL, last_error = $3
                WHERE id = $1 AND attempts = $2 AND state IN ('sending', 'unknown')
                """, message.id, Int32(message.attempts), Self.printable(error)) == 1
        }
    }

    /// What a person says of a message that failed or of which nobody knows.
    public enum Decision: Sendable, Hashable {
        /// It did arrive.
        case wasSent
        /// It did not arrive, or may arrive twice.
        case sendAgain
    }

    /// Settles a message that failed or is unknown.
    /// - Returns: false where it is neither, by now.
    public func decide(_ decision: Decision, message id: Int64) async throws -> Bool {
        try await pool.transaction { connection in
            let rows = try await connection.query(
                """
                SELECT id FROM trueup.outbox
                WHERE id = $1 AND \(OutboxMessage.stateNow) IN ('failed', 'unknown') FOR UPDATE
                """, id)
            guard !rows.isEmpty else { return false }
            switch decision {
            case .wasSent: try await Self.setSent(id, on: connection)
            case .sendAgain:
                try await connection.execute(
                    """
                    UPDATE trueup.outbox SET state = 'queued', next_attempt_at = now(), lease_until = NULL WHERE id = $1
                    """, id)
            }
            return true
        }
    }

    private static func setSent(_ id: Int64, on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.outbox SET state = 'sent', sent_at = now(), lease_until = NULL, last_error = NULL
            WHERE id = $1
            """, id)
        let rows = try await connection.query(
            """
            SELECT sent_mark->>'schema' AS schema, sent_mark->>'table' AS "table",
                sent_mark->>'key_column' AS key_column, sent_mark->>'key' AS key,
                sent_mark->>'time_column' AS time_column
            FROM trueup.outbox WHERE id = $1 AND sent_mark IS NOT NULL
            """, id)
        guard let row = rows.first else { return }
        let mark = SentMark(
            schema: try row["schema"], table: try row["table"], keyColumn: try row["key_column"], key: try row["key"],
            timeColumn: try row["time_column"])
        // That the message was sent is true whatever became of the table, and must not be rolled back with it.
        try await connection.execute("SAVEPOINT sent_mark")
        do throws(PostgresError) {
            try await connection.execute(
                """
                UPDATE \(quoteIdentifier(mark.schema)).\(quoteIdentifier(mark.table))
                SET \(quoteIdentifier(mark.timeColumn)) = now()
                WHERE \(quoteIdentifier(mark.keyColumn)) = $1 AND \(quoteIdentifier(mark.timeColumn)) IS NULL
                """, mark.key)
            try await connection.execute("RELEASE SAVEPOINT sent_mark")
        } catch {
            // Only a refusal of the server leaves a transaction to go on with.
            guard error.server != nil, !error.isTransient else { throw error }
            try await connection.execute("ROLLBACK TO SAVEPOINT sent_mark")
            try await connection.execute(
                "UPDATE trueup.outbox SET last_error = $2 WHERE id = $1", id,
                printable("It was sent; \(mark.schema).\(mark.table) could not be told: \(error)"))
        }
    }

    /// Errors quote what others wrote.
    private static func printable(_ text: String) -> String {
        String(text.prefix(1_000)).replacing("\u{0}", with: "?")
    }
}
