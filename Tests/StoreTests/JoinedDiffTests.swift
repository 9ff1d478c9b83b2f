import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// Every staged object is in exactly one class: it agrees, or it was visited. And it makes no difference how many
/// candidates are held: those that are looked up alone come to the same as both sides joined again.
@Suite("The outer join of a comparison")
struct JoinedDiffTests {
    private static let limits = [0, 3, 50_000]

    @Test("counts each invoice once, however many are held", arguments: Seeds.range(1, 20))
    func invoices(_ seed: UInt64) async throws {
        let pool = try await TestServer.pool(size: 3)
        var made = DiffCase(seed: seed, count: 120)
        // Amounts that no sum holds are for another test.
        made.invoices.removeAll { $0.total == .min }
        let run = try await InvoiceDiffTests.load(made, into: pool)
        var results: [Seen] = []
        for limit in Self.limits {
            results.append(
                try await pool.withConnection { connection in
                    let table = try await OrderTable.resolve(
                        schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                        customerColumn: "taskHealthStripeCustomerId", on: connection)
                    let diff = InvoiceDiff(
                        staged: StagingTable(.invoice, runID: run.id), reversals: StagedReversals(runID: run.id),
                        table: table, account: "task_health", period: run.period, rules: DiffCase.rules,
                        settleSeconds: 300, candidatesMax: limit)
                    return try await Self.seen(diff, ["in_Case3"], [7], on: connection)
                })
        }
        let objects = Dictionary(made.invoices.map { ($0.id, ($0.currency, $0.amount ?? $0.total)) }) { $1 }
        try Self.check(results, objects)
        await pool.close()
    }

    @Test("counts each intent once, however many are held", arguments: Seeds.range(1, 20))
    func intents(_ seed: UInt64) async throws {
        let pool = try await TestServer.pool(size: 3)
        let made = ChargeCase(seed: seed, count: 150)
        let run = try await IntentDiffTests.load(made, into: pool)
        var results: [Seen] = []
        for limit in Self.limits {
            results.append(
                try await pool.withConnection { connection in
                    let diff = try await IntentDiffTests.diff(
                        run, ofAnyAge: made.ofAnyAge, candidatesMax: limit, on: connection)
                    return try await Self.seen(diff, made.alsoRead, made.alsoRows, on: connection)
                })
        }
        try Self.check(results, Dictionary(made.intents.map { ($0.id, ($0.currency, $0.amount)) }) { $1 })
        await pool.close()
    }

    @Test("an amount that no sum holds is said, not wrapped around")
    func absurd() async throws {
        let pool = try await TestServer.pool(size: 3)
        var made = DiffCase(seed: 1, count: 1)
        made.orders = []
        made.invoices = (1...2).map { number in
            InvoiceFacts(
                id: "in_\(number)", status: .void, createdSeconds: DiffCase.now - 900, currency: "usd", total: .max,
                customer: nil)
        }
        let run = try await InvoiceDiffTests.load(made, into: pool)
        await #expect(throws: (any Error).self) {
            try await pool.withConnection { connection in
                let table = try await OrderTable.resolve(
                    schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                    customerColumn: "taskHealthStripeCustomerId", on: connection)
                let diff = InvoiceDiff(
                    staged: StagingTable(.invoice, runID: run.id), reversals: StagedReversals(runID: run.id),
                    table: table, account: "task_health", period: run.period, rules: DiffCase.rules, settleSeconds: 300)
                _ = try await Self.seen(diff, [], [], on: connection)
            }
        }
        await pool.close()
    }

    /// What one comparison visited and counted.
    private struct Seen: Sendable {
        var pairs: Set<DifferingPair>
        var count: LocalCount
    }

    private static func seen(
        _ diff: some Diff, _ alsoRead: [String], _ alsoRows: [Int64], on connection: Connection
    ) async throws -> Seen {
        let collected = Collected()
        let count = try await diff.run(
            on: connection, alsoRead: alsoRead, alsoRows: alsoRows, isLast: { true }, { await collected.add($0) })
        return Seen(pairs: await collected.pairs, count: count)
    }

    private static func check(_ results: [Seen], _ objects: [String: (currency: String, amount: Int64)]) throws {
        let first = results[0]
        for other in results.dropFirst() {
            // A pair that is looked up alone may agree all the same: the rules say so of it.
            #expect(Set(other.pairs.filter(Self.differs)) == Set(first.pairs.filter(Self.differs)))
            #expect(other.count.rows == first.count.rows && other.count.staged == first.count.staged)
        }
        for result in results {
            var left = objects
            for pair in result.pairs { if let id = pair.pair.existingStripeID { left[id] = nil } }
            var expected: [String: Reconciliation.Tally] = [:]
            for object in left.values {
                let sum = expected[object.currency] ?? Tally()
                expected[object.currency] = Tally(count: sum.count + 1, amount: sum.amount + object.amount)
            }
            #expect(result.count.agreed == expected)
        }
    }

    private static func differs(_ found: DifferingPair) -> Bool {
        switch found.pair {
        case .order(let pair): found.unread != nil || DiffCase.rules.classify(pair).kind != nil
        case .charge(let pair): found.unread != nil || ChargeCase.rules.classify(pair).kind != nil
        case .notice, .payment: true
        }
    }

    private actor Collected {
        private(set) var pairs: Set<DifferingPair> = []
        func add(_ more: [DifferingPair]) { pairs.formUnion(more) }
    }
}
