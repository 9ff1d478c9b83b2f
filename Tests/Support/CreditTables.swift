import PostgreSQL
import Sandbox

/// A ``CreditHistory``'s local side as the application's tables hold it.
public enum CreditTables {
    /// Fills the application's tables, which are empty.
    public static func load(_ history: CreditHistory, into connection: Connection) async throws {
        try await connection.transaction { connection in
            try await AgencyTables.load(history.agencies, into: connection)
            try await loadOrders(history, connection)
            try await loadBalances(history, connection)
        }
        try await connection.run(
            script: "ANALYZE public.agency, public.task_credit_stripe_invoice, public.task_credit_agency_balance")
    }

    private static func loadOrders(_ history: CreditHistory, _ connection: Connection) async throws {
        var rows = BinaryRows()
        for row in history.localRows {
            rows.beginRow(columns: 11)
            for number in [row.id, row.agencyID, row.credits, row.amountCents] { rows.append(number) }
            rows.append(row.currency)
            rows.append(row.stripeInvoiceID)
            rows.append(row.hostedInvoiceURL)
            rows.append(row.paid)
            rows.append(row.paidSeconds.map { Timestamp(seconds: $0) })
            rows.append(row.cancelledSeconds.map { Timestamp(seconds: $0) })
            rows.append(Timestamp(seconds: row.createdSeconds))
        }
        try await connection.copyIn(
            """
            COPY task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency, stripe_invoice_id,
                hosted_invoice_url, paid, paid_at, cancelled_at, created_at) FROM STDIN (FORMAT binary)
            """, rows)
    }

    private static func loadBalances(_ history: CreditHistory, _ connection: Connection) async throws {
        var rows = BinaryRows()
        for row in history.balances {
            rows.beginRow(columns: 3)
            rows.append(row.agencyID)
            rows.append(row.balance)
            rows.append(Timestamp(seconds: row.updatedSeconds))
        }
        try await connection.copyIn(
            "COPY task_credit_agency_balance (agency_id, balance, updated_at) FROM STDIN (FORMAT binary)", rows)
    }

    /// Balances by agency.
    public static func balances(on connection: Connection) async throws -> [Int64: Int64] {
        var balances: [Int64: Int64] = [:]
        for row in try await connection.query("SELECT agency_id, balance FROM task_credit_agency_balance") {
            balances[try row["agency_id"]] = try row["balance"]
        }
        return balances
    }
}
