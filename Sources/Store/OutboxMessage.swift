import PostgreSQL

/// How a message stands.
public enum OutboxState: String, Sendable, Hashable, CaseIterable {
    /// It waits for its next attempt.
    case queued
    /// Somebody is sending it right now, or was when the process ended.
    case sending
    case sent
    /// It was refused for good, or as often as it is tried.
    case failed
    /// Nobody knows whether it was sent. It is not sent again by itself: a person decides.
    case unknown
}

/// A message of the outbox as it is stored, without its attachments.
public struct OutboxMessage: Sendable, Hashable {
    public let id: Int64
    public let channel: String
    public let dedupeKey: String
    public let recipient: String
    public let subject: String
    public let text: String
    public let html: String?
    public let headers: [String: String]
    /// What stands before the `@` of a mail's Message-ID.
    public let messageID: String
    public let state: OutboxState
    /// How often sending has begun. It fences: what an earlier attempt says of the message does not count any more.
    public let attempts: Int
    public let nextAttemptAt: Timestamp
    public let lastError: String?
    public let createdAt: Timestamp
    public let sentAt: Timestamp?
    public let about: JSONText
    /// Of one that is `sending`: until when its sender has time to say how that went. After that it is `unknown`.
    public let leaseUntil: Timestamp?

    /// Whether a row's sender has died: it had time, and said nothing.
    static let isAbandoned = "state = 'sending' AND lease_until < now()"
    /// How a row stands by now, whether or not somebody has written it down yet (``Outbox/expire(report:)``).
    static let stateNow = "CASE WHEN \(isAbandoned) THEN 'unknown' ELSE state END"
    static let senderDied = "The process that was sending it ended before it said how that went."

    static let columns = """
        id, channel, dedupe_key, recipient, subject, body_text, body_html, message_id, attempts, next_attempt_at,
            created_at, sent_at, about, \(stateNow) AS state, lease_until,
            CASE WHEN \(isAbandoned) THEN '\(senderDied)' ELSE last_error END AS last_error,
            ARRAY(SELECT key FROM jsonb_each_text(headers) ORDER BY key) AS header_names,
            ARRAY(SELECT value FROM jsonb_each_text(headers) ORDER BY key) AS header_values
        """

    init(_ row: Row) throws {
        id = try row["id"]
        channel = try row["channel"]
        dedupeKey = try row["dedupe_key"]
        recipient = try row["recipient"]
        subject = try row["subject"]
        text = try row["body_text"]
        html = try row["body_html"]
        let names: [String] = try row["header_names"]
        let values: [String] = try row["header_values"]
        headers = Dictionary(zip(names, values)) { first, _ in first }
        messageID = try row["message_id"]
        let word: String = try row["state"]
        guard let known = OutboxState(rawValue: word) else {
            throw OutboxError(description: "message \(id) of trueup.outbox has the unknown state “\(word)”")
        }
        state = known
        attempts = Int(try row["attempts"] as Int32)
        nextAttemptAt = try row["next_attempt_at"]
        lastError = try row["last_error"]
        createdAt = try row["created_at"]
        sentAt = try row["sent_at"]
        about = try row["about"]
        leaseUntil = try row["lease_until"]
    }
}
