import PostgreSQL
import Reconciliation

/// The rows of `trueup.stripe_payment` and `trueup.stripe_reading`: what complete runs read of paid objects, and over
/// which times they read.
enum StripePayments {
    /// Writes what a run read, inside the transaction that ends it and before its staging tables go.
    static func record(_ run: Run, _ lists: [ComparedList], on connection: Connection) async throws {
        for list in lists {
            let object = list.object.rawValue
            let staged = StagingTable(list.object, runID: run.id)
            let isPaid = isPaid(list.object)
            try await connection.execute(
                """
                DELETE FROM trueup.stripe_payment p USING \(staged.name) s
                WHERE p.account = $1 AND p.object = $2 AND s.account = $1 AND s.id = p.id AND NOT (\(isPaid))
                """, list.account, object)
            try await connection.execute(
                """
                INSERT INTO trueup.stripe_payment AS p (account, object, id, agency_id, customer, amount, currency,
                    created_seconds, paid_seconds, run_id)
                SELECT $1, $2, s.id, s.agency_id, s.customer, s.amount, s.currency, s.created_seconds, s.paid_seconds,
                    $3
                FROM (\(paid(staged))) s
                WHERE NOT EXISTS (SELECT FROM trueup.stripe_payment p WHERE p.account = $1 AND p.object = $2
                    AND p.id = s.id AND p.amount = s.amount AND p.currency = s.currency
                    AND p.paid_seconds = s.paid_seconds AND p.agency_id IS NOT DISTINCT FROM s.agency_id
                    AND p.customer IS NOT DISTINCT FROM s.customer)
                -- In the order of the key: each goes beside the one before it, twice as fast.
                ORDER BY s.id
                ON CONFLICT (account, object, id) DO UPDATE SET agency_id = excluded.agency_id,
                    customer = excluded.customer, amount = excluded.amount, currency = excluded.currency,
                    created_seconds = excluded.created_seconds, paid_seconds = excluded.paid_seconds,
                    run_id = excluded.run_id
                """, list.account, object, run.id)
            try await connection.execute(
                """
                INSERT INTO trueup.stripe_reading (run_id, account, object, from_seconds, to_seconds)
                SELECT run_id, account, object, from_seconds, to_seconds FROM trueup.run_list
                WHERE run_id = $1 AND account = $2 AND object = $3 AND to_seconds > from_seconds
                ON CONFLICT DO NOTHING
                """, run.id, list.account, object)
        }
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
