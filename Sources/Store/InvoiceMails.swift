import PostgreSQL

/// The mails about credit orders' invoices, which Stripe sends: which are still to be asked for.
///
/// Whether Stripe has mailed an invoice cannot be read from it, so it is noted here before the invoice can be paid: a
/// crash between its finalizing and its mailing leaves a note that says `waiting`. An attempt is noted before it is
/// made, so that whoever comes after one without an answer knows that the mail may be out.
///
/// ```swift
/// guard let waiting = try await InvoiceMails.claim(account: "task_health", on: connection) else { return }
/// guard waiting.next == .send,
///     let attempt = try await InvoiceMails.begin(waiting, account: "task_health", on: connection)
/// else { return }
/// ```
public enum InvoiceMails {
    /// One that Stripe has yet to take.
    public struct Waiting: Sendable, Hashable {
        public var invoiceID: String
        /// What every attempt carries until it is known that none of them has mailed.
        public var idempotencyKey: String
        /// How many attempts were begun: whoever changes the note has to know of all of them.
        public var begun: Int64
        /// Stripe keeps a failure for the key and gives it again, whether or not it has mailed.
        public var isKeyUsedUp: Bool
        /// Since the first attempt under the key that may have mailed, in seconds; `nil` where there is none.
        public var firstAttemptAgeSeconds: Int64?
        /// Since such an attempt was begun or ended last, in seconds.
        public var lastAttemptAgeSeconds: Int64?

        package init(
            invoiceID: String, idempotencyKey: String, begun: Int64 = 0, isKeyUsedUp: Bool = false,
            firstAttemptAgeSeconds: Int64? = nil, lastAttemptAgeSeconds: Int64? = nil
        ) {
            self.invoiceID = invoiceID
            self.idempotencyKey = idempotencyKey
            self.begun = begun
            self.isKeyUsedUp = isKeyUsedUp
            self.firstAttemptAgeSeconds = firstAttemptAgeSeconds
            self.lastAttemptAgeSeconds = lastAttemptAgeSeconds
        }
    }

    /// What may be done about one.
    public enum Step: Sendable, Hashable {
        /// Asking under its key: nothing has been done yet, or Stripe remembers under the key what it did.
        case send
        /// Nothing for so many seconds: what an attempt did may not be listed yet.
        case wait(seconds: Int64)
        /// Looking whether Stripe has mailed it. Asking once more would mail it twice.
        case look
    }

    /// What a failed attempt leaves open.
    public enum Failure: Sendable, Hashable {
        /// Stripe has done nothing, and keeps nothing for the key.
        case undone
        /// Nobody knows whether Stripe has mailed it; under the same key it says so.
        case open
        /// Nobody knows it, and Stripe keeps a failure for the key.
        case kept
    }

    /// How the mailing of an invoice ended.
    public enum End: Sendable, Hashable {
        /// Stripe took it.
        case sent
        /// Stripe refuses to mail it, with its reason: the customer has no address, say.
        case refused(String)
        /// There is nothing to mail any more: it was paid, voided or deleted.
        case needless
        /// Nobody knows whether Stripe has mailed it, and nothing is left to find out by; with what a person does now.
        case unknown(String)
    }

    /// Stripe may forget a key once it is 24 hours old (https://docs.stripe.com/api/idempotent_requests), and then
    /// mails again under it. The last hour is for the request's way.
    static let keySecondsMax: Int64 = 23 * 3_600
    /// So long after an attempt was begun or ended nothing of it is still to come: twice the settle delay of the jobs,
    /// once for the requests of the attempt, once until what they did is listed.
    static let settleSeconds: Int64 = 600
    /// Stripe lists the events of 30 days (https://docs.stripe.com/api/events/list). One of them is left for the
    /// clocks, and for the reading itself.
    static let eventSecondsMax: Int64 = 29 * 86_400
    /// How long whoever placed the order has to mail it before others look after it, in seconds.
    private static let turnSeconds = 60
    /// The longest pause between two attempts, in seconds.
    private static let pauseSecondsMax = 3_600

    /// SQL: the columns of a note.
    private static let columns = """
        stripe_invoice_id AS id, idempotency_key AS key, begun, is_key_used_up,
            floor(extract(epoch FROM now() - first_attempt_at))::bigint AS first_age,
            floor(extract(epoch FROM now() - last_attempt_at))::bigint AS last_age
        """
    /// SQL: a pause that doubles from a minute to an hour, in seconds.
    private static let pause = "least(\(pauseSecondsMax), 60 * 2 ^ least(attempts, 10))"

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
            SELECT \(columns) FROM trueup.invoice_mail
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting'
            """, account, invoiceID
        ).first.map { try Waiting($0) }
    }

    /// Takes one that is due; others leave it alone for a minute.
    public static func claim(account: String, on connection: Connection) async throws -> Waiting? {
        try await connection.query(
            """
            UPDATE trueup.invoice_mail SET next_attempt_at = now() + $2 * interval '1 second'
            WHERE (account, stripe_invoice_id) = (SELECT account, stripe_invoice_id FROM trueup.invoice_mail
                WHERE state = 'waiting' AND account = $1 AND next_attempt_at <= now()
                ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING \(columns)
            """, account, Double(turnSeconds)
        ).first.map { try Waiting($0) }
    }

    /// Notes that an attempt begins. It belongs into no transaction: it has to be there whatever comes next.
    /// - Returns: the note with the attempt; `nil` where none may be made: somebody else has begun one since the note
    ///   was read, the key has become too old, or it is over.
    public static func begin(
        _ waiting: Waiting, account: String, on connection: Connection
    ) async throws -> Waiting? {
        try await connection.query(
            """
            UPDATE trueup.invoice_mail SET begun = begun + 1, first_attempt_at = coalesce(first_attempt_at, now()),
                last_attempt_at = now()
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting' AND idempotency_key = $3 AND begun = $4
                AND NOT is_key_used_up
                AND (first_attempt_at IS NULL OR first_attempt_at > now() - $5 * interval '1 second')
            RETURNING \(columns)
            """, account, waiting.invoiceID, waiting.idempotencyKey, waiting.begun, Double(keySecondsMax)
        ).first.map { try Waiting($0) }
    }

    /// Writes down that an attempt has failed. There is another one after a pause.
    /// - Parameter attempt: what ``begin(_:account:on:)`` gave.
    public static func fail(
        _ attempt: Waiting, account: String, error: String, _ failure: Failure, on connection: Connection
    ) async throws {
        // Only one that was alone under its key is taken back: of the others nobody knows.
        let isTakenBack = "($6 AND begun = $4 AND NOT is_key_used_up AND first_attempt_at = last_attempt_at)"
        let leastSeconds: Double = failure == .kept ? Double(settleSeconds) : 0
        try await connection.execute(
            """
            UPDATE trueup.invoice_mail SET attempts = attempts + 1, last_error = $5,
                is_key_used_up = is_key_used_up OR $7,
                first_attempt_at = CASE WHEN \(isTakenBack) THEN NULL ELSE first_attempt_at END,
                last_attempt_at = CASE WHEN \(isTakenBack) OR first_attempt_at IS NULL THEN NULL ELSE now() END,
                next_attempt_at = now() + greatest($8, \(pause)) * interval '1 second'
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting' AND idempotency_key = $3
            """, account, attempt.invoiceID, attempt.idempotencyKey, attempt.begun, error, failure == .undone,
            failure == .kept, leastSeconds)
    }

    /// Gives the next attempt a new key: it is known that none under the old one has mailed.
    /// - Returns: the note with the key; `nil` where somebody has begun another attempt since it was read.
    public static func renew(
        _ waiting: Waiting, account: String, on connection: Connection
    ) async throws -> Waiting? {
        try await connection.query(
            """
            UPDATE trueup.invoice_mail SET idempotency_key = split_part(idempotency_key, '+', 1) || '+' || begun,
                is_key_used_up = false, first_attempt_at = NULL, last_attempt_at = NULL
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting' AND idempotency_key = $3 AND begun = $4
            RETURNING \(columns)
            """, account, waiting.invoiceID, waiting.idempotencyKey, waiting.begun
        ).first.map { try Waiting($0) }
    }

    /// It is looked at again, without an attempt: after a pause that doubles from a minute to an hour.
    /// - Parameters:
    ///   - error: why; `nil` leaves what was written before.
    ///   - leastSeconds: the pause is no shorter.
    public static func postpone(
        _ invoiceID: String, account: String, error: String?, leastSeconds: Int64 = 0, on connection: Connection
    ) async throws {
        try await connection.execute(
            """
            UPDATE trueup.invoice_mail SET attempts = attempts + 1, last_error = coalesce($3, last_error),
                next_attempt_at = now() + greatest($4, \(pause)) * interval '1 second'
            WHERE account = $1 AND stripe_invoice_id = $2 AND state = 'waiting'
            """, account, invoiceID, error, Double(leastSeconds))
    }

    /// Writes down how it ended, where it still waits. What was sent after all is not unknown any more.
    public static func end(
        _ invoiceID: String, account: String, _ end: End, on connection: Connection
    ) async throws {
        let (state, reason): (String, String?) =
            switch end {
            case .sent: ("sent", nil)
            case .refused(let reason): ("refused", reason)
            case .needless: ("needless", nil)
            case .unknown(let reason): ("unknown", reason)
            }
        try await connection.execute(
            """
            UPDATE trueup.invoice_mail SET state = $3, last_error = $4, ended_at = now(), attempts = attempts + 1
            WHERE account = $1 AND stripe_invoice_id = $2
                AND (state = 'waiting' OR (state = 'unknown' AND $3 = 'sent'))
            """, account, invoiceID, state, reason)
    }
}

extension InvoiceMails.Waiting {
    fileprivate init(_ row: Row) throws {
        self.init(
            invoiceID: try row["id"], idempotencyKey: try row["key"], begun: try row["begun"],
            isKeyUsedUp: try row["is_key_used_up"], firstAttemptAgeSeconds: try row["first_age"],
            lastAttemptAgeSeconds: try row["last_age"])
    }

    /// What may be done about it now.
    public var next: InvoiceMails.Step {
        guard let first = firstAttemptAgeSeconds, let last = lastAttemptAgeSeconds else { return .send }
        // An age below zero is that of a clock that was set back, and says nothing.
        if !isKeyUsedUp, (0..<InvoiceMails.keySecondsMax).contains(first) { return .send }
        guard last < InvoiceMails.settleSeconds else { return .look }
        return .wait(seconds: min(InvoiceMails.settleSeconds - last, InvoiceMails.settleSeconds))
    }

    /// Stripe may list no event any more of what the first attempt did: that there is none says nothing.
    public var isOlderThanEvents: Bool { firstAttemptAgeSeconds.map { $0 >= InvoiceMails.eventSecondsMax } ?? false }
}
