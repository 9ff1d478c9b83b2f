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

    /// What is done to every row, and what is said of it.
    static let odd: [(sql: String, words: String)] = [
        ("created_at = NULL", "(\"created_at\" is empty)"),
        ("created_at = 'infinity'", "(\"created_at\" is infinite)"),
        ("created_at = '-infinity'", "(\"created_at\" is infinite)"),
        ("amount_cents = NULL", "(\"amount_cents\" is empty)"),
        ("currency = NULL, agency_id = NULL", "(\"currency\" is empty, \"agency_id\" is empty)"),
        ("paid = NULL", "(\"paid\" is empty)"), ("credits = NULL", "(\"credits\" is empty)"),
    ]

    @Test("orders of which nothing can be said are refused by name", arguments: odd.indices)
    func oddOrders(_ number: Int) async throws {
        let (sql, words) = Self.odd[number]
        let pool = try await TestServer.pool(size: 3)
        var made = DiffCase(seed: 1, count: 1)
        made.orders = (1...5 as ClosedRange<Int64>).map { number in
            OrderFacts(
                rowID: number, invoiceID: number == 5 ? nil : "in_\(number)", agencyID: 1, credits: 1, amount: 20_000,
                currency: "usd", paid: false, isCancelled: false, createdSeconds: DiffCase.now - 3_600,
                customer: "cus_1")
        }
        made.invoices = [
            InvoiceFacts(
                id: "in_1", status: .open, createdSeconds: DiffCase.now - 3_600, currency: "usd", total: 20_000,
                customer: "cus_1")
        ]
        let run = try await InvoiceDiffTests.load(made, into: pool)
        try await pool.withConnection { connection in
            try await connection.run(script: Self.spoil("task_credit_stripe_invoice", sql))
            let table = try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                customerColumn: "taskHealthStripeCustomerId", on: connection)
            let diff = InvoiceDiff(
                staged: StagingTable(.invoice, runID: run.id), reversals: StagedReversals(runID: run.id),
                table: table, account: "task_health", period: run.period, rules: DiffCase.rules, settleSeconds: 300)
            try await Self.expectOdd(diff, "public.task_credit_stripe_invoice", words, on: connection)
        }
        await pool.close()
    }

    @Test("charges of which nothing can be said are refused by name", arguments: odd.indices.dropLast(2))
    func oddCharges(_ number: Int) async throws {
        let (sql, words) = Self.odd[number]
        let pool = try await TestServer.pool(size: 3)
        var made = ChargeCase(seed: 1, count: 1)
        (made.absent, made.foreign, made.reversals) = ([], [], [])
        made.charges = (1...5 as ClosedRange<Int64>).map { number in
            ChargeFacts(
                rowID: number, intentID: number == 5 ? nil : "pi_\(number)", agencyID: 1, amount: 4_900,
                currency: "usd", status: ChargeStatus("pending"), createdSeconds: ChargeCase.now - 3_600,
                customer: "cus_1")
        }
        made.intents = [
            IntentFacts(
                id: "pi_1", status: IntentStatus("processing"), createdSeconds: ChargeCase.now - 3_600,
                currency: "usd", amount: 4_900, amountReceived: 0, customer: "cus_1")
        ]
        let run = try await IntentDiffTests.load(made, into: pool)
        try await pool.withConnection { connection in
            try await connection.run(script: Self.spoil("agency_charge", sql))
            let diff = try await IntentDiffTests.diff(run, on: connection)
            try await Self.expectOdd(diff, "public.agency_charge", words, on: connection)
        }
        await pool.close()
    }

    @Test("an old row that is not compared may lack its amount")
    func oldAndShort() async throws {
        let pool = try await TestServer.pool(size: 3)
        var made = DiffCase(seed: 1, count: 1)
        made.invoices = []
        made.orders = [
            OrderFacts(
                rowID: 1, invoiceID: "in_1", agencyID: 1, credits: 1, amount: 20_000, currency: "usd", paid: true,
                isCancelled: false, createdSeconds: DiffCase.now - 90 * 86_400, customer: "cus_1")
        ]
        let run = try await InvoiceDiffTests.load(made, into: pool)
        try await pool.withConnection { connection in
            try await connection.run(script: Self.spoil("task_credit_stripe_invoice", "amount_cents = NULL"))
            let table = try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                customerColumn: "taskHealthStripeCustomerId", on: connection)
            let diff = InvoiceDiff(
                staged: StagingTable(.invoice, runID: run.id), reversals: StagedReversals(runID: run.id),
                table: table, account: "task_health", period: run.period, rules: DiffCase.rules, settleSeconds: 300)
            let seen = try await Self.seen(diff, [], [], on: connection)
            #expect(seen.pairs.isEmpty && seen.count.rows == 0)
        }
        await pool.close()
    }

    /// SQL: every row says so, in a table that allows it.
    private static func spoil(_ table: String, _ sql: String) -> String {
        let columns = sql.split(separator: ",").compactMap { $0.split(separator: " ").first }
        return "ALTER TABLE \(table) \(columns.map { "ALTER \($0) DROP NOT NULL" }.joined(separator: ", ")); "
            + "UPDATE \(table) SET \(sql)"
    }

    private static func expectOdd(
        _ diff: some Diff, _ table: String, _ words: String, on connection: Connection
    ) async throws {
        // What is looked at ahead leaves them alone.
        try await diff.lookAhead(on: connection) { _ in }
        let error = await #expect(throws: OddRows.self) { _ = try await Self.seen(diff, [], [], on: connection) }
        #expect(error?.count == 5)
        #expect(error?.examples == (1...3).map { "row \($0) \(words)" })
        #expect(error?.description.hasPrefix("Table \(table) has 5 rows that cannot be compared: row 1 ") == true)
        #expect(error?.description.contains("; and 2 more. ") == true)
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
