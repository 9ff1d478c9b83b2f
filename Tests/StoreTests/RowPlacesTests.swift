import PostgreSQL
import Reconciliation
import Store
import Testing

/// What local rows say of where their objects lie in Stripe's list.
@Suite("Places and times of local rows")
struct RowPlacesTests {
    /// So many orders, one a minute; of `in_` ids but each tenth, which names nothing that a list could show.
    private static let count = 25_000
    private static let period = Window(fromSeconds: 1_000_020, toSeconds: 1_000_020 + 60 * 25_000)

    private static func with(_ body: @escaping @Sendable (OrderTable, Connection) async throws -> Void) async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            try await world.pool.withConnection { connection in
                try await connection.execute(
                    """
                    INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                        stripe_invoice_id, created_at)
                    SELECT n, 1, 1, 20000, 'usd', CASE WHEN n % 10 = 0 THEN 'legacy_' ELSE 'in_' END || n,
                        to_timestamp($1 + 60 * n)
                    FROM generate_series(1, $2) n
                    """, period.fromSeconds - 60, Int64(count))
                let table = try await OrderTable.resolve(
                    schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                    customerColumn: "taskHealthStripeCustomerId", on: connection)
                try await body(table, connection)
            }
        }
    }

    @Test("a place counts the newer rows that name an invoice, and the neighbour is so many places above")
    func places() async throws {
        try await Self.with { table, connection in
            let found = try await table.places(
                of: ["in_24999", "in_24989", "in_1", "in_none", "legacy_10"], above: 4, on: connection)
            #expect(found.map(\.id) == ["in_24999", "in_24989", "in_1"])
            #expect(found.map(\.place) == [0, 9, 22_499])
            #expect(found.map(\.newerID) == [nil, "in_24994", "in_5"])
            #expect(try await table.places(of: [], above: 4, on: connection).isEmpty)
        }
    }

    @Test("marks are evenly taken of all rows of the period, and few enough")
    func times() async throws {
        try await Self.with { table, connection in
            let all = try await table.times(of: Self.period, on: connection)
            #expect(all.rowsPerMark == 2.5)
            #expect(all.marks.count == 10_000)
            #expect(all.marks.first == Self.period.fromSeconds + 60 * 2)
            #expect(all.marks.last == Self.period.fromSeconds + 60 * Int64(Self.count - 1))
            // Every second or third row, in turn.
            #expect(zip(all.marks, all.marks.dropFirst(2)).allSatisfy { $1 - $0 == 300 })
            let hour = Window(fromSeconds: Self.period.fromSeconds, toSeconds: Self.period.fromSeconds + 3_600)
            let few = try await table.times(of: hour, on: connection)
            #expect(few.rowsPerMark == 1)
            #expect(few.marks == (0..<60).map { Self.period.fromSeconds + 60 * $0 })
            #expect(try await table.times(of: Window(fromSeconds: 5, toSeconds: 6), on: connection) == .none)
        }
    }
}
