import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// A run adds up in SQL what was taken back of its payments; whoever reads a single payment adds it up in Swift.
@Suite("What was taken back of a payment")
struct ReversedTests {
    /// A payment with its reversals, and what stands of them.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var reversals: [(ReversalFacts.Kind, Int64, stands: Bool)]
        var reversed: Reversed
        var kind: FindingKind?
        var currency = "usd"
        var reversalCurrency = "usd"

        var testDescription: String { name }
    }

    static let amount: Int64 = 40_000

    static let cases: [Case] = [
        Case(name: "nothing", reversals: [], reversed: Reversed()),
        Case(name: "a part", reversals: [(.refund, 1, true)], reversed: Reversed(refunded: 1), kind: .refunded),
        Case(name: "all", reversals: [(.refund, amount, true)], reversed: Reversed(refunded: amount), kind: .refunded),
        Case(
            name: "several", reversals: [(.refund, 100, true), (.refund, 250, true), (.refund, 7, true)],
            reversed: Reversed(refunded: 357), kind: .refunded),
        Case(name: "failed", reversals: [(.refund, amount, false)], reversed: Reversed()),
        Case(
            name: "failed, then again", reversals: [(.refund, amount, false), (.refund, 9, true)],
            reversed: Reversed(refunded: 9), kind: .refunded),
        Case(
            name: "disputed", reversals: [(.dispute, amount, true)], reversed: Reversed(disputed: amount),
            kind: .disputed),
        Case(name: "won", reversals: [(.dispute, amount, false)], reversed: Reversed()),
        Case(
            name: "disputed and refunded", reversals: [(.refund, 300, true), (.dispute, 500, true)],
            reversed: Reversed(refunded: 300, disputed: 500), kind: .disputed),
        Case(
            name: "won, then refunded", reversals: [(.dispute, amount, false), (.refund, 2, true)],
            reversed: Reversed(refunded: 2), kind: .refunded),
        Case(name: "a credit note alone", reversals: [(.creditNote, 500, true)], reversed: Reversed()),
        Case(name: "nothing of nothing", reversals: [(.refund, 0, true)], reversed: Reversed()),
        Case(
            name: "in yen", reversals: [(.refund, 1, true), (.dispute, 2, false)], reversed: Reversed(refunded: 1),
            kind: .refunded, currency: "jpy", reversalCurrency: "jpy"),
        Case(
            name: "in letters of another case", reversals: [(.dispute, 3, true)], reversed: Reversed(disputed: 3),
            kind: .disputed, reversalCurrency: "USD"),
        Case(
            name: "in another currency", reversals: [(.refund, 4, true)], reversed: Reversed(refunded: 4),
            kind: .refunded, reversalCurrency: "eur"),
        Case(
            name: "more than there is", reversals: [(.refund, .max, true), (.refund, .max, true), (.refund, 1, true)],
            reversed: Reversed(refunded: .max), kind: .refunded),
    ]

    private static func facts(_ index: Int) -> [ReversalFacts] {
        let one = cases[index]
        return one.reversals.enumerated().map { number, reversal in
            ReversalFacts(
                id: "re_\(index)_\(number)", kind: reversal.0, createdSeconds: StagedWorld.now - 800, status: "any",
                currency: one.reversalCurrency, amount: reversal.1, stands: reversal.stands,
                paymentIntent: "pi_\(index)", invoiceID: "in_\(index)")
        }
    }

    @Test("adds up to the same in SQL and in Swift, and is judged the same: payment intents")
    func intents() async throws {
        try await StagedWorld.with(.paymentIntent, account: "task_health") { world in
            try await world.pool.withConnection { connection in
                try await Self.stageIntents(world, connection)
                let table = try await ChargeTable.resolve(
                    schema: "public", table: "agency_charge", columns: [:], customerColumn: "stripeCustomerId",
                    on: connection)
                let rules = IntentRules(nowSeconds: StagedWorld.now, staleAfterSeconds: 604_800)
                let diff = IntentDiff(
                    staged: StagingTable(.paymentIntent, runID: world.run.id),
                    reversals: StagedReversals(runID: world.run.id), table: table, account: "task_health",
                    period: StagedWorld.period, rules: rules, settleSeconds: 300)
                let found = try await StagedWorld.pairs(diff, on: connection).pairs
                #expect(found.count == Self.cases.count)
                for found in found {
                    guard case .charge(var pair) = found.pair, let key = pair.charge?.rowID else { continue }
                    let one = Self.cases[Int(key) - 1]
                    #expect(pair.reversed == one.reversed, "SQL, \(one.name)")
                    let verdict = rules.classify(pair)
                    pair.reversed = Reversed(Self.facts(Int(key) - 1))
                    #expect(pair.reversed == one.reversed, "Swift, \(one.name)")
                    #expect(rules.classify(pair) == verdict)
                    #expect(verdict.kind == one.kind ?? .missedSucceeded, "\(one.name)")
                }
            }
        }
    }

    @Test("adds up to the same in SQL and in Swift, and is judged the same: invoices")
    func invoices() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            try await world.pool.withConnection { connection in
                try await Self.stageInvoices(world, connection)
                let table = try await OrderTable.resolve(
                    schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                    customerColumn: "taskHealthStripeCustomerId", on: connection)
                let rules = InvoiceRules(
                    nowSeconds: StagedWorld.now, staleAfterSeconds: 604_800, creditPrice: 20_000)
                let diff = InvoiceDiff(
                    staged: StagingTable(.invoice, runID: world.run.id),
                    reversals: StagedReversals(runID: world.run.id), table: table, account: "task_health",
                    period: StagedWorld.period, rules: rules, settleSeconds: 300)
                let found = try await StagedWorld.pairs(diff, on: connection).pairs
                #expect(found.count == Self.cases.count)
                for found in found {
                    guard case .order(var pair) = found.pair, let key = pair.order?.rowID else { continue }
                    let one = Self.cases[Int(key) - 1]
                    #expect(pair.reversed == one.reversed, "SQL, \(one.name)")
                    let verdict = rules.classify(pair)
                    pair.reversed = Reversed(Self.facts(Int(key) - 1))
                    #expect(pair.reversed == one.reversed, "Swift, \(one.name)")
                    #expect(rules.classify(pair) == verdict)
                    #expect(verdict.kind == one.kind ?? .missedPaid, "\(one.name)")
                }
            }
        }
    }

    private static func stageIntents(_ world: StagedWorld, _ connection: Connection) async throws {
        try await connection.execute("INSERT INTO agency (id, name, \"stripeCustomerId\") VALUES (1, 'A', 'cus_1')")
        var rows = BinaryRows()
        for (index, one) in cases.enumerated() {
            try await connection.execute(
                """
                INSERT INTO agency_charge (id, agency_id, amount_cents, currency, stripe_payment_intent_id, status,
                    created_at)
                VALUES ($1, 1, $2, $3, $4, 'pending', to_timestamp($5::bigint))
                """, Int64(index + 1), amount, one.currency, "pi_\(index)", StagedWorld.now - 1_000)
            StagedIntents.append(
                IntentFacts(
                    id: "pi_\(index)", status: .succeeded, createdSeconds: StagedWorld.now - 900,
                    currency: one.currency, amount: amount, amountReceived: amount, customer: "cus_1"),
                account: "task_health", requestID: "req_1", isFresh: true, to: &rows)
        }
        try await stage(rows, .paymentIntent, world, connection)
    }

    private static func stageInvoices(_ world: StagedWorld, _ connection: Connection) async throws {
        try await connection.execute(
            "INSERT INTO agency (id, name, \"taskHealthStripeCustomerId\") VALUES (1, 'A', 'cus_1')")
        var rows = BinaryRows()
        for (index, one) in cases.enumerated() {
            try await connection.execute(
                """
                INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                    stripe_invoice_id, paid, created_at)
                VALUES ($1, 1, 2, $2, $3, $4, false, to_timestamp($5::bigint))
                """, Int64(index + 1), amount, one.currency, "in_\(index)", StagedWorld.now - 1_000)
            StagedInvoices.append(
                InvoiceFacts(
                    id: "in_\(index)", status: .paid, createdSeconds: StagedWorld.now - 900, currency: one.currency,
                    total: amount, customer: "cus_1", paidAtSeconds: StagedWorld.now - 850),
                account: "task_health", requestID: "req_1", isFresh: true, to: &rows)
        }
        try await stage(rows, .invoice, world, connection)
    }

    private static func stage(
        _ rows: BinaryRows, _ object: ListedObject, _ world: StagedWorld, _ connection: Connection
    ) async throws {
        let fence = RunFence(world.run)
        try await StagingTable(object, runID: world.run.id).replace(
            [], account: "task_health", with: rows, for: fence, on: connection)
        let reversals = cases.indices.flatMap { facts($0) }.map { ($0, requestID: "req_2") }
        try await StagedReversals(runID: world.run.id).replace(
            reversals, account: "task_health", for: fence, on: connection)
    }
}
