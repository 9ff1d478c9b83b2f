import PostgreSQL
import Reconciliation

/// The rows of `trueup.stripe_payment` and `trueup.stripe_reading`: what complete runs read of paid objects, and over
/// which times they read.
enum StripePayments {
    /// Writes what a run read, inside the transaction that ends it and before its staging tables go.
    static func record(_ run: Run, _ lists: [ComparedList], on connection: Connection) async throws {
        // In one order for all, as they lock each other out.
        for list in lists.sorted(by: { ($0.account, $0.object.rawValue) < ($1.account, $1.object.rawValue) }) {
            try await lock(list, on: connection)
            try await write(run, list, on: connection)
            try await connection.execute(
                """
                INSERT INTO trueup.stripe_reading (run_id, account, object, from_seconds, to_seconds)
                SELECT run_id, account, object, from_seconds, to_seconds FROM trueup.run_list
                WHERE run_id = $1 AND account = $2 AND object = $3 AND to_seconds > from_seconds
                ON CONFLICT DO NOTHING
                """, run.id, list.account, list.object.rawValue)
        }
    }

    /// Nobody else writes the payments of this list until the transaction ends. Two runs that end at once would each
    /// find the same payments missing; an insert that expects that (`ON CONFLICT`) takes twice as long for each row.
    private static func lock(_ list: ComparedList, on connection: Connection) async throws {
        try await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('trueup.stripe_payment.' || $1 || '.' || $2, 0))",
            list.account, list.object.rawValue)
    }

    private static func write(_ run: Run, _ list: ComparedList, on connection: Connection) async throws {
        let object = list.object.rawValue
        let staged = StagingTable(list.object, runID: run.id)
        let any = try await connection.query(
            "SELECT 1 AS one FROM trueup.stripe_payment WHERE account = $1 AND object = $2 LIMIT 1", list.account,
            object)
        if !any.isEmpty {
            try await connection.execute(
                """
                DELETE FROM trueup.stripe_payment p USING \(staged.name) s
                WHERE p.account = $1 AND p.object = $2 AND s.account = $1 AND s.id = p.id
                    AND NOT (\(isPaid(list.object)))
                """, list.account, object)
            try await connection.execute(
                """
                UPDATE trueup.stripe_payment p SET agency_id = s.agency_id, customer = s.customer, amount = s.amount,
                    currency = s.currency, created_seconds = s.created_seconds, paid_seconds = s.paid_seconds,
                    run_id = $3
                FROM (\(paid(staged))) s
                WHERE p.account = $1 AND p.object = $2 AND p.id = s.id
                    AND (p.amount, p.currency, p.paid_seconds, p.agency_id, p.customer) IS DISTINCT FROM
                        (s.amount, s.currency, s.paid_seconds, s.agency_id, s.customer)
                """, list.account, object, run.id)
        }
        // A first reading finds none: nothing has to be looked up.
        let known = "SELECT FROM trueup.stripe_payment p WHERE p.account = $1 AND p.object = $2 AND p.id = s.id"
        // In the order of the key: each goes beside the one before it, twice as fast.
        try await connection.execute(
            """
            INSERT INTO trueup.stripe_payment (account, object, id, agency_id, customer, amount, currency,
                created_seconds, paid_seconds, run_id)
            SELECT $1, $2, s.id, s.agency_id, s.customer, s.amount, s.currency, s.created_seconds, s.paid_seconds, $3
            FROM (\(paid(staged))) s
            \(any.isEmpty ? "" : "WHERE NOT EXISTS (\(known))")
            ORDER BY s.id
            """, list.account, object, run.id)
    }

    /// What is a payment of its own: the intent of an invoice belongs to its invoice.
    private static func isPaid(_ object: ListedObject) -> String {
        object == .invoice ? "s.status = 'paid'" : "s.status = 'succeeded' AND s.invoice_id IS NULL"
    }

    /// Intents tell when they were charged only where that was read with them.
    private static func paid(_ staged: StagingTable) -> String {
        let isInvoice = staged.object == .invoice
        let (amount, at) =
            isInvoice
            ? ("coalesce(s.amount, s.total)", "s.paid_at_seconds") : ("s.amount_received", "s.charged_at_seconds")
        return """
            SELECT s.id, CASE WHEN s.agency_id ~ '^[0-9]{1,18}$' THEN s.agency_id::bigint END AS agency_id, s.customer,
                \(amount) AS amount, lower(s.currency) AS currency, s.created_seconds,
                coalesce(\(at), s.created_seconds) AS paid_seconds
            FROM \(staged.name) s WHERE s.account = $1 AND \(isPaid(staged.object))
            """
    }

    /// The times between `from` and `to` that no complete run has read, the oldest first. All are Unix seconds of
    /// `created`, half-open.
    static func unread(
        _ list: RunList, from: Int64, to: Int64, on connection: Connection
    ) async throws -> [Window] {
        guard from < to else { return [] }
        return try await connection.query(
            """
            SELECT lower(gap) AS from_seconds, upper(gap) AS to_seconds
            FROM unnest(int8multirange(int8range($3, $4)) - coalesce((
                SELECT range_agg(int8range(from_seconds, to_seconds)) FROM trueup.stripe_reading
                WHERE account = $1 AND object = $2), '{}'::int8multirange)) AS gap
            ORDER BY 1
            """, list.account, list.object.rawValue, from, to
        ).map { Window(fromSeconds: try $0["from_seconds"], toSeconds: try $0["to_seconds"]) }
    }
}

/// A time that a statement is about and no complete run has read.
public struct UnreadTime: Sendable, Hashable {
    public let job: String
    public let account: String
    public let scope: StatementItem.Scope
    /// Of `created`, Unix seconds, half-open.
    public let period: Window
}
