import PostgreSQL

extension InvoiceMails {
    /// One that only a person can have mailed.
    public struct Unmailed: Sendable, Hashable {
        public var account: String
        public var invoiceID: String
        /// `refused` or `unknown`.
        public var state: String
        /// Stripe's reason, or what a person does now.
        public var reason: String
        /// Since it was given up.
        public var ageSeconds: Int64
    }

    /// How the mails stand.
    public struct Standing: Sendable, Hashable {
        /// Those that Stripe has yet to take.
        public var waiting: Int64 = 0
        /// Of the last 30 days: those that Stripe refuses to send.
        public var refused: Int64 = 0
        /// Of the last 30 days: those of which nobody knows whether Stripe has sent them.
        public var unknown: Int64 = 0
        /// Some of the refused and unknown ones, unknown ones first, the newest of each first.
        public var unmailed: [Unmailed] = []

        public init() {}
    }

    /// Later than that nobody waits for the mail any more: the invoice has become due.
    private static let recentDays = 30

    /// How the mails stand, and which of them need a person.
    /// - Parameter limit: so many of these at most.
    public static func standing(limit: Int, on connection: Connection) async throws -> Standing {
        var standing = Standing()
        let recent = "ended_at > now() - \(recentDays) * interval '1 day'"
        let counts = try await connection.query(
            """
            SELECT (SELECT count(*) FROM trueup.invoice_mail WHERE state = 'waiting') AS waiting,
                (SELECT count(*) FROM trueup.invoice_mail WHERE state = 'refused' AND \(recent)) AS refused,
                (SELECT count(*) FROM trueup.invoice_mail WHERE state = 'unknown' AND \(recent)) AS unknown
            """)[0]
        standing.waiting = try counts["waiting"]
        standing.refused = try counts["refused"]
        standing.unknown = try counts["unknown"]
        guard standing.refused + standing.unknown > 0 else { return standing }
        standing.unmailed = try await connection.query(
            """
            SELECT account, stripe_invoice_id AS id, state, coalesce(last_error, '') AS reason,
                floor(extract(epoch FROM now() - ended_at))::bigint AS age
            FROM trueup.invoice_mail WHERE state IN ('refused', 'unknown') AND \(recent)
            ORDER BY state DESC, ended_at DESC, account, stripe_invoice_id LIMIT $1
            """, limit
        ).map {
            Unmailed(
                account: try $0["account"], invoiceID: try $0["id"], state: try $0["state"],
                reason: try $0["reason"], ageSeconds: try $0["age"])
        }
        return standing
    }
}
