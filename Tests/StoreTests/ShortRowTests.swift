import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// Rows that lack something and that an object leads to, whatever their age: they are named, never a decoding error.
@Suite("Rows that are reached through an object and lack something")
struct ShortRowTests {
    private static let old = DiffCase.now - 90 * 86_400
    /// Columns that an application's schema may leave empty, besides those without which no row of any age is compared.
    static let orderColumns = ["amount_cents", "currency", "agency_id", "credits"]
    static let chargeColumns = ["amount_cents", "currency", "agency_id"]
    static let limits = [0, 50_000]

    private static func spoil(_ table: String, _ assignment: String) -> String {
        let columns = assignment.split(separator: ",").compactMap { $0.split(separator: " ").first }
        return "ALTER TABLE \(table) \(columns.map { "ALTER \($0) DROP NOT NULL" }.joined(separator: ", ")); "
            + "UPDATE \(table) SET \(assignment)"
    }

    private static func orderTable(_ connection: Connection) async throws -> OrderTable {
        try await OrderTable.resolve(
            schema: "public", table: "task_credit_stripe_invoice", columns: [:],
            customerColumn: "taskHealthStripeCustomerId", on: connection)
    }

    /// An order that was paid long before the period.
    private static func order(_ key: Int64, _ invoice: String?) -> OrderFacts {
        OrderFacts(
            rowID: key, invoiceID: invoice, agencyID: 1, credits: 1, amount: 20_000, currency: "usd", paid: true,
            isCancelled: false, createdSeconds: old, customer: "cus_1")
    }

    @Test("old orders that invoices name in their metadata", arguments: orderColumns, limits)
    func orders(_ column: String, _ limit: Int) async throws {
        let pool = try await TestServer.pool(size: 3)
        var made = DiffCase(seed: 1, count: 1)
        made.reversals = []
        made.orders = [Self.order(1, nil), Self.order(2, "in_elsewhere"), Self.order(3, nil)]
        made.invoices = [("in_7", "1"), ("in_8", "1"), ("in_9", "2")].map { id, order in
            InvoiceFacts(
                id: id, status: .open, createdSeconds: DiffCase.now - 3_600, currency: "usd", total: 20_000,
                customer: "cus_1", orderID: order)
        }
        let run = try await InvoiceDiffTests.load(made, into: pool)
        try await pool.withConnection { connection in
            try await connection.run(script: Self.spoil("task_credit_stripe_invoice", "\(column) = NULL"))
            let diff = InvoiceDiff(
                staged: StagingTable(.invoice, runID: run.id), reversals: StagedReversals(runID: run.id),
                table: try await Self.orderTable(connection), account: "task_health", period: run.period,
                rules: DiffCase.rules, settleSeconds: 300, candidatesMax: limit)
            try await Self.expectShort(diff, "public.task_credit_stripe_invoice", column, on: connection)
        }
        await pool.close()
    }

    @Test("old charges that intents name in their metadata", arguments: chargeColumns, limits)
    func charges(_ column: String, _ limit: Int) async throws {
        let pool = try await TestServer.pool(size: 3)
        var made = ChargeCase(seed: 1, count: 1)
        (made.absent, made.foreign, made.reversals) = ([], [], [])
        let rows: [(Int64, String?)] = [(1, nil), (2, "pi_elsewhere"), (3, nil)]
        made.charges = rows.map { key, intent in
            ChargeFacts(
                rowID: key, intentID: intent, agencyID: 1, amount: 4_900, currency: "usd", status: .succeeded,
                createdSeconds: Self.old, customer: "cus_1")
        }
        made.intents = [("pi_7", "1"), ("pi_8", "1"), ("pi_9", "2")].map { id, charge in
            IntentFacts(
                id: id, status: IntentStatus("processing"), createdSeconds: ChargeCase.now - 3_600, currency: "usd",
                amount: 4_900, customer: "cus_1", chargeID: charge)
        }
        let run = try await IntentDiffTests.load(made, into: pool)
        try await pool.withConnection { connection in
            try await connection.run(script: Self.spoil("agency_charge", "\(column) = NULL"))
            let diff = try await IntentDiffTests.diff(run, candidatesMax: limit, on: connection)
            try await Self.expectShort(diff, "public.agency_charge", column, on: connection)
        }
        await pool.close()
    }

    /// Row 3 is named by nothing and too old to be compared: it may lack what it likes.
    private static func expectShort(
        _ diff: some Diff, _ table: String, _ column: String, on connection: Connection
    ) async throws {
        try await diff.lookAhead(on: connection) { _ in }
        let error = await #expect(throws: OddRows.self) { _ = try await StagedWorld.pairs(diff, on: connection) }
        #expect(error?.table == table && error?.count == 2)
        #expect(error?.examples == (1...2).map { "row \($0) (\"\(column)\" is empty)" })
    }

    /// A payment of the invoice of an order, in the database of its own.
    private static func payment(received: Int64, _ assignment: String) async throws -> (Pool, Run) {
        let pool = try await TestServer.pool(size: 3)
        let run = try await Runs(pool: pool).begin(
            job: "payments", definitionHash: "x", isPlan: false, period: DiffCase.period,
            lists: [RunList(account: "mine", object: .paymentIntent): DiffCase.period],
            origin: RunOrigin(
                trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
        try await pool.withConnection { connection in
            try await connection.run(
                script: """
                    INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                        stripe_invoice_id, paid, created_at)
                    VALUES (1, 1, 1, 20000, 'usd', 'in_1', true, to_timestamp(\(DiffCase.now - 3_600)));
                    \(spoil("task_credit_stripe_invoice", assignment))
                    """)
            let intent = IntentFacts(
                id: "pi_1", status: .succeeded, createdSeconds: DiffCase.now - 3_600, currency: "usd", amount: 20_000,
                amountReceived: received, customer: "cus_1", invoiceID: "in_1")
            var rows = BinaryRows()
            StagedIntents.append(intent, account: "mine", requestID: "req_1", isFresh: false, to: &rows)
            try await StagingTable(.paymentIntent, runID: run.id).replace(
                [], account: "mine", with: rows, for: RunFence(run), on: connection)
        }
        return (pool, run)
    }

    private static func diff(_ run: Run, _ connection: Connection) async throws -> PaymentDiff {
        PaymentDiff(
            staged: StagingTable(.paymentIntent, runID: run.id), side: .orders(try await orderTable(connection)),
            account: "mine", period: run.period,
            rules: PaymentRules(nowSeconds: DiffCase.now, staleAfterSeconds: 7 * 86_400))
    }

    @Test("orders whose invoices a payment pays with another amount", arguments: JoinedDiffTests.odd.indices)
    func payments(_ number: Int) async throws {
        let (assignment, words) = JoinedDiffTests.odd[number]
        let (pool, run) = try await Self.payment(received: 100, assignment)
        try await pool.withConnection { connection in
            let diff = try await Self.diff(run, connection)
            let error = await #expect(throws: OddRows.self) { _ = try await StagedWorld.pairs(diff, on: connection) }
            #expect(error?.table == "public.task_credit_stripe_invoice" && error?.count == 1)
            #expect(error?.examples == ["row 1 \(words)"])
        }
        await pool.close()
    }

    @Test("an order that says what a payment has to be may lack the rest")
    func explained() async throws {
        let (pool, run) = try await Self.payment(received: 20_000, "credits = NULL, agency_id = NULL")
        try await pool.withConnection { connection in
            let (pairs, count) = try await StagedWorld.pairs(try await Self.diff(run, connection), on: connection)
            #expect(pairs.isEmpty && count.rows == 1)
        }
        await pool.close()
    }
}
