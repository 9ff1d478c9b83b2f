import PostgreSQL

/// A webhook that was taken in, as `trueup.webhook_event` remembers it.
public struct WebhookEvent: Sendable, Hashable {
    /// What became of it.
    public enum Outcome: Sendable, Hashable {
        /// A row changed: the effects' words in their order, and its key.
        case done([String], localID: String)
        /// The row said already what the event says.
        case alreadyDone
        /// It concerns no row, for the reason given.
        case ignored(String)

        /// The word in the table, in answers and in figures.
        public var word: String {
            switch self {
            case .done: "done"
            case .alreadyDone: "already_done"
            case .ignored: "ignored"
            }
        }
    }

    /// The account's name in the settings.
    public var account: String
    /// evt_…
    public var id: String
    /// For example `invoice.paid`.
    public var type: String
    /// The invoice or payment intent.
    public var objectID: String
    public var createdSeconds: Int64

    public init(account: String, id: String, type: String, objectID: String, createdSeconds: Int64) {
        self.account = account
        self.id = id
        self.type = type
        self.objectID = objectID
        self.createdSeconds = createdSeconds
    }
}

/// The memory of webhooks. It tells of what was received; whether an effect is due is decided by the row that it
/// changes, never by this memory.
public enum WebhookEvents {
    /// Writes down what became of an event, or of one more delivery of it, inside the transaction of its effect. What
    /// an earlier delivery did stays on record.
    /// - Returns: how often it has been delivered, this time included.
    public static func record(
        _ event: WebhookEvent, _ outcome: WebhookEvent.Outcome, on connection: Connection
    ) async throws -> Int64 {
        var effects: [String]?
        var localID: String?
        var reason: String?
        switch outcome {
        case .done(let words, let row): (effects, localID) = (words, row)
        case .alreadyDone: break
        case .ignored(let text): reason = text
        }
        return try await connection.query(
            """
            INSERT INTO trueup.webhook_event AS e (account, event_id, type, object_id, event_created_seconds, outcome,
                reason, effects, local_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (account, event_id) DO UPDATE SET deliveries = e.deliveries + 1, last_received_at = now(),
                outcome = CASE WHEN keep THEN e.outcome ELSE excluded.outcome END,
                reason = CASE WHEN keep THEN e.reason ELSE excluded.reason END,
                effects = CASE WHEN keep THEN e.effects ELSE excluded.effects END,
                local_id = CASE WHEN keep THEN e.local_id ELSE excluded.local_id END
            RETURNING deliveries
            """.replacing("keep", with: "(e.outcome = 'done' AND excluded.outcome <> 'done')"),
            event.account, event.id, event.type, event.objectID, event.createdSeconds, outcome.word, reason, effects,
            localID)[0]["deliveries"]
    }
}
