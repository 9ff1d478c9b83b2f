import PostgreSQL
import Reconciliation

/// What one look at a staging table counted and summed, by account and currency.
struct StagedTotals: Sendable {
    struct Row: Sendable {
        let account: String
        /// Lower-case ISO 4217.
        let currency: String
        /// Absent ones left out.
        let read: Int64
        /// Minor units; a sum of any number of 64-bit amounts, as text.
        let amount: String
        /// Those that are payments of their own.
        let paid: Int64
        /// Those that were read afresh, absent ones too.
        let fresh: Int64
    }

    let staged: StagingTable
    let rows: [Row]

    /// - Returns: `nil` where the table is gone.
    static func read(_ staged: StagingTable, on connection: Connection) async throws -> StagedTotals? {
        let exists: Bool = try await connection.query("SELECT to_regclass($1) IS NOT NULL AS yes", staged.name)[0][
            "yes"]
        guard exists else { return nil }
        let isThere = "s.status <> '\(StagingTable.absent)'"
        // Two spellings of one currency are folded once for each, not for each object.
        let rows = try await connection.query(
            """
            SELECT account, lower(currency) AS currency, sum(read)::bigint AS read, sum(amount)::text AS amount,
                sum(paid)::bigint AS paid, sum(fresh)::bigint AS fresh
            FROM (
                SELECT s.account, s.currency, count(*) FILTER (WHERE \(isThere)) AS read,
                    coalesce(sum(\(amount(of: staged.object))) FILTER (WHERE \(isThere)), 0) AS amount,
                    count(*) FILTER (WHERE \(StripePayments.isPaid(staged.object))) AS paid,
                    count(*) FILTER (WHERE s.is_fresh) AS fresh
                FROM \(staged.name) s GROUP BY s.account, s.currency) spellings
            GROUP BY account, lower(currency)
            """)
        return StagedTotals(
            staged: staged,
            rows: try rows.map { row in
                Row(
                    account: try row["account"], currency: try row["currency"], read: try row["read"],
                    amount: try row["amount"], paid: try row["paid"], fresh: try row["fresh"])
            })
    }

    /// SQL: what an object `s` asks for. An amount of an invoice that is out of range is not there, and its total
    /// stands for it.
    static func amount(of object: ListedObject) -> String {
        object == .invoice ? "coalesce(s.amount, s.total)" : "s.amount"
    }

    /// Objects of an account that are payments of their own, and that were read afresh.
    func counts(of account: String) -> (paid: Int64, fresh: Int64) {
        rows.filter { $0.account == account }.reduce(into: (0, 0)) { sum, row in
            sum.0 += row.paid
            sum.1 += row.fresh
        }
    }
}
