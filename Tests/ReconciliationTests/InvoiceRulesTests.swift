import Reconciliation
import Testing

/// One cell of the state table in DESIGN section 5, as it is written there.
struct Cell: Sendable, CustomStringConvertible {
    let stripe: StripeState
    let local: OrderState
    let kind: FindingKind?
    let action: Action

    init(_ stripe: StripeState, _ local: OrderState, _ kind: FindingKind?, _ action: Action = .ignore) {
        self.stripe = stripe
        self.local = local
        self.kind = kind
        self.action = action
    }

    var description: String { "\(stripe) × \(local)" }

    static let table: [Cell] = [
        Cell(.draftYoung, .open, nil), Cell(.draftYoung, .paid, .unpaidInStripe, .review),
        Cell(.draftYoung, .cancelled, nil), Cell(.draftYoung, .absent, .missingLocally, .review),
        Cell(.draftStale, .open, .staleDraft, .apply), Cell(.draftStale, .paid, .unpaidInStripe, .review),
        Cell(.draftStale, .cancelled, .staleDraft, .apply), Cell(.draftStale, .absent, .staleDraft, .review),
        Cell(.open, .open, nil), Cell(.open, .paid, .unpaidInStripe, .review),
        Cell(.open, .cancelled, .notVoided, .review), Cell(.open, .absent, .missingLocally, .review),
        Cell(.paid, .open, .missedPaid, .apply), Cell(.paid, .paid, nil),
        Cell(.paid, .cancelled, .paidAfterCancel, .review), Cell(.paid, .absent, .missingLocally, .review),
        Cell(.void, .open, .missedVoid, .apply), Cell(.void, .paid, .voidAfterPaid, .review),
        Cell(.void, .cancelled, nil), Cell(.void, .absent, nil),
        Cell(.uncollectible, .open, .uncollectible, .review), Cell(.uncollectible, .paid, .unpaidInStripe, .review),
        Cell(.uncollectible, .cancelled, nil), Cell(.uncollectible, .absent, nil),
        Cell(.absent, .open, .missingInStripe, .apply), Cell(.absent, .paid, .missingInStripe, .review),
        Cell(.absent, .cancelled, nil), Cell(.absent, .absent, nil),
    ]
}

@Suite("Invoice rules")
struct InvoiceRulesTests {
    let rules = InvoiceRules(nowSeconds: 1_000_000_000, staleAfterSeconds: 7 * 86_400, creditPrice: 20_000)

    static func invoice(_ state: StripeState = .open, now: Int64 = 1_000_000_000) -> InvoiceFacts? {
        let status: InvoiceStatus
        var age: Int64 = 3_600
        switch state {
        case .draftYoung: status = .draft
        case .draftStale: (status, age) = (.draft, 8 * 86_400)
        case .open: status = .open
        case .paid: status = .paid
        case .void: status = .void
        case .uncollectible: status = .uncollectible
        case .absent: return nil
        }
        return InvoiceFacts(
            id: "in_1", status: status, createdSeconds: now - age, currency: "usd", total: 200_000, customer: "cus_1",
            dueSeconds: now + 86_400, orderID: "7", agencyID: "3")
    }

    static func order(_ state: OrderState = .open) -> OrderFacts? {
        guard state != .absent else { return nil }
        return OrderFacts(
            rowID: 7, invoiceID: "in_1", agencyID: 3, credits: 10, amount: 200_000, currency: "usd",
            paid: state == .paid, isCancelled: state == .cancelled, createdSeconds: 999_990_000, customer: "cus_1")
    }

    @Test("the table names every combination once")
    func tableIsComplete() {
        #expect(Cell.table.count == StripeState.allCases.count * OrderState.allCases.count)
        let distinct = Set(Cell.table.map(\.description))
        #expect(distinct.count == Cell.table.count)
    }

    @Test("each cell of the state table is classified as the design says", arguments: Cell.table)
    func cell(_ cell: Cell) {
        let pair = InvoicePair(stripe: Self.invoice(cell.stripe), order: Self.order(cell.local))
        let verdict = rules.classify(pair)
        #expect(verdict.kind == cell.kind)
        #expect(verdict.defaultAction == cell.action)
        #expect(verdict.agrees == verdict.explanation.isEmpty)
    }

    @Test("an open invoice past its due date is shown and is no difference")
    func overdue() {
        var invoice = Self.invoice(.open)
        invoice?.dueSeconds = 1_000_000_000 - 3 * 86_400
        let verdict = rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open)))
        #expect(verdict.kind == .overdue)
        #expect(verdict.defaultAction == .inform)
        #expect(verdict.explanation.contains("3 days"))
    }

    @Test("a draft that Stripe will finalize by itself is not stale")
    func autoAdvance() {
        var invoice = Self.invoice(.draftStale)
        invoice?.autoAdvance = true
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open))).agrees)
    }

    @Test("a draft that a subscription made is not stale")
    func subscriptionDraft() {
        var invoice = Self.invoice(.draftStale)
        invoice?.isSubscription = true
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open))).agrees)
    }

    @Test("a draft is stale only after the limit, to the second")
    func staleBoundary() {
        var invoice = Self.invoice(.draftYoung)
        invoice?.createdSeconds = 1_000_000_000 - 7 * 86_400
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open))).agrees)
        invoice?.createdSeconds -= 1
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open))).kind == .staleDraft)
    }

    @Test("an empty draft contradicts no amount: it waits for its line, and goes stale as any other")
    func emptyDraft() {
        var invoice = Self.invoice(.draftYoung)
        invoice?.total = 0
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open))).agrees)
        let unlinked = InvoicePair(stripe: invoice, order: Self.order(.open), link: .metadata)
        #expect(rules.classify(unlinked).kind == .unlinkedOrder)
        invoice?.createdSeconds -= 7 * 86_400
        let stale = rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open)))
        #expect(stale.kind == .staleDraft && stale.defaultAction == .apply)
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.paid))).kind == .unpaidInStripe)
        invoice?.total = 20_000
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open))).kind == .amountMismatch)
        invoice?.total = 0
        invoice?.status = .open
        #expect(rules.classify(InvoicePair(stripe: invoice, order: Self.order(.open))).kind == .amountMismatch)
    }

    typealias Change = @Sendable (inout InvoicePair) -> Void
    /// In the order in which they outrank each other.
    static let outranking: [(FindingKind, Change)] = [
        (.duplicateLocal, { $0.otherRows = [8] }),
        (.malformedID, { $0.link = .lookalike }),
        (.duplicateInStripe, { $0.liveInvoicesOfOrder = 2 }),
        (.orderMismatch, { $0.stripe?.orderID = "8" }),
        (.orderMismatch, { $0.stripe?.agencyID = "4" }),
        (.currencyMismatch, { $0.stripe?.currency = "eur" }),
        (.amountMismatch, { $0.stripe?.total += 1 }),
        (.amountMismatch, { $0.stripe?.prePaymentCredit = 20_000 }),
        (.amountMismatch, { $0.order?.credits += 1 }),
        (.customerMismatch, { $0.stripe?.customer = "cus_2" }),
        (.credited, { $0.stripe?.postPaymentCredit = 5 }),
    ]

    @Test("what stands on top of the state outranks a missed payment and is never repaired", arguments: 0..<11)
    func outranks(_ index: Int) {
        var pair = InvoicePair(stripe: Self.invoice(.paid), order: Self.order(.open))
        Self.outranking[index].1(&pair)
        let verdict = rules.classify(pair)
        #expect(verdict.kind == Self.outranking[index].0)
        #expect(verdict.defaultAction == .review)
        for kind in FindingKind.allCases {
            #expect(verdict.action(on: [kind: .apply]) == .review)
        }
    }

    @Test("of two outranking causes the earlier one is named")
    func ranking() {
        for first in Self.outranking.indices {
            for second in Self.outranking.indices where second > first {
                var pair = InvoicePair(stripe: Self.invoice(.paid), order: Self.order(.open))
                Self.outranking[second].1(&pair)
                Self.outranking[first].1(&pair)
                #expect(rules.classify(pair).kind == Self.outranking[first].0, "\(first) with \(second)")
            }
        }
    }

    @Test("an amount that leaves Int64 is a mismatch, not a crash")
    func overflow() {
        var pair = InvoicePair(stripe: Self.invoice(.paid), order: Self.order(.open))
        pair.stripe?.total = .min
        pair.stripe?.prePaymentCredit = 1
        #expect(rules.classify(pair).kind == .amountMismatch)
        pair = InvoicePair(stripe: Self.invoice(.paid), order: Self.order(.open))
        pair.order?.credits = .max
        #expect(rules.classify(pair).kind == .amountMismatch)
    }

    @Test("what was taken back is said of the invoice, or of a payment that paid others too")
    func takenBack() {
        var pair = InvoicePair(stripe: Self.invoice(.paid), order: Self.order(.open))
        pair.reversed = Reversed(refunded: 5_000)
        let alone = rules.classify(pair)
        #expect(alone.kind == .refunded && alone.explanation.hasPrefix("$50.00 of $2,000.00 were refunded; "))
        pair.reversed.isShared = true
        let shared = rules.classify(pair)
        #expect(shared.kind == .refunded && shared.defaultAction == .review)
        #expect(shared.explanation.hasPrefix("$50.00 of the payment that paid other invoices too"))
        pair.reversed.disputed = 7
        let disputed = rules.classify(pair)
        #expect(disputed.kind == .disputed && disputed.explanation.contains("$0.07 of the payment that paid other"))
        // Nothing taken back, it is no matter who else was paid.
        pair.reversed = Reversed(isShared: true)
        #expect(rules.classify(pair).kind == .missedPaid && rules.classify(pair).defaultAction == .apply)
    }

    @Test("where nobody can be asked what was taken back, nothing is granted, whatever the job says")
    func unlisted() {
        for state in OrderState.allCases {
            var pair = InvoicePair(stripe: Self.invoice(.paid), order: Self.order(state))
            let known = rules.classify(pair)
            pair.reversed.isUnlisted = true
            let verdict = rules.classify(pair)
            #expect(verdict.kind == known.kind)
            guard state == .open else {
                #expect(verdict == known)
                continue
            }
            #expect(verdict.defaultAction == .review && verdict.action(on: [.missedPaid: .apply]) == .review)
            #expect(verdict.action(on: [.missedPaid: .ignore]) == .ignore)
            pair.reversed.refunded = 1
            #expect(rules.classify(pair).kind == .refunded)
        }
    }

    @Test("a status that nobody knows is reported and never acted on")
    func unknownStatus() {
        for local in OrderState.allCases {
            var pair = InvoicePair(stripe: Self.invoice(.open), order: Self.order(local))
            pair.stripe?.status = .unknown("frozen")
            let verdict = rules.classify(pair)
            #expect(verdict.kind == .unknownStatus)
            #expect(verdict.defaultAction == .review)
            #expect(verdict.explanation.contains("frozen"))
        }
    }

    @Test("an order without a Stripe id is linked only when an invoice names it and everything agrees")
    func unlinked() {
        var order = Self.order(.open)
        order?.invoiceID = nil
        let named = rules.classify(InvoicePair(stripe: Self.invoice(.paid), order: order, link: .metadata))
        #expect(named.kind == .unlinkedOrder)
        #expect(named.defaultAction == .apply)
        let nobody = rules.classify(InvoicePair(stripe: nil, order: order))
        #expect(nobody.kind == .unlinkedOrder)
        #expect(nobody.defaultAction == .review)
        #expect(nobody.action(on: [.unlinkedOrder: .apply]) == .review)
        // What Trueup placed itself waits for whoever ordered, but not for ever.
        order?.isPlacedHere = true
        order?.createdSeconds = rules.nowSeconds - rules.staleAfterSeconds
        #expect(rules.classify(InvoicePair(stripe: nil, order: order)).defaultAction == .review)
        order?.createdSeconds = rules.nowSeconds - rules.staleAfterSeconds - 1
        let over = rules.classify(InvoicePair(stripe: nil, order: order))
        #expect(over.kind == .unlinkedOrder && over.defaultAction == .apply)
        order?.paid = true
        #expect(rules.classify(InvoicePair(stripe: nil, order: order)).defaultAction == .review, "a paid one never")
        order?.paid = false
        order?.amount = 1
        let wrong = rules.classify(InvoicePair(stripe: Self.invoice(.paid), order: order, link: .metadata))
        #expect(wrong.kind == .amountMismatch)
        order?.isCancelled = true
        #expect(rules.classify(InvoicePair(stripe: nil, order: order)).agrees)
    }

    @Test("a second live invoice of an order is a duplicate even where no row has it")
    func secondInvoice() {
        var pair = InvoicePair(stripe: Self.invoice(.open), order: nil, orderLinkedTo: "in_other")
        #expect(rules.classify(pair).kind == .duplicateInStripe)
        pair.stripe?.status = .void
        #expect(rules.classify(pair).agrees)
    }

    @Test("a job file can review or ignore what is repaired by default, and cannot repair what is reviewed")
    func overrides() {
        let missed = rules.classify(InvoicePair(stripe: Self.invoice(.paid), order: Self.order(.open)))
        #expect(missed.action(on: [:]) == .apply)
        #expect(missed.action(on: [.missedPaid: .review]) == .review)
        #expect(missed.action(on: [.missedPaid: .ignore]) == .ignore)
        let paidAndGone = rules.classify(InvoicePair(stripe: nil, order: Self.order(.paid)))
        #expect(paidAndGone.action(on: [.missingInStripe: .apply]) == .review)
        let openAndGone = rules.classify(InvoicePair(stripe: nil, order: Self.order(.open)))
        #expect(openAndGone.action(on: [.missingInStripe: .apply]) == .apply)
    }
}
