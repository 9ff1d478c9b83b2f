import Credits
import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// A database of its own with a few agencies and orders, and the effects on them.
struct Shop: Sendable {
    let pool: Pool
    let table: OrderTable

    /// Opens it for `body` and closes it after.
    static func with(size: Int = 8, _ body: (Shop) async throws -> Void) async throws {
        try await LentDatabase.withPool(size: size) { try await body(Shop($0)) }
    }

    private init(_ pool: Pool) async throws {
        self.pool = pool
        table = try await pool.withConnection { connection in
            try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                customerColumn: "taskHealthStripeCustomerId", on: connection)
        }
    }

    /// An open order of agency 7 over 50 credits, with the balance that the agency has, if any.
    func order(
        _ id: Int64 = 1, agency: Int64 = 7, credits: Int64 = 50, invoice: String? = "in_1", balance: Int64? = 10
    ) async throws -> OrderExpectation {
        try await run(
            """
            INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency, stripe_invoice_id,
                created_at)
            VALUES (\(id), \(agency), \(credits), \(credits * CreditEffects.pricePerCreditCents), 'usd',
                \(invoice.map { "'\($0)'" } ?? "NULL"), '2026-01-01')
            """)
        if let balance {
            try await run(
                "INSERT INTO task_credit_agency_balance VALUES (\(agency), \(balance), '2026-01-01') "
                    + "ON CONFLICT DO NOTHING"
            )
        }
        return OrderExpectation(
            OrderFacts(
                rowID: id, invoiceID: invoice, agencyID: agency, credits: credits,
                amount: credits * CreditEffects.pricePerCreditCents, currency: "usd", createdSeconds: 0))
    }

    /// No orders and no balances any more.
    func empty() async throws {
        try await run("TRUNCATE task_credit_stripe_invoice, task_credit_agency_balance")
    }

    func run(_ sql: String) async throws {
        try await pool.withConnection { try await $0.run(script: sql) }
    }

    /// One effect in a transaction of its own.
    func apply(
        _ effect: OrderEffect, to id: Int64 = 1, _ expectation: OrderExpectation
    ) async throws -> EffectOutcome {
        try await pool.transaction { connection in
            try await CreditEffects(table: table).apply(effect, toOrder: id, expecting: expectation, on: connection)
        }
    }

    /// Every row of both tables, as text.
    func contents() async throws -> String {
        try await pool.withConnection { try await TableText.everything(on: $0) }
    }

    func balance(of agency: Int64 = 7) async throws -> Int64? {
        try await pool.withConnection { try await CreditTables.balances(on: $0)[agency] }
    }

    /// A value of an order's row as JSON.
    func value(_ column: String, of id: Int64 = 1) async throws -> String? {
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT to_jsonb(t)->>$1 AS value FROM task_credit_stripe_invoice t WHERE id = $2", column, id)[0][
                    "value"]
        }
    }

    /// Both tables as the audit has to describe them.
    func snapshot(of id: Int64 = 1, agency: Int64 = 7) async throws -> String {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT jsonb_build_object('order', to_jsonb(t), 'balance',
                    (SELECT balance FROM task_credit_agency_balance WHERE agency_id = $2))::text AS text
                FROM task_credit_stripe_invoice t WHERE id = $1
                """, id, agency)[0]["text"]
        }
    }

    /// The same JSON in PostgreSQL's own spelling.
    func canonical(_ json: JSONText) async throws -> String {
        try await pool.withConnection { try await $0.query("SELECT ($1::jsonb)::text AS text", json)[0]["text"] }
    }
}

extension EffectOutcome {
    var isDone: Bool {
        if case .done = self { true } else { false }
    }

    var refusal: String? {
        if case .refused(let reason) = self { reason } else { nil }
    }
}
