import Reconciliation
import Testing

/// One row of the table: an intent, who may explain it, and what has to be said.
struct PaymentCase: Sendable, CustomStringConvertible {
    let name: String
    let pair: PaymentPair
    let kind: FindingKind?
    let action: Action

    var description: String { name }

    init(
        _ name: String, _ explains: PaymentPair.Explains, _ kind: FindingKind? = nil, _ action: Action = .ignore,
        _ change: (inout PaymentPair) -> Void = { _ in }
    ) {
        self.name = name
        self.kind = kind
        self.action = action
        var pair = PaymentPair(
            explains: explains,
            stripe: IntentFacts(
                id: "pi_1", status: .succeeded, createdSeconds: PaymentRulesTests.now - 3_600, currency: "usd",
                amount: 20_000, amountReceived: 20_000, customer: "cus_1", latestCharge: "ch_1"))
        change(&pair)
        self.pair = pair
    }

    static func order() -> OrderFacts {
        OrderFacts(
            rowID: 7, invoiceID: "in_1", agencyID: 3, credits: 1, amount: 20_000, currency: "usd", createdSeconds: 5)
    }

    /// An intent that nobody ever confirmed, of this age.
    static func unconfirmed(_ pair: inout PaymentPair, days: Int64, _ status: IntentStatus = .requiresPaymentMethod) {
        pair.stripe.status = status
        pair.stripe.amountReceived = 0
        pair.stripe.latestCharge = nil
        pair.stripe.createdSeconds = PaymentRulesTests.now - days * 86_400
    }

    static let customers: [PaymentCase] = [
        PaymentCase("a known patient's payment", .customer) { $0.localID = "cus_1" },
        PaymentCase("a payment of a customer nobody knows", .customer, .missingLocally, .review),
        PaymentCase("a payment without a customer", .customer, .missingLocally, .review) { $0.stripe.customer = nil },
        PaymentCase("a canceled intent of nobody", .customer) { $0.stripe.status = .canceled },
        PaymentCase("an invoice's intent of nobody", .customer) { $0.stripe.invoiceID = "in_1" },
        PaymentCase("an unconfirmed intent of nobody", .customer, .missingLocally, .review) {
            unconfirmed(&$0, days: 9)
        },
        PaymentCase("a young intent of nobody", .customer, .missingLocally, .review) { unconfirmed(&$0, days: 0) },
        PaymentCase("an unknown status of a known patient", .customer, .unknownStatus, .review) {
            $0.localID = "cus_1"
            $0.stripe.status = .unknown("frozen")
        },
    ]

    static let orders: [PaymentCase] = [
        PaymentCase("an invoice's payment", .order) {
            $0.stripe.invoiceID = "in_1"
            $0.order = order()
        },
        PaymentCase("a payment of an invoice without an order", .order) { $0.stripe.invoiceID = "in_1" },
        PaymentCase("a payment of too little", .order, .amountMismatch, .review) {
            $0.stripe.invoiceID = "in_1"
            $0.stripe.amountReceived = 19_999
            $0.order = order()
        },
        PaymentCase("a payment in another currency and of another amount", .order, .currencyMismatch, .review) {
            $0.stripe.invoiceID = "in_1"
            $0.stripe.currency = "EUR"
            $0.stripe.amountReceived = 1
            $0.order = order()
        },
        PaymentCase("the second payment of an invoice", .order, .duplicateInStripe, .review) {
            $0.stripe.invoiceID = "in_1"
            $0.stripe.currency = "eur"
            $0.order = order()
            $0.succeededOfInvoice = 2
        },
        PaymentCase("a failed attempt beside two payments of an invoice", .order) {
            $0.stripe.invoiceID = "in_1"
            $0.stripe.status = .canceled
            $0.succeededOfInvoice = 2
        },
        PaymentCase("an invoice's intent that waits", .order) {
            unconfirmed(&$0, days: 30)
            $0.stripe.invoiceID = "in_1"
        },
        PaymentCase("money without an invoice", .order, .missingLocally, .review),
        PaymentCase("money on its way without an invoice", .order, .missingLocally, .review) {
            $0.stripe.status = .processing
        },
        PaymentCase("authorized money without an invoice", .order, .missingLocally, .review) {
            $0.stripe.status = .requiresCapture
        },
        PaymentCase("a canceled intent without an invoice", .order) { $0.stripe.status = .canceled },
        PaymentCase("an unconfirmed old intent", .order, .staleIntent, .apply) { unconfirmed(&$0, days: 9) },
        PaymentCase("an unconfirmed old intent with a method", .order, .staleIntent, .apply) {
            unconfirmed(&$0, days: 9, .requiresConfirmation)
        },
        PaymentCase("an unconfirmed old intent without a session", .order, .staleIntent, .apply) {
            unconfirmed(&$0, days: 9)
            $0.stripe.hasCheckoutSession = false
        },
        PaymentCase("a Checkout session's old intent", .order) {
            unconfirmed(&$0, days: 9)
            $0.stripe.hasCheckoutSession = true
        },
        PaymentCase("an old intent that was tried", .order) {
            unconfirmed(&$0, days: 9)
            $0.stripe.hasFailed = true
        },
        PaymentCase("an old intent that waits for the customer", .order) {
            unconfirmed(&$0, days: 9, .requiresAction)
        },
        PaymentCase("an unconfirmed young intent", .order) { unconfirmed(&$0, days: 7) },
        PaymentCase("an unknown status of an invoice's intent", .order, .unknownStatus, .review) {
            $0.stripe.invoiceID = "in_1"
            $0.stripe.status = .unknown("frozen")
        },
    ]
}

@Suite("Payment rules")
struct PaymentRulesTests {
    static let now: Int64 = 1_000_000_000
    let rules = PaymentRules(nowSeconds: now, staleAfterSeconds: 7 * 86_400)

    @Test("what explains a payment, and what does not", arguments: PaymentCase.customers + PaymentCase.orders)
    func table(_ made: PaymentCase) {
        let verdict = rules.classify(made.pair)
        #expect(verdict.kind == made.kind)
        #expect(verdict.defaultAction == made.action)
        #expect(verdict.agrees == verdict.explanation.isEmpty)
    }

    @Test("the explanation names the money, the customer and the order")
    func explanations() {
        func text(_ explains: PaymentPair.Explains, _ change: (inout PaymentPair) -> Void) -> String {
            rules.classify(PaymentCase("", explains, nil, .ignore, change).pair).explanation
        }
        #expect(text(.customer) { _ in } == "$200.00 came in for customer cus_1, whom no local row knows.")
        #expect(text(.customer) { $0.stripe.customer = nil } == "$200.00 came in for no customer at all.")
        #expect(text(.order) { $0.stripe.orderID = "12" }.contains("its metadata names order “12”"))
        #expect(text(.order) { _ in }.contains("it names no order"))
    }

    @Test("an intent is stale only after the limit, to the second")
    func staleBoundary() {
        var pair = PaymentCase("", .order, nil, .ignore) { PaymentCase.unconfirmed(&$0, days: 7) }.pair
        #expect(rules.classify(pair).agrees)
        pair.stripe.createdSeconds -= 1
        #expect(rules.classify(pair).kind == .staleIntent)
    }

    @Test("classification is total, repeats itself, and never touches money by itself", arguments: 0..<40)
    func totality(_ seed: UInt64) {
        var random = Seeded(state: seed)
        func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
        let words = [
            "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing",
            "canceled", "succeeded", "frozen", "",
        ]
        let amounts: [Int64] = [0, 20_000, .max, .min, -5]
        for _ in 0..<300 {
            let rules = PaymentRules(
                nowSeconds: pick([0, Self.now, .min, .max]), staleAfterSeconds: pick([0, 86_400, .max]))
            let intent = IntentFacts(
                id: "pi_1", status: IntentStatus(pick(words)),
                createdSeconds: pick([.min, 0, Self.now - 90_000, .max]),
                currency: pick(["usd", "EUR", ""]), amount: pick(amounts), amountReceived: pick(amounts),
                customer: pick([nil, "cus_1"]), invoiceID: pick([nil, nil, "in_1"]), latestCharge: pick([nil, "ch_1"]),
                hasFailed: Bool.random(using: &random), hasCheckoutSession: pick([nil, true, false]),
                orderID: pick([nil, "7", "x\u{202E}"]))
            var order = PaymentCase.order()
            order.amount = pick(amounts)
            let pair = PaymentPair(
                explains: pick([.customer, .order]), stripe: intent, localID: pick([nil, "cus_1"]),
                order: pick([nil, order]), succeededOfInvoice: pick([0, 1, 2, .max]))
            let verdict = rules.classify(pair)
            #expect(verdict == rules.classify(pair))
            #expect(verdict.agrees == verdict.explanation.isEmpty)
            guard let kind = verdict.kind else { continue }
            #expect(PaymentRules.kinds.contains(kind))
            #expect(kind.allowedActions.contains(verdict.defaultAction))
            guard verdict.defaultAction == .apply else { continue }
            #expect(kind == .staleIntent && intent.wasNeverConfirmed && intent.invoiceID == nil)
            #expect(intent.hasCheckoutSession != true && pair.explains == .order)
        }
    }
}
