import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// Which staged payments a run's own lists of refunds and disputes do not cover, and what is read of these by itself.
@Suite("Payments that were made before a time")
struct PaidBeforeTests {
    private static let before = StagedWorld.period.fromSeconds

    /// An order for each invoice but the last, paid a second before the time or with it.
    private static func invoices() -> [InvoiceFacts] {
        func invoice(_ number: Int, paidAt: Int64?, status: InvoiceStatus = .paid) -> InvoiceFacts {
            InvoiceFacts(
                id: "in_\(number)", status: status, createdSeconds: before - 100, currency: "usd", total: 20_000,
                customer: "cus_1", paidAtSeconds: paidAt, paymentIntent: number == 1 ? "pi_1" : nil)
        }
        return [
            invoice(1, paidAt: before - 1), invoice(2, paidAt: before), invoice(3, paidAt: nil),
            invoice(4, paidAt: before - 1, status: .open), invoice(5, paidAt: before - 1),
        ]
    }

    private static func diff(_ world: StagedWorld, _ connection: Connection) async throws -> InvoiceDiff {
        try await connection.execute(
            "INSERT INTO agency (id, name, \"taskHealthStripeCustomerId\") VALUES (1, 'A', 'cus_1')")
        var rows = BinaryRows()
        for (index, invoice) in invoices().enumerated() {
            StagedInvoices.append(invoice, account: "task_health", requestID: "req_1", isFresh: true, to: &rows)
            guard index < 4 else { continue }
            try await connection.execute(
                """
                INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                    stripe_invoice_id, paid, created_at)
                VALUES ($1, 1, 1, 20000, 'usd', $2, true, to_timestamp($3::bigint))
                """, Int64(index + 1), invoice.id, before - 200)
        }
        try await StagingTable(.invoice, runID: world.run.id).replace(
            [], account: "task_health", with: rows, for: RunFence(world.run), on: connection)
        let table = try await OrderTable.resolve(
            schema: "public", table: "task_credit_stripe_invoice", columns: [:],
            customerColumn: "taskHealthStripeCustomerId", on: connection)
        return InvoiceDiff(
            staged: StagingTable(.invoice, runID: world.run.id), reversals: StagedReversals(runID: world.run.id),
            table: table, account: "task_health", period: StagedWorld.period,
            rules: InvoiceRules(nowSeconds: StagedWorld.now, staleAfterSeconds: 604_800, creditPrice: 20_000),
            settleSeconds: 300)
    }

    @Test("are those that a row names and that were paid before it, or at a time that Stripe does not say")
    func found() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            try await world.pool.withConnection { connection in
                let diff = try await Self.diff(world, connection)
                func paid(_ seconds: Int64?, _ carried: CarriedObjects? = nil) async throws -> [String] {
                    try await diff.paid(before: seconds, among: carried, on: connection).map(\.id).sorted()
                }
                #expect(try await paid(Self.before) == ["in_1", "in_3"])
                #expect(try await paid(nil) == ["in_1", "in_2", "in_3"])
                #expect(try await paid(nil, CarriedObjects(stripeIDs: ["in_2"], localIDs: [3])) == ["in_2", "in_3"])
                #expect(try await paid(nil, CarriedObjects()) == [])
                let first = try await diff.paid(before: Self.before, among: nil, on: connection)
                #expect(first.contains(PaidObject(id: "in_1", paymentIntent: "pi_1")))
            }
        }
    }

    private static func refund(_ number: Int, invoice: String?, stands: Bool = true) -> (ReversalFacts, String) {
        (
            ReversalFacts(
                id: "re_\(number)", kind: .refund, createdSeconds: before - 50, status: "any", currency: "usd",
                amount: 100, stands: stands, paymentIntent: "pi_1", invoiceID: invoice), "req_2"
        )
    }

    @Test("what is read of one is added to what lists said of it, once")
    func added() async throws {
        try await StagedWorld.with(.invoice, account: "task_health") { world in
            try await world.pool.withConnection { connection in
                let diff = try await Self.diff(world, connection)
                let staged = StagedReversals(runID: world.run.id)
                let fence = RunFence(world.run)
                // The second was listed without the invoice that it is of.
                let listed = [Self.refund(1, invoice: "in_1"), Self.refund(2, invoice: nil)]
                try await staged.replace(
                    listed.map { ($0.0, requestID: $0.1) }, account: "task_health", for: fence, on: connection)
                let read = [
                    Self.refund(1, invoice: "in_1"), Self.refund(2, invoice: "in_1"), Self.refund(3, invoice: "in_1"),
                    Self.refund(4, invoice: "in_1", stands: false),
                ]
                for new in [2, 0] {
                    let found = try await staged.add(
                        read.map { ($0.0, requestID: $0.1) }, of: .invoice, account: "task_health", for: fence,
                        on: connection)
                    #expect(found == new)
                    let pairs = try await StagedWorld.pairs(diff, on: connection).pairs
                    let reversed = pairs.compactMap { found -> Reversed? in
                        guard case .order(let pair) = found.pair, pair.stripe?.id == "in_1" else { return nil }
                        return pair.reversed
                    }
                    #expect(reversed == [Reversed(refunded: 300)])
                }
            }
        }
    }
}
