import Reconciliation
import Testing

/// Some rows of the state table of charges that have the same cells.
struct IntentRow: Sendable, CustomStringConvertible {
    static let columns: [ChargeState] = [.pending, .succeeded, .failed, .canceled, .absent]
    static let statuses = [
        "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture", "processing",
        "canceled", "succeeded",
    ]

    let statuses: [String]
    let hasFailed: [Bool]
    let wasConfirmed: [Bool]
    let isOld: [Bool]
    /// One word for each column; `-` where both sides agree.
    let words: [String]

    init(
        _ statuses: String, hasFailed: [Bool] = [false, true], wasConfirmed: [Bool] = [false, true],
        isOld: [Bool] = [false, true], _ words: String
    ) {
        self.statuses = statuses.split(separator: " ").map(String.init)
        self.hasFailed = hasFailed
        self.wasConfirmed = wasConfirmed
        self.isOld = isOld
        self.words = words.split(separator: " ").map(String.init)
    }

    var description: String { statuses.joined(separator: ", ") }

    /// pending, succeeded, failed, canceled, absent
    static let table: [IntentRow] = [
        IntentRow(
            "requires_payment_method requires_confirmation", hasFailed: [false], wasConfirmed: [false], isOld: [true],
            "stale_intent unpaid_in_stripe stale_intent stale_intent stale_intent"),
        IntentRow(
            "requires_payment_method requires_confirmation", hasFailed: [false], wasConfirmed: [false], isOld: [false],
            "- unpaid_in_stripe - - missing_locally"),
        IntentRow(
            "requires_payment_method requires_confirmation", hasFailed: [false], wasConfirmed: [true],
            "- unpaid_in_stripe - - missing_locally"),
        IntentRow("requires_confirmation", hasFailed: [true], "- unpaid_in_stripe - - missing_locally"),
        IntentRow("requires_payment_method", hasFailed: [true], "missed_failed unpaid_in_stripe - - missing_locally"),
        IntentRow(
            "requires_action requires_capture processing", "- unpaid_in_stripe - not_voided missing_locally"),
        IntentRow("canceled", "missed_canceled unpaid_in_stripe - - -"),
        IntentRow("succeeded", "missed_succeeded - missed_succeeded paid_after_cancel missing_locally"),
    ]

    static let applied = ["stale_intent", "missed_failed", "missed_canceled", "missed_succeeded"]
}

@Suite("Payment intent rules")
struct IntentRulesTests {
    static let now: Int64 = 1_000_000_000
    static let day: Int64 = 86_400
    let rules = IntentRules(nowSeconds: now, staleAfterSeconds: 7 * day)

    static func intent(
        _ status: String = "requires_action", hasFailed: Bool = false, wasConfirmed: Bool = false, isOld: Bool = false
    ) -> IntentFacts {
        IntentFacts(
            id: "pi_1", status: IntentStatus(status), createdSeconds: now - (isOld ? 8 * day : 3_600), currency: "usd",
            amount: 4_900, amountReceived: status == "succeeded" ? 4_900 : 0, customer: "cus_1",
            latestCharge: wasConfirmed ? "ch_1" : nil, hasFailed: hasFailed, chargeID: "7", agencyID: "3")
    }

    static func charge(_ state: ChargeState = .pending) -> ChargeFacts? {
        guard state != .absent else { return nil }
        return ChargeFacts(
            rowID: 7, intentID: "pi_1", agencyID: 3, amount: 4_900, currency: "usd",
            status: ChargeStatus(state.rawValue), createdSeconds: now - 3_600, customer: "cus_1")
    }

    @Test("the table names every combination once")
    func tableIsComplete() {
        var seen: [String: Int] = [:]
        for row in IntentRow.table {
            #expect(row.words.count == IntentRow.columns.count)
            for status in row.statuses {
                for failed in row.hasFailed {
                    for confirmed in row.wasConfirmed {
                        for old in row.isOld { seen["\(status) \(failed) \(confirmed) \(old)", default: 0] += 1 }
                    }
                }
            }
        }
        #expect(seen.count == IntentRow.statuses.count * 8)
        #expect(seen.values.allSatisfy { $0 == 1 })
    }

    @Test("each cell is classified as the table says", arguments: IntentRow.table)
    func cell(_ row: IntentRow) {
        for status in row.statuses {
            for failed in row.hasFailed {
                for confirmed in row.wasConfirmed {
                    for old in row.isOld {
                        expect(
                            Self.intent(status, hasFailed: failed, wasConfirmed: confirmed, isOld: old), row.words)
                    }
                }
            }
        }
    }

    private func expect(_ intent: IntentFacts?, _ words: [String]) {
        for (state, word) in zip(IntentRow.columns, words) {
            let verdict = rules.classify(IntentPair(stripe: intent, charge: Self.charge(state)))
            let what = "\(intent?.status.word ?? "absent") × \(state)"
            #expect(verdict.kind?.rawValue ?? "-" == word, "\(what)")
            let action: Action = word == "-" ? .ignore : IntentRow.applied.contains(word) ? .apply : .review
            #expect(verdict.defaultAction == action, "\(what)")
            #expect(verdict.agrees == verdict.explanation.isEmpty)
        }
    }

    @Test("an intent that Stripe does not know is for a person, unless its charge came to nothing")
    func absent() {
        expect(nil, ["missing_in_stripe", "missing_in_stripe", "-", "-", "-"])
    }

    @Test("an intent is stale only after the limit, to the second")
    func staleBoundary() {
        var intent = Self.intent("requires_payment_method")
        intent.createdSeconds = Self.now - 7 * Self.day
        #expect(rules.classify(IntentPair(stripe: intent, charge: Self.charge())).agrees)
        intent.createdSeconds -= 1
        let verdict = rules.classify(IntentPair(stripe: intent, charge: Self.charge()))
        #expect(verdict.kind == .staleIntent)
        #expect(verdict.explanation.contains("7 days"))
    }

    @Test("an intent of an invoice or a Checkout session is never stale; where nobody has asked it may be")
    func owners() {
        for state in IntentRow.columns {
            var intent = Self.intent("requires_payment_method", isOld: true)
            intent.hasCheckoutSession = true
            #expect(rules.classify(IntentPair(stripe: intent, charge: Self.charge(state))).kind != .staleIntent)
            intent.hasCheckoutSession = false
            let isStale = state != .succeeded
            let kind = rules.classify(IntentPair(stripe: intent, charge: Self.charge(state))).kind
            #expect((kind == .staleIntent) == isStale)
            intent.invoiceID = "in_1"
            #expect(rules.classify(IntentPair(stripe: intent, charge: Self.charge(state))).kind != .staleIntent)
        }
    }

    @Test("an intent of an invoice is no orphan of its own", arguments: IntentRow.statuses + ["frozen"])
    func ofInvoice(_ status: String) {
        var intent = Self.intent(status, isOld: true)
        intent.invoiceID = "in_1"
        #expect(rules.classify(IntentPair(stripe: intent, charge: nil, liveIntentsOfCharge: 2)).agrees)
        // A charge that names it is compared all the same.
        intent.amount += 1
        #expect(rules.classify(IntentPair(stripe: intent, charge: Self.charge())).kind == .amountMismatch)
    }

    typealias Change = @Sendable (inout IntentPair) -> Void
    /// In the order in which they outrank each other.
    static let outranking: [(FindingKind, Change)] = [
        (.malformedID, { $0.link = .lookalike }),
        (.duplicateLocal, { $0.otherRows = [8] }),
        (.duplicateInStripe, { $0.liveIntentsOfCharge = 2 }),
        (.orderMismatch, { $0.stripe?.chargeID = "8" }),
        (.orderMismatch, { $0.stripe?.agencyID = "4" }),
        (.currencyMismatch, { $0.stripe?.currency = "eur" }),
        (.amountMismatch, { $0.stripe?.amount += 1 }),
        (.amountMismatch, { $0.stripe?.amountReceived -= 1 }),
        (.customerMismatch, { $0.stripe?.customer = "cus_2" }),
        (.unknownStatus, { $0.charge?.status = .unknown("on hold") }),
        (.disputed, { $0.reversed.disputed = 5 }),
        (.refunded, { $0.reversed.refunded = 5 }),
        (
            .unlinkedOrder,
            {
                $0.link = .metadata
                $0.charge?.intentID = nil
            }
        ),
    ]

    @Test("what stands on top of the state outranks a missed payment", arguments: outranking.indices)
    func outranks(_ index: Int) {
        var pair = IntentPair(stripe: Self.intent("succeeded"), charge: Self.charge())
        Self.outranking[index].1(&pair)
        let verdict = rules.classify(pair)
        #expect(verdict.kind == Self.outranking[index].0)
        guard verdict.kind != .unlinkedOrder else { return }
        #expect(verdict.defaultAction == .review)
        for kind in FindingKind.allCases { #expect(verdict.action(on: [kind: .apply]) == .review) }
    }

    @Test("a mismatch says whether the money came in for a charge that does not count as succeeded")
    func unsettled() {
        let kinds: Set<FindingKind> = [.currencyMismatch, .amountMismatch, .customerMismatch]
        let mismatches = Self.outranking.filter { kinds.contains($0.0) }
        #expect(mismatches.count == 4)
        let cases: [(String, ChargeState)] = [
            ("succeeded", .pending), ("succeeded", .succeeded), ("processing", .pending),
        ]
        for (_, change) in mismatches {
            for (status, state) in cases {
                var pair = IntentPair(stripe: Self.intent(status), charge: Self.charge(state))
                change(&pair)
                let verdict = rules.classify(pair)
                let isOpen = status == "succeeded" && state == .pending
                #expect(
                    verdict.explanation.hasSuffix(
                        " The money came in, and the charge stays pending until a person decides.") == isOpen)
            }
        }
    }

    @Test("of two outranking causes the earlier one is named")
    func ranking() {
        for first in Self.outranking.indices {
            for second in Self.outranking.indices where second > first {
                var pair = IntentPair(stripe: Self.intent("succeeded"), charge: Self.charge())
                Self.outranking[second].1(&pair)
                Self.outranking[first].1(&pair)
                #expect(rules.classify(pair).kind == Self.outranking[first].0, "\(first) with \(second)")
            }
        }
    }

    @Test("they follow the order of the kinds' declaration")
    func declaredOrder() {
        let places = Self.outranking.compactMap { FindingKind.allCases.firstIndex(of: $0.0) }
        #expect(places.count == Self.outranking.count)
        #expect(places == places.sorted())
        #expect(Set(FindingKind.intentKinds).count == FindingKind.intentKinds.count)
    }

    @Test("what was given back is named to the cent, and only of a payment that came in")
    func takenBack() {
        let reversed = Reversed(refunded: 1_234, disputed: 4_900)
        var pair = IntentPair(stripe: Self.intent("succeeded"), charge: Self.charge(.succeeded), reversed: reversed)
        let disputed = rules.classify(pair)
        #expect(disputed.kind == .disputed)
        #expect(disputed.explanation.contains("$49.00") && disputed.explanation.contains("$12.34"))
        pair.reversed.disputed = 0
        #expect(rules.classify(pair).explanation.contains("$12.34"))
        pair.stripe = Self.intent("processing")
        pair.charge = Self.charge(.pending)
        #expect(rules.classify(pair).agrees)
    }

    @Test("a status that nobody knows, on either side, is reported and never acted on")
    func unknownStatus() {
        for state in IntentRow.columns {
            let verdict = rules.classify(IntentPair(stripe: Self.intent("frozen"), charge: Self.charge(state)))
            #expect(verdict.kind == .unknownStatus)
            #expect(verdict.defaultAction == .review)
            #expect(verdict.explanation.contains("frozen"))
        }
        for status in IntentRow.statuses {
            var charge = Self.charge()
            charge?.status = .unknown("")
            #expect(rules.classify(IntentPair(stripe: Self.intent(status), charge: charge)).kind == .unknownStatus)
            #expect(rules.classify(IntentPair(stripe: nil, charge: charge)).kind == .unknownStatus)
        }
    }

    @Test("a charge without a Stripe id is linked only when an intent names it and everything agrees")
    func unlinked() {
        for state in IntentRow.columns where state != .absent {
            var charge = Self.charge(state)
            charge?.intentID = nil
            let named = rules.classify(IntentPair(stripe: Self.intent("succeeded"), charge: charge, link: .metadata))
            #expect(named.kind == .unlinkedOrder)
            #expect(named.defaultAction == .apply)
            let nobody = rules.classify(IntentPair(stripe: nil, charge: charge))
            let cameToNothing = state == .failed || state == .canceled
            #expect(nobody.kind == (cameToNothing ? nil : .unlinkedOrder))
            #expect(nobody.action(on: [.unlinkedOrder: .apply]) == (cameToNothing ? .ignore : .review))
            charge?.amount = 1
            let wrong = rules.classify(IntentPair(stripe: Self.intent("succeeded"), charge: charge, link: .metadata))
            #expect(wrong.kind == .amountMismatch)
        }
    }

    @Test("a second intent of a charge is a duplicate even where no row has it, unless it is canceled")
    func secondIntent() {
        for status in IntentRow.statuses {
            let linked = IntentPair(stripe: Self.intent(status), charge: nil, chargeLinkedTo: "pi_other")
            #expect(rules.classify(linked).kind == (status == "canceled" ? nil : .duplicateInStripe))
            let second = IntentPair(stripe: Self.intent(status), charge: nil, liveIntentsOfCharge: 2)
            #expect(rules.classify(second).kind == (status == "canceled" ? nil : .duplicateInStripe))
        }
    }
}
