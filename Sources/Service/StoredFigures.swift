import PostgreSQL
import Store

/// What the database has about the live side: it is the same for every process.
struct StoredFigures: Sendable {
    /// Messages that wait to be sent, and those that need a person.
    var outboxQueued: Int64 = 0
    var outboxUnsettled: Int64 = 0
    /// Webhooks that only a person can settle, and the oldest of them.
    var refusedCount: Int64 = 0
    var refused: [WebhookRefusals.Refusal] = []
    /// Invoices of orders that Stripe has yet to mail, those that it refuses to, and those of which nobody knows.
    var mails = InvoiceMails.Standing()
    /// Seconds since the newest event that was taken in; `nil` before the first.
    var lastWebhookAgeSeconds: Int64?

    /// So many refused webhooks are shown.
    private static let refusedMax = 10
    /// So many invoices that only a person can have mailed are shown.
    private static let unmailedMax = 10

    static func read(_ pool: Pool) async throws -> StoredFigures {
        try await pool.withConnection { connection in
            var figures = StoredFigures()
            let row = try await connection.query(
                """
                SELECT (SELECT count(*) FROM trueup.outbox WHERE state IN ('queued', 'sending')) AS queued,
                    (SELECT count(*) FROM trueup.outbox WHERE state IN ('failed', 'unknown')) AS unsettled,
                    (SELECT floor(extract(epoch FROM now() - max(received_at)))::bigint FROM trueup.webhook_event)
                        AS age
                """)[0]
            figures.outboxQueued = try row["queued"]
            figures.outboxUnsettled = try row["unsettled"]
            figures.lastWebhookAgeSeconds = try row["age"]
            figures.mails = try await InvoiceMails.standing(limit: unmailedMax, on: connection)
            (figures.refusedCount, figures.refused) = try await WebhookRefusals.recent(
                limit: refusedMax, on: connection)
            return figures
        }
    }
}
