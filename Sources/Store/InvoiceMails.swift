import PostgreSQL

/// The mails about credit orders' invoices, which Stripe sends: which are still to be asked for.
///
/// Whether Stripe has mailed an invoice cannot be read from it, so it is noted here before the invoice can be paid: a
/// crash between its finalizing and its mailing leaves a note that says `waiting`.
public enum InvoiceMails {
    /// One that Stripe has yet to take.
    public struct Waiting: Sendable, Hashable {
        public var invoiceID: String
        /// The same in every attempt.
        public var idempotencyKey: String
    }

    /// How the mailing of an invoice ended.
    public enum End: Sendable, Hashable {
        /// Stripe took it.
        case sent
        /// Stripe refuses to mail it, with its reason: the customer has no address, say.
        case refused(String)
        /// There is nothing to mail any more: it was paid, voided or deleted.
        case needless
    }

    /// How long whoever placed the order has to mail it before others look after it, in seconds.
    private static let turnSeconds = 60
    /// The longest pause between two attempts, in seconds.
    private static let pauseSecondsMax = 3_600

    /// Notes that an invoice is to be mailed; a second time it changes nothing.
    public static func expect(
        _ invoiceID: String, account: String, idempotencyKey: String, on connection: Connection
    ) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.invoice_mail (account, stripe_invoice_id, idempotency_key, next_attempt_at)
            VALUES ($1, $2, $3, now() + $4 * interval '1 second') ON CONFLICT DO NOTHING
            """, account, invoiceID, idempotencyKey, Double(turnSeconds))
    }

    /// The note of one invoice; `nil` where nothing waits.
    public static func waiting(
        _ invoiceID: String, account: String, on connection: Connection
    ) async throws -> Waiting? {
        try await connection.query(
            """
            SELECT stripe_invoice_id AS id, idempotency_key AS key FROM trueup.invoice_mail
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting'
            """, account, invoiceID
        ).first.map { Waiting(invoiceID: try $0["id"], idempotencyKey: try $0["key"]) }
    }

    /// Takes one that is due; others leave it alone for a minute.
    public static func claim(account: String, on connection: Connection) async throws -> Waiting? {
        try await connection.query(
            """
            UPDATE trueup.invoice_mail SET next_attempt_at = now() + $2 * interval '1 second'
            WHERE (account, stripe_invoice_id) = (SELECT account, stripe_invoice_id FROM trueup.invoice_mail
                WHERE state = 'waiting' AND account = $1 AND next_attempt_at <= now()
                ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING stripe_invoice_id AS id, idempotency_key AS key
            """, account, Double(turnSeconds)
        ).first.map { Waiting(invoiceID: try $0["id"], idempotencyKey: try $0["key"]) }
    }

    /// Writes down how it ended, where it still waits.
    public static func end(
        _ invoiceID: String, account: String, _ end: End, on connection: Connection
    ) async throws {
        let (state, reason): (String, String?) =
            switch end {
            case .sent: ("sent", nil)
            case .refused(let reason): ("refused", reason)
            case .needless: ("needless", nil)
            }
        try await connection.execute(
            """
            UPDATE trueup.invoice_mail SET state = $3, last_error = $4, ended_at = now(), attempts = attempts + 1
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting'
            """, account, invoiceID, state, reason)
    }

    /// It is tried again: after a pause that doubles from a minute to an hour.
    /// - Parameter newKey: Stripe keeps the failure for the key: the next attempt needs another.
    public static func postpone(
        _ invoiceID: String, account: String, error: String, newKey: Bool, on connection: Connection
    ) async throws {
        try await connection.execute(
            """
            UPDATE trueup.invoice_mail SET attempts = attempts + 1, last_error = $3,
                idempotency_key = idempotency_key || CASE WHEN $4 THEN '+' ELSE '' END,
                next_attempt_at = now() + least($5, 60 * 2 ^ least(attempts, 10)) * interval '1 second'
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting'
            """, account, invoiceID, error, newKey, Double(pauseSecondsMax))
    }
}
