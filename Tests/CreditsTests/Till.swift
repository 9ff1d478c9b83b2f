import Credits
import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// A database of its own with a few charges, and the effects on them.
struct Till: Sendable {
    let pool: Pool
    let effects: ChargeEffects

    /// Opens it for `body` and closes it after.
    static func with(size: Int = 8, _ body: (Till) async throws -> Void) async throws {
        try await LentDatabase.withPool(size: size) { try await body(Till($0)) }
    }

    private init(_ pool: Pool) async throws {
        self.pool = pool
        effects = ChargeEffects(
            table: try await pool.withConnection { connection in
                try await ChargeTable.resolve(
                    schema: "public", table: "agency_charge", columns: [:], customerColumn: "stripeCustomerId",
                    on: connection)
            })
    }

    /// A charge of agency 7 over $49.
    func charge(
        _ id: Int64 = 1, _ status: ChargeStatus = .pending, intent: String? = "pi_1"
    ) async throws -> ChargeExpectation {
        try await run(
            """
            INSERT INTO agency_charge (id, agency_id, purpose, amount_cents, currency, description, status,
                stripe_payment_intent_id, created_at)
            VALUES (\(id), 7, 'sms_boost', 4900, 'usd', 'SMS “boost”', '\(status.word)',
                \(intent.map { "'\($0)'" } ?? "NULL"), '2026-01-01')
            """)
        return ChargeExpectation(
            ChargeFacts(
                rowID: id, intentID: intent, agencyID: 7, amount: 4_900, currency: "usd", status: status,
                createdSeconds: 0))
    }

    func empty() async throws { try await run("TRUNCATE agency_charge") }

    func run(_ sql: String) async throws {
        try await pool.withConnection { try await $0.run(script: sql) }
    }

    /// One effect in a transaction of its own.
    func apply(
        _ effect: ChargeEffect, to id: Int64 = 1, _ expectation: ChargeExpectation, rowHash: String? = nil
    ) async throws -> EffectOutcome {
        try await pool.transaction { connection in
            try await effects.apply(effect, toCharge: id, expecting: expectation, rowHash: rowHash, on: connection)
        }
    }

    /// One undoing in a transaction of its own.
    func undo(
        _ effect: String, of id: Int64 = 1, before: JSONText, after: JSONText
    ) async throws -> EffectOutcome {
        try await pool.transaction { connection in
            try await effects.undo(ofCharge: id, effect: effect, before: before, after: after, on: connection)
        }
    }

    /// Every row, as text.
    func contents() async throws -> String {
        try await pool.withConnection { try await TableText.everything(on: $0) }
    }

    /// A value of a charge's row.
    func value(_ column: String, of id: Int64 = 1) async throws -> String? {
        try await pool.withConnection { connection in
            try await connection.query(
                "SELECT to_jsonb(t)->>$1 AS value FROM agency_charge t WHERE id = $2", column, id)[0]["value"]
        }
    }

    /// The row as the audit has to describe it.
    func snapshot(of id: Int64 = 1) async throws -> String {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT jsonb_build_object('charge', to_jsonb(t))::text AS text FROM agency_charge t WHERE id = $1
                """, id)[0]["text"]
        }
    }

    /// The same JSON in PostgreSQL's own spelling.
    func canonical(_ json: JSONText) async throws -> String {
        try await pool.withConnection { try await $0.query("SELECT ($1::jsonb)::text AS text", json)[0]["text"] }
    }
}
