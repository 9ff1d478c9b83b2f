import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// A payment that paid several invoices is staged for each, and counts for each, but once for itself.
@Suite("What was taken back of a payment of several invoices")
struct SharedReversalTests {
    private static let account = "task_health"

    private static func refund(
        _ id: String, _ amount: Int64, of intent: String, invoice: String?, stands: Bool = true
    ) -> (facts: ReversalFacts, requestID: String) {
        (
            facts: ReversalFacts(
                id: id, kind: .refund, createdSeconds: StagedWorld.now - 50, status: "any", currency: "usd",
                amount: amount, stands: stands, paymentIntent: intent, invoiceID: invoice), requestID: "req_2"
        )
    }

    /// Two refunds of the payment that three invoices share, one of another, and one that failed.
    private static let refunds = [
        refund("re_1", 100, of: "pi_1", invoice: "in_1"), refund("re_1", 100, of: "pi_1", invoice: "in_2"),
        refund("re_1", 100, of: "pi_1", invoice: "in_elsewhere"), refund("re_2", 30, of: "pi_1", invoice: "in_1"),
        refund("re_2", 30, of: "pi_1", invoice: "in_2"), refund("re_3", 7, of: "pi_3", invoice: "in_3"),
        refund("re_4", 9, of: "pi_4", invoice: "in_4", stands: false),
        refund("re_4", 9, of: "pi_4", invoice: "in_1", stands: false), refund("re_5", 1, of: "pi_5", invoice: nil),
    ]

    private static func stage(_ world: StagedWorld, _ connection: Connection) async throws {
        let fence = RunFence(world.run)
        try await StagedReversals(runID: world.run.id).replace(refunds, account: account, for: fence, on: connection)
    }

    @Test("each invoice has all of it, and it is said that it was not alone")
    func invoices() async throws {
        try await StagedWorld.with(.invoice, account: Self.account) { world in
            try await world.pool.withConnection { connection in
                try await connection.execute(
                    "INSERT INTO agency (id, name, \"taskHealthStripeCustomerId\") VALUES (1, 'A', 'cus_1')")
                var rows = BinaryRows()
                for number in 1...4 {
                    StagedInvoices.append(
                        InvoiceFacts(
                            id: "in_\(number)", status: .paid, createdSeconds: StagedWorld.now - 900, currency: "usd",
                            total: 20_000, customer: "cus_1", paidAtSeconds: StagedWorld.now - 850),
                        account: Self.account, requestID: "req_1", isFresh: true, to: &rows)
                    try await connection.execute(
                        """
                        INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                            stripe_invoice_id, paid, created_at)
                        VALUES ($1, 1, 1, 20000, 'usd', $2, false, to_timestamp($3::bigint))
                        """, Int64(number), "in_\(number)", StagedWorld.now - 1_000)
                }
                try await StagingTable(.invoice, runID: world.run.id).replace(
                    [], account: Self.account, with: rows, for: RunFence(world.run), on: connection)
                try await Self.stage(world, connection)
                let table = try await OrderTable.resolve(
                    schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                    customerColumn: "taskHealthStripeCustomerId", on: connection)
                let diff = InvoiceDiff(
                    staged: StagingTable(.invoice, runID: world.run.id),
                    reversals: StagedReversals(runID: world.run.id), table: table, account: Self.account,
                    period: StagedWorld.period,
                    rules: InvoiceRules(nowSeconds: StagedWorld.now, staleAfterSeconds: 604_800, creditPrice: 20_000),
                    settleSeconds: 300)
                var found: [String: Reversed] = [:]
                for difference in try await StagedWorld.pairs(diff, on: connection).pairs {
                    guard case .order(let pair) = difference.pair, let id = pair.stripe?.id else { continue }
                    found[id] = pair.reversed
                }
                let shared = Reversed(refunded: 130, isShared: true)
                #expect(
                    found == ["in_1": shared, "in_2": shared, "in_3": Reversed(refunded: 7), "in_4": Reversed()])
            }
        }
    }

    @Test("the payment itself has it once")
    func intents() async throws {
        try await StagedWorld.with(.paymentIntent, account: Self.account) { world in
            try await world.pool.withConnection { connection in
                try await connection.execute(
                    "INSERT INTO agency (id, name, \"stripeCustomerId\") VALUES (1, 'A', 'cus_1')")
                try await connection.execute(
                    """
                    INSERT INTO agency_charge (id, agency_id, amount_cents, currency, stripe_payment_intent_id, status,
                        created_at)
                    VALUES (1, 1, 500, 'usd', 'pi_1', 'pending', to_timestamp($1::bigint))
                    """, StagedWorld.now - 1_000)
                var rows = BinaryRows()
                StagedIntents.append(
                    IntentFacts(
                        id: "pi_1", status: .succeeded, createdSeconds: StagedWorld.now - 900, currency: "usd",
                        amount: 500, amountReceived: 500, customer: "cus_1"),
                    account: Self.account, requestID: "req_1", isFresh: true, to: &rows)
                try await StagingTable(.paymentIntent, runID: world.run.id).replace(
                    [], account: Self.account, with: rows, for: RunFence(world.run), on: connection)
                try await Self.stage(world, connection)
                let table = try await ChargeTable.resolve(
                    schema: "public", table: "agency_charge", columns: [:], customerColumn: "stripeCustomerId",
                    on: connection)
                let diff = IntentDiff(
                    staged: StagingTable(.paymentIntent, runID: world.run.id),
                    reversals: StagedReversals(runID: world.run.id), table: table, account: Self.account,
                    period: StagedWorld.period,
                    rules: IntentRules(nowSeconds: StagedWorld.now, staleAfterSeconds: 604_800), settleSeconds: 300)
                let pairs = try await StagedWorld.pairs(diff, on: connection).pairs
                let reversed = pairs.compactMap { found -> Reversed? in
                    if case .charge(let pair) = found.pair { pair.reversed } else { nil }
                }
                #expect(reversed == [Reversed(refunded: 130)])
            }
        }
    }
}
