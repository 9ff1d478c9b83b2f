import Logging
import PostgreSQL
import Store

/// Figures that the database has: they are the same for every process.
struct StoredFigures: Sendable {
    struct Open: Sendable, Hashable {
        var kind: String
        var account: String
        var count: Int64
        var oldestSeconds: Int64
    }

    var findings: [Open] = []
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

    /// - Returns: nil where the database cannot be read: the page of figures then says so.
    static func read(_ pool: Pool, logger: Logger) async -> StoredFigures? {
        do {
            return try await read(pool)
        } catch {
            let reason = (error as? PostgresError)?.brief ?? "\(error)"
            logger.error("figures cannot be read", metadata: ["trueup.error": .string(reason)])
            return nil
        }
    }

    static func read(_ pool: Pool) async throws -> StoredFigures {
        try await pool.withConnection { connection in
            var figures = StoredFigures()
            figures.findings = try await connection.query(
                """
                SELECT kind, account, count(*) AS count,
                    floor(extract(epoch FROM now() - min(first_seen_at)))::bigint AS oldest
                FROM trueup.finding WHERE state = 'open' GROUP BY kind, account ORDER BY kind, account
                """
            ).map {
                Open(
                    kind: try $0["kind"], account: try $0["account"], count: try $0["count"],
                    oldestSeconds: try $0["oldest"])
            }
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
