import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// Invoices and rows made from a seed, and what they come to when every invoice is held against every row in the
/// plainest way. The set-based comparison must say the same.
struct DiffCase {
    static let now: Int64 = 1_790_000_000
    static let period = Window(fromSeconds: now - 35 * 86_400, toSeconds: now)
    static let rules = InvoiceRules(nowSeconds: now, staleAfterSeconds: 7 * 86_400, creditPrice: 20_000)

    var invoices: [InvoiceFacts] = []
    var orders: [OrderFacts] = []
    var reversals: [ReversalFacts] = []

    init(seed: UInt64, count: Int) {
        var random = Seeded(seed)
        for number in 1...count { add(Int64(number), &random) }
    }

    private mutating func add(_ number: Int64, _ random: inout Seeded) {
        let credits = random.pick([1, 10, 1_000] as [Int64])
        let created = Self.now - random.pick([100, 3_600, 86_400 * 3, 86_400 * 10, 86_400 * 30])
        let agency = Int64.random(in: 1...5, using: &random)
        var invoice = InvoiceFacts(
            id: "in_Case\(number)",
            status: InvoiceStatus(random.pick(["draft", "open", "paid", "void", "uncollectible"])),
            createdSeconds: created, currency: "usd", total: credits * 20_000, customer: "cus_\(agency)",
            dueSeconds: random.pick([nil, created + 86_400, Self.now + 86_400]), autoAdvance: random.oneIn(8),
            orderID: String(number), agencyID: String(agency), paidAtSeconds: created + 50)
        var order = OrderFacts(
            rowID: number, invoiceID: invoice.id, agencyID: agency, credits: credits, amount: credits * 20_000,
            currency: "usd", paid: random.oneIn(2), isCancelled: random.oneIn(4), createdSeconds: created - 5,
            customer: "cus_\(agency)")
        if order.paid { order.isCancelled = random.oneIn(10) }
        deviate(&invoice, &order, &random)
        if random.oneIn(8) { reverse(invoice, &random) }
        if !random.oneIn(10) { invoices.append(invoice) }
        if !random.oneIn(10) { orders.append(order) }
        if random.oneIn(25) {
            order.rowID = 100_000 + number
            order.invoiceID = random.pick([invoice.id + " ", invoice.id.uppercased(), "\t" + invoice.id])
            orders.append(order)
        }
        if random.oneIn(25) {
            invoice.id = "in_Second\(number)"
            invoices.append(invoice)
        }
    }

    /// One or two refunds, disputes and credit notes, which stand or do not.
    private mutating func reverse(_ invoice: InvoiceFacts, _ random: inout Seeded) {
        for number in 0...Int.random(in: 0...1, using: &random) {
            let kind = random.pick([.refund, .dispute, .creditNote] as [ReversalFacts.Kind])
            reversals.append(
                ReversalFacts(
                    id: "re_\(invoice.id)_\(number)", kind: kind, createdSeconds: invoice.createdSeconds + 60,
                    status: "succeeded", currency: "usd", amount: Int64.random(in: 1...5_000, using: &random),
                    stands: !random.oneIn(3), paymentIntent: "pi_\(invoice.id)",
                    invoiceID: random.oneIn(6) ? nil : invoice.id))
        }
    }

    private func reversed(_ invoice: InvoiceFacts) -> Reversed {
        let standing = reversals.filter { $0.stands && $0.invoiceID == invoice.id }
        func sum(_ kind: ReversalFacts.Kind) -> Int64 {
            standing.filter { $0.kind == kind }.map(\.amount).reduce(0, +)
        }
        return Reversed(refunded: sum(.refund), disputed: sum(.dispute))
    }

    private func deviate(_ invoice: inout InvoiceFacts, _ order: inout OrderFacts, _ random: inout Seeded) {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: invoice.currency = "eur"
        case 1: invoice.total += 1
        case 2: invoice.customer = random.pick([nil, "cus_9"])
        case 3: invoice.postPaymentCredit = 7
        case 4: order.invoiceID = nil
        case 5: invoice.orderID = random.pick([nil, "999999", "not a number", "7 "])
        case 6: invoice.agencyID = random.pick([nil, "77"])
        case 7: order.credits += 1
        case 8: invoice.status = .unknown("frozen")
        case 9: invoice.total = .min
        case 10: (invoice.status, invoice.total) = (.draft, 0)
        default: break
        }
    }

    /// The findings, as `kind stripe-id row`.
    var expected: Set<String> {
        var result: Set<String> = []
        for invoice in invoices {
            let isExact = orders.contains { $0.invoiceID == invoice.id }
            if isExact || lookalikes(of: invoice).isEmpty { judge(pair(of: invoice), into: &result) }
        }
        for order in orders where invoices.allSatisfy({ $0.id != order.invoiceID }) { judgeAlone(order, into: &result) }
        return result
    }

    private func lookalikes(of invoice: InvoiceFacts) -> [OrderFacts] {
        orders.filter { order in
            guard let id = order.invoiceID, id != invoice.id else { return false }
            return id.filter { !" \t".contains($0) }.lowercased() == invoice.id.lowercased()
        }
    }

    private func live(_ order: String?) -> Int {
        guard let order else { return 1 }
        return max(1, invoices.count { $0.orderID == order && $0.status.isLive })
    }

    private func pair(of invoice: InvoiceFacts) -> InvoicePair {
        let exact = orders.first { $0.invoiceID == invoice.id }
        var pair = InvoicePair(stripe: invoice, order: exact, liveInvoicesOfOrder: live(invoice.orderID))
        if exact != nil {
            pair.reversed = reversed(invoice)
            pair.otherRows = lookalikes(of: invoice).map(\.rowID)
        } else if let named = orders.first(where: { String($0.rowID) == invoice.orderID }) {
            if let other = named.invoiceID {
                let status = invoices.first { $0.id == other }?.status
                pair.orderLinkedTo = status == .void || status == .uncollectible ? nil : other
            } else if invoice.status.isLive
                || invoices.allSatisfy({ $0.orderID != invoice.orderID || !$0.status.isLive })
            {
                pair.order = named
                pair.link = .metadata
                pair.reversed = reversed(invoice)
            }
        }
        return pair
    }

    private func judge(_ pair: InvoicePair, into result: inout Set<String>) {
        guard let kind = Self.rules.classify(pair).kind else { return }
        let row = pair.order.map { String($0.rowID) } ?? "-"
        result.insert("\(kind.rawValue) \(pair.stripe?.id ?? pair.order?.invoiceID ?? "-") \(row)")
    }

    private func judgeAlone(_ order: OrderFacts, into result: inout Set<String>) {
        if let id = order.invoiceID {
            let alike = invoices.first { lookalikes(of: $0).contains(order) }
            if let alike {
                let exact = orders.first { $0.invoiceID == alike.id }
                let others = exact.map { [$0.rowID] } ?? []
                return judge(
                    InvoicePair(stripe: alike, order: order, link: .lookalike, otherRows: others), into: &result)
            }
            // What no list shows is read by id; that is the caller's part.
            if order.state != .cancelled { result.insert("unread \(id) \(order.rowID)") }
        } else if invoices.allSatisfy({ $0.orderID != String(order.rowID) }),
            order.createdSeconds < Self.now - 300
        {
            judge(InvoicePair(stripe: nil, order: order), into: &result)
        }
    }
}

@Suite("The set-based comparison")
struct InvoiceDiffTests {
    @Test("says what holding every invoice against every row says", arguments: 1...40 as ClosedRange<UInt64>)
    func agreesWithThePlainWay(_ seed: UInt64) async throws {
        let pool = try await TestServer.pool(size: 3)
        let made = DiffCase(seed: seed, count: 120)
        let run = try await Self.load(made, into: pool)
        let found = try await Self.compare(run, pool)
        #expect(found == made.expected)
        await pool.close()
    }

    static func load(_ made: DiffCase, into pool: Pool) async throws -> Run {
        let origin = RunOrigin(
            trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0")
        let run = try await Runs(pool: pool).begin(
            job: "credit-invoices", definitionHash: "x", isPlan: false, period: DiffCase.period,
            lists: [RunList(account: "task_health", object: .invoice): DiffCase.period], origin: origin)
        try await pool.withConnection { connection in
            for agency in 1...5 {
                try await connection.execute(
                    "INSERT INTO agency (id, name, \"taskHealthStripeCustomerId\") VALUES ($1, 'A', $2)", agency,
                    "cus_\(agency)")
            }
            for order in made.orders {
                try await connection.execute(
                    """
                    INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                        stripe_invoice_id, paid, cancelled_at, created_at)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $8 THEN now() END, to_timestamp($9::bigint))
                    """, order.rowID, order.agencyID, order.credits, order.amount, order.currency, order.invoiceID,
                    order.paid, order.isCancelled, order.createdSeconds)
            }
            var rows = BinaryRows()
            for invoice in made.invoices {
                StagedInvoices.append(invoice, account: "task_health", requestID: "req_1", isFresh: false, to: &rows)
            }
            try await StagingTable(.invoice, runID: run.id).replace(
                [], account: "task_health", with: rows, for: RunFence(run), on: connection)
            try await StagedReversals(runID: run.id).replace(
                made.reversals.map { ($0, requestID: "req_2") }, account: "task_health", for: RunFence(run),
                on: connection)
        }
        return run
    }

    static func compare(_ run: Run, _ pool: Pool) async throws -> Set<String> {
        let collected = Collected()
        try await pool.withConnection { connection in
            let table = try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                customerColumn: "taskHealthStripeCustomerId", on: connection)
            let diff = InvoiceDiff(
                staged: StagingTable(.invoice, runID: run.id), reversals: StagedReversals(runID: run.id), table: table,
                account: "task_health", period: run.period, rules: DiffCase.rules, settleSeconds: 300)
            let counts = try await diff.run(on: connection, alsoRead: [], alsoRows: []) { await collected.add($0) }
            #expect(counts.staged > 0 && counts.rows > 0)
        }
        return await collected.findings
    }
}

private actor Collected {
    var findings: Set<String> = []

    func add(_ pairs: [DifferingPair]) {
        for found in pairs {
            guard case .order(let pair) = found.pair else { continue }
            let row = pair.order.map { String($0.rowID) } ?? "-"
            if let unread = found.unread {
                findings.insert("unread \(unread) \(row)")
            } else if let kind = DiffCase.rules.classify(pair).kind {
                findings.insert("\(kind.rawValue) \(pair.stripe?.id ?? pair.order?.invoiceID ?? "-") \(row)")
            }
        }
    }
}
