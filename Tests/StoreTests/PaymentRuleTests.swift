import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

/// Which payment an object is, and what is kept of it, stands in two places: a page of a first reading works it out
/// from its bytes (``PagePayments``), the end of every other run from what is staged, by SQL. The two cannot be one
/// without a pass more over every object: a page's payments are written by COPY, and a run's end has no bytes. So this
/// holds them against each other.
@Suite("The two rules for payments")
struct PaymentRuleTests {
    private static let account = "task_health"
    private static let lists = [
        RunList(account: account, object: .invoice), RunList(account: account, object: .paymentIntent),
    ]

    /// A page of objects, staged and as payments.
    private struct Page {
        var rows = BinaryRows()
        var payments: PagePayments
        var count = 0

        init(_ run: Run) { payments = PagePayments(runID: run.id) }
    }

    private static let agencies: [String?] = [
        nil, "", "0", "7", "007", "-7", "+7", "7 ", "1 2", "12a", "٧", "７", "123456789012345678",
        "999999999999999999", "1234567890123456789", "99999999999999999999",
    ]
    private static let currencies = ["usd", "usd", "usd", "jpy", "kwd", "eur", "USD", "Eur", "jPy"]
    private static let amounts: [Int64] = [0, 0, 1, 50, 20_000, 20_000, 2_000_000_000, -5, .max, .min]
    private static let customers: [String?] = [nil, "", "cus_1", "cus_É"]

    private static func invoice(_ number: Int, _ random: inout Seeded) -> InvoiceFacts {
        let created = StagedWorld.now - Int64.random(in: 1_000...2_000_000, using: &random)
        let words = ["draft", "open", "paid", "paid", "paid", "void", "uncollectible", "Paid", "paid ", "", "frozen"]
        return InvoiceFacts(
            id: "in_\(number)", status: InvoiceStatus(random.pick(words)), createdSeconds: created,
            currency: random.pick(currencies), total: random.pick(amounts),
            // Taken off before payment, and credited after it.
            prePaymentCredit: random.pick([0, 0, 0, 1, 20_000, .max]),
            postPaymentCredit: random.pick([0, 0, 1, 20_000]), customer: random.pick(customers),
            orderID: random.pick([nil, "1"]), agencyID: random.pick(agencies),
            paidAtSeconds: random.pick([nil, created, created + 3_600, 0]),
            // Paid out of band, or in a version that does not say what pays an invoice.
            paymentIntent: random.pick([nil, "pi_of_\(number)"]))
    }

    private static func intent(_ number: Int, _ random: inout Seeded) -> IntentFacts {
        let created = StagedWorld.now - Int64.random(in: 1_000...2_000_000, using: &random)
        let words = [
            "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing",
            "canceled", "succeeded", "succeeded", "succeeded", "succeeded", "Succeeded", "frozen",
        ]
        return IntentFacts(
            id: "pi_\(number)", status: IntentStatus(random.pick(words)), createdSeconds: created,
            currency: random.pick(currencies), amount: random.pick(amounts), amountReceived: random.pick(amounts),
            customer: random.pick(customers), invoiceID: random.pick([nil, nil, "in_\(number)", ""]),
            latestCharge: random.pick([nil, "ch_\(number)"]), hasFailed: random.oneIn(4),
            hasCheckoutSession: random.pick([nil, true, false]), chargeID: random.pick([nil, "1"]),
            agencyID: random.pick(agencies), canceledAtSeconds: random.pick([nil, created]),
            chargedAtSeconds: random.pick([nil, created, created + 60, 0]))
    }

    /// As its page has it: bytes that live as long as the call.
    private static func append(_ invoice: InvoiceFacts, to page: inout Page) {
        let texts: [String?] = [
            invoice.id, invoice.status.word, invoice.currency, account, "req_1", invoice.customer, invoice.orderID,
            invoice.agencyID, invoice.paymentIntent,
        ]
        let bytes: [UInt8] = texts.flatMap { text -> [UInt8] in Array((text ?? "").utf8) } + [0]
        bytes.withUnsafeBytes { buffer in
            var start = 0
            let parts = texts.map { text -> UnsafeRawBufferPointer? in
                guard let text else { return nil }
                defer { start += text.utf8.count }
                return UnsafeRawBufferPointer(rebasing: buffer[start..<start + text.utf8.count])
            }
            guard let id = parts[0], let status = parts[1], let currency = parts[2], let account = parts[3],
                let request = parts[4]
            else { return }
            let staged = StagedBytes(
                id: id, status: status, currency: currency, customer: parts[5], orderID: parts[6],
                agencyID: parts[7], createdSeconds: invoice.createdSeconds, total: invoice.total,
                prePaymentCredit: invoice.prePaymentCredit, postPaymentCredit: invoice.postPaymentCredit,
                dueSeconds: nil, paidAtSeconds: invoice.paidAtSeconds, voidedAtSeconds: nil, autoAdvance: false,
                isSubscription: false, finalizedAtSeconds: nil, paymentIntent: parts[8])
            StagedInvoices.append(staged, account: account, requestID: request, to: &page.rows)
            page.payments.append(staged, account: account)
            page.count += 1
        }
    }

    private static func append(_ intent: IntentFacts, to page: inout Page) {
        StagedIntents.append(intent, account: account, requestID: "req_1", isFresh: false, to: &page.rows)
        page.payments.append(intent, account: account)
        page.count += 1
    }

    private static func begin(_ pool: Pool) async throws -> Run {
        let period = StagedWorld.period
        let run = try await Runs(pool: pool).begin(
            job: "first", definitionHash: "x", isPlan: false, period: period,
            lists: Dictionary(uniqueKeysWithValues: lists.map { ($0, period) }),
            origin: RunOrigin(
                trigger: .manual, requestedBy: "tests", host: "here", processID: 1, programVersion: "0"))
        let request = ListRequest(apiVersion: "2023-10-16", writesPayments: true)
        let shared = try await Runs(pool: pool).share(
            RunFence(run), owner: "here", leaseSeconds: 60,
            requests: Dictionary(uniqueKeysWithValues: lists.map { ($0, request) }))
        #expect(lists.allSatisfy { shared[$0]?.writesPayments == true })
        return run
    }

    /// The only page of a list, as its reader commits it.
    private static func commit(_ page: Page, of list: RunList, _ run: Run, _ pool: Pool) async throws {
        let windows = Windows(RunFence(run), reader: "here", leaseSeconds: 60)
        let taken = try await pool.withConnection { try await windows.take(list, on: $0) }
        let window = try #require(taken)
        let progress = Windows.Progress(cursorID: nil, cursorSeconds: nil, isDone: true, objects: page.count)
        let (rows, payments) = (page.rows, page.payments.rows)
        let isWritten = try await pool.withConnection {
            try await windows.commit(rows, payments: payments, progress, to: window, on: $0)
        }
        #expect(isWritten)
    }

    /// All that is kept of every payment.
    private static func payments(_ pool: Pool) async throws -> [String] {
        try await pool.withConnection {
            try await $0.query(
                "SELECT to_jsonb(p)::text AS line FROM trueup.stripe_payment p ORDER BY p.id COLLATE \"C\""
            ).map { try $0["line"] }
        }
    }

    @Test("a page keeps of its objects what the end of a run keeps of them", arguments: Seeds.range(4_100, 6))
    func same(_ seed: UInt64) async throws {
        try await StagedWorld.with(.invoice, account: "other") { world in
            let pool = world.pool
            let run = try await Self.begin(pool)
            var random = Seeded(seed)
            var (invoices, intents) = (Page(run), Page(run))
            for number in 0..<1_500 {
                Self.append(Self.invoice(number, &random), to: &invoices)
                Self.append(Self.intent(number, &random), to: &intents)
            }
            try await Self.commit(invoices, of: Self.lists[0], run, pool)
            try await Self.commit(intents, of: Self.lists[1], run, pool)
            let byPages = try await Self.payments(pool)
            #expect(byPages.count > 600 && byPages.count < 2_400)
            // As if another run had read the lists before: the end joins all that is staged.
            try await pool.withConnection {
                try await $0.run(
                    script: "DELETE FROM trueup.stripe_payment; UPDATE trueup.run_list SET writes_payments = false")
            }
            let compared = [ComparisonName.orders, .charges].map {
                ComparedList(account: Self.account, comparison: $0, classes: [:])
            }
            try await Runs(pool: pool).end(RunFence(run), RunOutcome(state: .clean, compared: compared))
            let byEnd = try await Self.payments(pool)
            let only = (Set(byPages).subtracting(byEnd).sorted(), Set(byEnd).subtracting(byPages).sorted())
            #expect(only.0.isEmpty, "only the pages have it, seed \(seed)\n\(only.0.prefix(3))")
            #expect(only.1.isEmpty, "only the end of the run has it, seed \(seed)\n\(only.1.prefix(3))")
            #expect(byEnd.count == byPages.count)
        }
    }
}
