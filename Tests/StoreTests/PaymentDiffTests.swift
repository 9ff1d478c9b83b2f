import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// Intents, customers and orders made from a seed, and what they come to when every intent is held against every row.
private struct PaymentDiffCase {
    static let now = StagedWorld.now
    static let rules = PaymentRules(nowSeconds: now, staleAfterSeconds: 7 * 86_400)

    var intents: [IntentFacts] = []
    var absent: [String] = []
    var customers: [String] = []
    var orders: [OrderFacts] = []

    init(seed: UInt64, count: Int) {
        var random = Seeded(seed)
        for number in 1...20 {
            if !random.oneIn(3) { customers.append("cus_\(number)") }
            guard !random.oneIn(4) else { continue }
            orders.append(
                OrderFacts(
                    rowID: Int64(number), invoiceID: random.pick(["in_\(number)", "in_\(number)", nil]), agencyID: 1,
                    credits: 1, amount: 20_000, currency: random.pick(["usd", "usd", "USD", "eur"]),
                    paid: random.oneIn(2), isCancelled: false, createdSeconds: Self.now - 86_400))
        }
        let words = [
            "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing",
            "canceled", "succeeded", "succeeded", "frozen",
        ]
        for number in 1...count {
            let intent = IntentFacts(
                id: "pi_\(number)", status: IntentStatus(random.pick(words)),
                createdSeconds: Self.now - random.pick([100, 7 * 86_400, 7 * 86_400 + 1, 30 * 86_400]),
                currency: random.pick(["usd", "usd", "usd", "eur"]), amount: 20_000,
                amountReceived: random.pick([20_000, 20_000, 20_000, 0, .min]),
                customer: random.pick([nil, "cus_\(Int.random(in: 1...25, using: &random))"]),
                invoiceID: random.pick([nil, "in_\(Int.random(in: 1...60, using: &random))"]),
                latestCharge: random.pick([nil, nil, "ch_1"]), hasFailed: random.oneIn(5),
                hasCheckoutSession: random.pick([nil, true, false]), orderID: random.pick([nil, "7"]))
            if random.oneIn(12) { absent.append(intent.id) } else { intents.append(intent) }
        }
    }

    func expected(_ explains: PaymentPair.Explains) -> Set<String> {
        var result: Set<String> = []
        for intent in intents {
            var pair = PaymentPair(explains: explains, stripe: intent)
            switch explains {
            case .customer: pair.localID = customers.first { $0 == intent.customer }
            case .order:
                pair.order = orders.first { $0.invoiceID != nil && $0.invoiceID == intent.invoiceID }
                pair.localID = pair.order.map { String($0.rowID) }
                pair.succeededOfInvoice = max(
                    1,
                    intents.count { $0.invoiceID != nil && $0.invoiceID == intent.invoiceID && $0.status == .succeeded }
                )
            }
            if let line = Self.line(pair) { result.insert(line) }
        }
        return result
    }

    static func line(_ pair: PaymentPair) -> String? {
        let verdict = rules.classify(pair)
        return verdict.kind.map { "\(pair.stripe.id) \($0.rawValue) \(verdict.defaultAction) \(verdict.explanation)" }
    }

    func load(into world: StagedWorld) async throws {
        try await world.pool.withConnection { connection in
            for customer in customers {
                try await connection.execute(
                    "INSERT INTO stripe_customer_patient_assoc (stripe_customer_id, patient_id) VALUES ($1, 5)",
                    customer)
            }
            for order in orders {
                try await connection.execute(
                    """
                    INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                        stripe_invoice_id, paid, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::bigint))
                    """, order.rowID, order.agencyID, order.credits, order.amount, order.currency, order.invoiceID,
                    order.paid, order.createdSeconds)
            }
            var rows = BinaryRows()
            for (number, intent) in intents.enumerated() {
                StagedIntents.append(intent, account: "mine", requestID: "req_1", isFresh: false, to: &rows)
                if number % 4 == 0 {
                    StagedIntents.append(intent, account: "other", requestID: "req_2", isFresh: false, to: &rows)
                }
            }
            for id in absent { StagedIntents.appendAbsent(id, account: "mine", requestID: "req_3", to: &rows) }
            try await StagingTable(.paymentIntent, runID: world.run.id).replace(
                [], account: "mine", with: rows, for: RunFence(world.run), on: connection)
        }
    }
}

@Suite("The set-based comparison of payments and what explains them")
struct PaymentDiffTests {
    private func sides(_ connection: Connection) async throws -> [(PaymentPair.Explains, PaymentDiff.Side)] {
        let customers = try await CustomerTable.resolve(
            schema: "public", table: "stripe_customer_patient_assoc", columns: [:], on: connection)
        let orders = try await OrderTable.resolve(
            schema: "public", table: "task_credit_stripe_invoice", columns: [:],
            customerColumn: "taskHealthStripeCustomerId", on: connection)
        return [(.customer, .customers(customers)), (.order, .orders(orders))]
    }

    @Test("says what holding every intent against every row says", arguments: Seeds.range(1, 30))
    func agreesWithThePlainWay(_ seed: UInt64) async throws {
        try await StagedWorld.with(.paymentIntent, account: "mine") { world in
            let made = PaymentDiffCase(seed: seed, count: 150)
            try await made.load(into: world)
            try await world.pool.withConnection { connection in
                for (explains, side) in try await sides(connection) {
                    let diff = PaymentDiff(
                        staged: StagingTable(.paymentIntent, runID: world.run.id), side: side, account: "mine",
                        period: StagedWorld.period, rules: PaymentDiffCase.rules)
                    let (pairs, count) = try await StagedWorld.pairs(diff, on: connection)
                    let found = pairs.compactMap { differing -> String? in
                        guard case .payment(let pair) = differing.pair, pair.explains == explains else { return "?" }
                        return PaymentDiffCase.line(pair)
                    }
                    #expect(found.count == Set(found).count)
                    #expect(Set(found) == made.expected(explains))
                    // What the conditions let through is a difference: they leave out what surely agrees.
                    #expect(found.count == pairs.count)
                    #expect(count.staged == Int64(made.intents.count))
                    #expect(count.rows == Int64(explains == .customer ? made.customers.count : made.orders.count))
                }
            }
        }
    }

    @Test("a table of customers may say nothing of patients, unless the job names the column")
    func contract() async throws {
        try await StagedWorld.with(.paymentIntent, account: "mine") { world in
            try await world.pool.withConnection { connection in
                try await connection.run(script: "CREATE TABLE public.payer (id text)")
                let table = try await CustomerTable.resolve(
                    schema: "public", table: "payer", columns: ["customer": "id"], on: connection)
                #expect(table.patientID == nil && table.customer == "\"id\"")
                let error = await #expect(throws: ContractError.self) {
                    try await CustomerTable.resolve(
                        schema: "public", table: "payer", columns: ["customer": "id", "patient_id": "who"],
                        on: connection)
                }
                #expect(error?.description.contains("who") == true)
                try await connection.run(script: "DROP TABLE public.payer")
            }
        }
    }
}
