import Reconciliation
import Testing

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed, the same run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("Properties of the pure rules")
struct PropertyTests {
    static func pair(_ random: inout Seeded) -> InvoicePair {
        let words = ["draft", "open", "paid", "void", "uncollectible", "paid", "frozen"]
        let amounts: [Int64] = [0, 20_000, 200_000, .max, .min, -5]
        func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
        let stripe =
            Bool.random(using: &random)
            ? InvoiceFacts(
                id: "in_1", status: InvoiceStatus(pick(words)), createdSeconds: pick([1, 999_000, 1_000_000]),
                currency: pick(["usd", "USD", "eur"]), total: pick(amounts), prePaymentCredit: pick([0, 0, 1]),
                postPaymentCredit: pick([0, 0, 5]), customer: pick([nil, "cus_1", "cus_2"]),
                dueSeconds: pick([nil, 1, 2_000_000]), autoAdvance: Bool.random(using: &random),
                orderID: pick([nil, "7", " 7", "x"]), agencyID: pick([nil, "3", "4"])) : nil
        let order =
            Bool.random(using: &random)
            ? OrderFacts(
                rowID: 7, invoiceID: pick([nil, "in_1", "IN_1 "]), agencyID: 3, credits: pick([0, 1, 10, .max]),
                amount: pick(amounts), currency: pick(["usd", "eur"]), paid: Bool.random(using: &random),
                isCancelled: Bool.random(using: &random), createdSeconds: 5, customer: pick([nil, "cus_1"])) : nil
        return InvoicePair(
            stripe: stripe, order: order, link: pick([.exact, .exact, .metadata, .lookalike]),
            otherRows: pick([[], [], [8]]), liveInvoicesOfOrder: pick([0, 1, 1, 2]),
            orderLinkedTo: pick([nil, nil, "in_2"]))
    }

    @Test("classification is total, repeats itself, and explains every finding", arguments: 0..<50)
    func totality(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let rules = InvoiceRules(nowSeconds: 1_000_000, staleAfterSeconds: 1_000, creditPrice: 20_000)
        for _ in 0..<400 {
            let pair = Self.pair(&random)
            let verdict = rules.classify(pair)
            #expect(verdict == rules.classify(pair))
            #expect(verdict.agrees == verdict.explanation.isEmpty)
            guard let kind = verdict.kind else { continue }
            #expect(FindingKind.invoiceKinds.contains(kind))
            let allowed = kind.allowedActions.contains(verdict.defaultAction)
            #expect(allowed, "\(kind) by default: \(verdict.defaultAction)")
            guard verdict.defaultAction == .apply else { continue }
            // What would be repaired agrees in everything but the state.
            #expect(pair.order != nil && pair.otherRows.isEmpty)
            if let stripe = pair.stripe, let order = pair.order {
                #expect(stripe.amount == order.amount || (stripe.status == .draft && stripe.amount == 0))
                #expect(stripe.currency.lowercased() == order.currency)
                #expect(order.customer == nil || order.customer == stripe.customer)
            }
        }
    }

    @Test("split windows are adjacent, not empty, and cover the whole", arguments: 0..<50)
    func windows(_ seed: UInt64) {
        var random = Seeded(state: seed)
        for _ in 0..<100 {
            let from = Int64.random(in: -1_000_000...1_000_000, using: &random)
            let whole = Window(fromSeconds: from, toSeconds: from + Int64.random(in: 0...5_000, using: &random))
            let parts = whole.split(into: Int.random(in: 1...40, using: &random))
            #expect(parts.isEmpty == whole.isEmpty)
            #expect(parts.map(\.seconds).reduce(0, +) == whole.seconds)
            for (left, right) in zip(parts, parts.dropFirst()) { #expect(left.toSeconds == right.fromSeconds) }
            let allFilled = parts.allSatisfy { !$0.isEmpty }
            #expect(allFilled)
            if let shortest = parts.map(\.seconds).min(), let longest = parts.map(\.seconds).max() {
                #expect(longest - shortest <= 1)
            }
        }
    }

    @Test("a cut leaves the cursor's own second where it is", arguments: 0..<50)
    func cuts(_ seed: UInt64) {
        var random = Seeded(state: seed)
        for _ in 0..<100 {
            let window = Window(fromSeconds: 0, toSeconds: Int64.random(in: 0...500, using: &random))
            let cursor = Int64.random(in: 0...600, using: &random)
            guard let cut = window.cut(belowCursor: cursor) else {
                #expect(min(cursor, window.toSeconds) < 4)
                continue
            }
            #expect(cut > window.fromSeconds && cut < cursor && cut < window.toSeconds)
        }
    }
}

@Suite("Money")
struct MoneyTests {
    @Test(
        "amounts are printed with the decimals of their currency",
        arguments: [
            (140_000, "usd", "$1,400.00"), (-700, "usd", "-$7.00"), (5, "usd", "$0.05"), (1_000, "jpy", "1,000 JPY"),
            (12_345, "bhd", "12.345 BHD"), (Int64.min, "eur", "-92,233,720,368,547,758.08 EUR"),
            (2_000_000_000, "usd", "$20,000,000.00"), (0, "jpy", "0 JPY"), (500, "ugx", "5.00 UGX"),
        ])
    func printing(_ units: Int64, _ currency: String, _ text: String) {
        #expect(Money(minorUnits: units, currency: currency).description == text)
    }

    @Test("currencies are never added up, and an overflow is an error")
    func adding() throws {
        let dollar = Money(minorUnits: 1, currency: "usd")
        #expect(throws: MoneyError.differentCurrencies("usd", "eur")) {
            try dollar.adding(Money(minorUnits: 1, currency: "EUR"))
        }
        #expect(throws: MoneyError.overflow(currency: "usd")) {
            try dollar.adding(Money(minorUnits: .max, currency: "usd"))
        }
        #expect(try dollar.adding(dollar).minorUnits == 2)
    }
}
