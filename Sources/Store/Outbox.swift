import PostgreSQL

/// Messages that leave exactly once as far as that can be: `trueup.outbox`.
///
/// A message is written in the transaction of what it is about, under a key that is unique for ever. To send it, one
/// process makes it `sending`, commits that, and only then talks to the world. What it learns decides: sent; certainly
/// not sent, so that it waits for another attempt; or nobody knows, as when the answer was lost or the process ended.
/// Such a message is `unknown` and never sent again by itself.
public struct Outbox: Sendable {
    let pool: Pool
    /// After so many attempts a message has failed.
    let attemptsMax: Int

    /// The first pause after a failure, in seconds; it doubles up to ``pauseSecondsMax``.
    static let pauseSeconds = 60
    static let pauseSecondsMax = 6 * 3_600

    public init(pool: Pool, attemptsMax: Int = 12) {
        self.pool = pool
        self.attemptsMax = attemptsMax
    }

    /// Puts a message into the outbox. It belongs into the transaction of what it is about.
    /// - Returns: its id, or `nil` where a message with this key is there already, sent or not.
    /// - Throws: ``OutboxError`` for a line break or control character where one line is meant.
    public static func enqueue(_ draft: OutboxDraft, on connection: Connection) async throws -> Int64? {
        if let broken = draft.brokenLine {
            throw OutboxError(
                description: "\(broken) of the message “\(draft.dedupeKey)” holds a control character or line break")
        }
        let headers = draft.headers.sorted { $0.key < $1.key }
        let rows = try await connection.query(
            """
            INSERT INTO trueup.outbox (channel, dedupe_key, recipient, subject, body_text, body_html, headers, about,
                message_id)
            VALUES ($1, $2, $3, $4, $5, $6, jsonb_object($7::text[], $8::text[]),
                jsonb_object($9::text[], $10::text[]),
                'trueup.' || substr(encode(sha256(convert_to($2, 'UTF8')), 'hex'), 1, 40))
            ON CONFLICT (dedupe_key) DO NOTHING RETURNING id
            """, draft.channel.rawValue, draft.dedupeKey, draft.recipient, draft.subject, draft.text, draft.html,
            headers.map(\.key), headers.map(\.value), Array(draft.about.keys), Array(draft.about.values))
        guard let id = try rows.first?["id"] as Int64? else { return nil }
        if let mark = draft.sentMark {
            try await connection.execute(
                """
                UPDATE trueup.outbox SET sent_mark = jsonb_build_object('schema', $2, 'table', $3, 'key_column', $4,
                    'key', $5, 'time_column', $6) WHERE id = $1
                """, id, mark.schema, mark.table, mark.keyColumn, mark.key, mark.timeColumn)
        }
        for (number, attachment) in draft.attachments.enumerated() {
            try await connection.execute(
                """
                INSERT INTO trueup.outbox_attachment (message_id, number, name, content_type, content)
                VALUES ($1, $2, $3, $4, $5)
                """, id, Int32(number), attachment.name, attachment.contentType, attachment.bytes)
        }
        return id
    }

    /// Makes a message due that waits for another attempt or has failed, since somebody asks for it again. One whose
    /// answer was lost stays as it is: a person decides.
    /// - Returns: whether there is one.
    public static func retry(_ key: String, on connection: Connection) async throws -> Bool {
        try await connection.execute(
            """
            UPDATE trueup.outbox SET state = 'queued', next_attempt_at = now()
            WHERE dedupe_key = $1 AND state IN ('queued', 'failed')
            """, key) > 0
    }

    /// Takes the next message that is due and makes it `sending`, which is committed when this returns.
    /// - Parameters:
    ///   - report: only messages about the report of this number; `nil`: all.
    ///   - tried: the numbers of messages that are left out.
    ///   - leaseSeconds: longer than sending can take. Whoever still sends after that has died, and the message is
    ///     `unknown`.
    /// - Returns: `nil` where none is due.
    public func claim(
        _ channels: [OutboxChannel], report: Int64? = nil, without tried: [Int64] = [], leaseSeconds: Int
    ) async throws -> OutboxMessage? {
        try await pool.transaction { connection in
            try await connection.query(
                """
                UPDATE trueup.outbox SET state = 'sending', attempts = attempts + 1,
                    lease_until = now() + $2 * interval '1 second'
                WHERE id = (SELECT id FROM trueup.outbox
                    WHERE state = 'queued' AND next_attempt_at <= now() AND channel = ANY($1)
                        AND ($3::text IS NULL OR about->>'report' = $3) AND id <> ALL($4::bigint[])
                    ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING \(OutboxMessage.columns)
                """, channels.map(\.rawValue), Double(leaseSeconds), report.map(String.init), tried
            ).first.map(OutboxMessage.init)
        }
    }

    /// How many messages are due now. The parameters are those of ``claim(_:report:without:leaseSeconds:)``.
    public func dueCount(
        _ channels: [OutboxChannel], report: Int64? = nil, without tried: [Int64] = []
    ) async throws -> Int {
        let count: Int64 = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT count(*) AS n FROM trueup.outbox
                WHERE state = 'queued' AND next_attempt_at <= now() AND channel = ANY($1)
                    AND ($2::text IS NULL OR about->>'report' = $2) AND id <> ALL($3::bigint[])
                """, channels.map(\.rawValue), report.map(String.init), tried)[0]["n"]
        }
        return Int(count)
    }

    /// Whether somebody has to look: a message waits for its next attempt, or was left by a sender that died.
    public func hasWork() async throws -> Bool {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT EXISTS (SELECT FROM trueup.outbox WHERE state = 'queued')
                    OR EXISTS (SELECT FROM trueup.outbox WHERE \(OutboxMessage.isAbandoned)) AS has_work
                """)[0]["has_work"]
        }
    }

    /// Messages whose sender died: nobody knows how far it got. Who lists, settles or sends messages calls this first,
    /// and tells what it gives: nobody else will.
    /// - Parameter report: only messages about the report of this number; `nil`: all.
    /// - Returns: those that became `unknown` with this call, the oldest first.
    public func expire(report: Int64? = nil) async throws -> [OutboxMessage] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                UPDATE trueup.outbox SET state = 'unknown', lease_until = NULL, last_error = $2
                WHERE \(OutboxMessage.isAbandoned) AND ($1::text IS NULL OR about->>'report' = $1)
                RETURNING \(OutboxMessage.columns)
                """, report.map(String.init), OutboxMessage.senderDied
            ).map(OutboxMessage.init).sorted { $0.id < $1.id }
        }
    }

    /// The files of a message, in order.
    public func attachments(of message: OutboxMessage) async throws -> [OutboxAttachment] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT name, content_type, content FROM trueup.outbox_attachment WHERE message_id = $1 ORDER BY number
                """, message.id
            ).map {
                OutboxAttachment(name: try $0["name"], contentType: try $0["content_type"], bytes: try $0["content"])
            }
        }
    }

    /// Messages, the oldest first.
    /// - Parameter states: which; by default all that are neither sent nor on their way.
    public func list(_ states: [OutboxState] = [.queued, .failed, .unknown], limit: Int = 1_000) async throws
        -> [OutboxMessage]
    {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(OutboxMessage.columns) FROM trueup.outbox
                WHERE (state = ANY($1) OR state = 'sending') AND \(OutboxMessage.stateNow) = ANY($1)
                ORDER BY id LIMIT $2
                """, states.map(\.rawValue), limit
            ).map(OutboxMessage.init)
        }
    }

    /// Messages by their keys, the oldest first; keys of none are left out.
    public static func messages(keys: [String], on connection: Connection) async throws -> [OutboxMessage] {
        try await connection.query(
            "SELECT \(OutboxMessage.columns) FROM trueup.outbox WHERE dedupe_key = ANY($1) ORDER BY id", keys
        ).map(OutboxMessage.init)
    }

    /// One message, or `nil`.
    public func message(id: Int64) async throws -> OutboxMessage? {
        try await pool.withConnection { connection in
            try await connection.query("SELECT \(OutboxMessage.columns) FROM trueup.outbox WHERE id = $1", id)
                .first.map(OutboxMessage.init)
        }
    }
}
