import PostgreSQL

/// Webhooks that only a person can settle: one row for each object and type, however often Stripe tries.
public enum WebhookRefusals {
    /// One of them.
    public struct Refusal: Sendable, Hashable {
        public var account: String
        public var type: String
        public var objectID: String
        public var reason: String
        /// How often it has come.
        public var deliveries: Int64
        /// Since the first time.
        public var ageSeconds: Int64
    }

    /// Stripe tries for three days; what has not come for longer is a matter of the findings alone.
    private static let recentDays = 4

    /// Writes down that an event was refused.
    /// - Returns: how often this object's event of this type has been, this time included.
    public static func record(_ event: WebhookEvent, reason: String, on connection: Connection) async throws -> Int64 {
        try await connection.query(
            """
            INSERT INTO trueup.webhook_refusal AS r (account, object_id, type, event_id, reason)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (account, object_id, type) DO UPDATE SET event_id = excluded.event_id,
                reason = excluded.reason, deliveries = r.deliveries + 1, last_at = now()
            RETURNING deliveries
            """, event.account, event.objectID, event.type, event.id, reason)[0]["deliveries"]
    }

    /// The object's events are taken in again.
    public static func settle(_ event: WebhookEvent, on connection: Connection) async throws {
        try await connection.execute(
            "DELETE FROM trueup.webhook_refusal WHERE account = $1 AND object_id = $2", event.account, event.objectID)
    }

    /// Those that Stripe may still be trying, the oldest first, and how many there are.
    public static func recent(limit: Int, on connection: Connection) async throws -> (count: Int64, first: [Refusal]) {
        let rows = try await connection.query(
            """
            SELECT account, type, object_id, reason, deliveries, count(*) OVER () AS count,
                floor(extract(epoch FROM now() - first_at))::bigint AS age
            FROM trueup.webhook_refusal WHERE last_at > now() - \(recentDays) * interval '1 day'
            ORDER BY first_at, account, object_id, type LIMIT $1
            """, limit)
        let refusals = try rows.map {
            Refusal(
                account: try $0["account"], type: try $0["type"], objectID: try $0["object_id"],
                reason: try $0["reason"], deliveries: try $0["deliveries"], ageSeconds: try $0["age"])
        }
        return (try rows.first?["count"] ?? 0, refusals)
    }
}
