import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// Invoices, notices and agencies made from a seed, and what they come to when every invoice is held against every row.
private struct NoticeCase {
    struct Agency {
        var id: Int64
        var email: String?
        var customer: String?
    }

    static let now = StagedWorld.now
    static let rules = NoticeRules(nowSeconds: now, settleSeconds: 300, canSend: true)

    var invoices: [InvoiceFacts] = []
    var absent: [String] = []
    var notices: [(invoice: String, account: String?)] = []
    var agencies: [Agency] = []

    init(seed: UInt64, count: Int) {
        var random = Seeded(seed)
        for id in 1...6 {
            agencies.append(
                Agency(
                    id: Int64(id),
                    email: random.pick([nil, "", " a\(id)@b.example\t", "a\(id)@b.example", "nonsense"]),
                    customer: random.pick([nil, "cus_\(id)", "cus_\(id)", "cus_1"])))
        }
        for number in 1...count {
            let words = ["draft", "open", "paid", "void", "uncollectible", "frozen", "open", "paid"]
            let ago: Int64? = random.pick([nil, 10, 300, 301, 90_000, 3_000_000])
            let invoice = InvoiceFacts(
                id: "in_\(number)", status: InvoiceStatus(random.pick(words)), createdSeconds: Self.now - 5_000_000,
                currency: "usd", total: random.pick([0, 5_000, .max]),
                customer: random.pick([nil, "cus_\(Int.random(in: 1...7, using: &random))", "cus_1"]),
                finalizedAtSeconds: ago.map { Self.now - $0 })
            if random.oneIn(12) {
                absent.append(invoice.id)
            } else {
                invoices.append(invoice)
            }
            if random.oneIn(2) {
                notices.append((invoice.id, random.pick(["medflyt", "medflyt", nil, "default"])))
            }
        }
    }

    /// Invoices with what has to be said of them.
    var expected: Set<String> {
        var result: Set<String> = []
        for invoice in invoices {
            let isNoticed = notices.contains { $0.invoice == invoice.id && ($0.account ?? "medflyt") == "medflyt" }
            let owners = agencies.filter { $0.customer != nil && $0.customer == invoice.customer }
            let emails = owners.compactMap { $0.email.map(Self.trimmed) }.sorted()
            let pair = NoticePair(
                stripe: invoice, isNoticed: isNoticed, agencyID: owners.map(\.id).min(), agencies: owners.count,
                email: emails.first.flatMap { $0.isEmpty ? nil : $0 })
            if let line = Self.line(pair) { result.insert(line) }
        }
        return result
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { " \t".contains($0) }.reversed().drop { " \t".contains($0) }.reversed())
    }

    static func line(_ pair: NoticePair) -> String? {
        let verdict = rules.classify(pair)
        return verdict.kind.map { "\(pair.stripe.id) \($0.rawValue) \(verdict.defaultAction) \(verdict.explanation)" }
    }

    func load(into world: StagedWorld) async throws {
        try await world.pool.withConnection { connection in
            for agency in agencies {
                try await connection.execute(
                    "INSERT INTO agency (id, email, \"stripeCustomerId\") VALUES ($1, $2, $3)", agency.id,
                    agency.email, agency.customer)
            }
            for notice in notices {
                try await connection.execute(
                    "INSERT INTO agency_invoice_notice (stripe_invoice_id, account) VALUES ($1, $2)", notice.invoice,
                    notice.account)
            }
            var rows = BinaryRows()
            for (number, invoice) in invoices.enumerated() {
                StagedInvoices.append(
                    invoice, account: "medflyt", requestID: "req_1", isFresh: number % 2 == 0, to: &rows)
                // Another account's invoice is none of this comparison's.
                if number % 5 == 0 {
                    StagedInvoices.append(
                        invoice, account: "default", requestID: "req_2", isFresh: false, to: &rows)
                }
            }
            for id in absent {
                StagedInvoices.appendAbsent(id, account: "medflyt", requestID: "req_3", to: &rows)
            }
            try await StagingTable(.invoice, runID: world.run.id).replace(
                [], account: "medflyt", with: rows, for: RunFence(world.run), on: connection)
        }
    }
}

@Suite("The set-based comparison of invoices and notices")
struct NoticeDiffTests {
    @Test("says what holding every invoice against every notice says", arguments: Seeds.range(1, 30))
    func agreesWithThePlainWay(_ seed: UInt64) async throws {
        try await StagedWorld.with(.invoice, account: "medflyt") { world in
            let made = NoticeCase(seed: seed, count: 100)
            try await made.load(into: world)
            try await world.pool.withConnection { connection in
                let table = try await NoticeTable.resolve(
                    schema: "public", table: "agency_invoice_notice", columns: [:],
                    customerColumn: "stripeCustomerId", on: connection)
                let diff = NoticeDiff(
                    staged: StagingTable(.invoice, runID: world.run.id), table: table, account: "medflyt",
                    rules: NoticeCase.rules)
                let (pairs, count) = try await StagedWorld.pairs(diff, on: connection)
                var found: [String] = []
                for differing in pairs {
                    guard case .notice(let pair) = differing.pair else { continue }
                    if let line = NoticeCase.line(pair) { found.append(line) }
                    #expect(differing.account == "medflyt" && differing.requestID == "req_1")
                }
                #expect(found.count == Set(found).count)
                #expect(Set(found) == made.expected)
                #expect(count.staged == Int64(made.invoices.count))
                #expect(count.rows == Int64(made.notices.count { ($0.account ?? "medflyt") == "medflyt" }))
                #expect(try await diff.unstaged(["in_1", "in_none", "in 2"], on: connection) == ["in_none"])
            }
        }
    }

    @Test("a table that lacks a column, and agencies without the customer, are refused by name")
    func contract() async throws {
        try await StagedWorld.with(.invoice, account: "medflyt") { world in
            try await world.pool.withConnection { connection in
                for (columns, customer, name) in [
                    (["sent_at": "posted_at"], "stripeCustomerId", "posted_at"), ([:], "noCustomer", "noCustomer"),
                    (["id": "agency_id"], "stripeCustomerId", "agency_id"),
                ] as [([String: String], String, String)] {
                    let error = await #expect(throws: ContractError.self) {
                        try await NoticeTable.resolve(
                            schema: "public", table: "agency_invoice_notice", columns: columns,
                            customerColumn: customer, on: connection)
                    }
                    #expect(error?.description.contains(name) == true, "\(String(describing: error))")
                }
                await #expect(throws: ContractError.noTable("public.nothing")) {
                    try await NoticeTable.resolve(
                        schema: "public", table: "nothing", columns: [:], customerColumn: "stripeCustomerId",
                        on: connection)
                }
            }
        }
    }
}
