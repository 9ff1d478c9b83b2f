import Reconciliation
import Testing

@Suite("Properties of the payment intent rules")
struct IntentPropertyTests {
    static let amounts: [Int64] = [0, 50, 4_900, .max, .min, -5]
    static let hostile = ["", " ", "\u{0}", "“pi_1”\n", "' OR 1=1 --", "\u{202E}7", String(repeating: "9", count: 400)]

    static func pair(_ random: inout Seeded) -> IntentPair {
        func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
        let stripe =
            pick([true, true, true, false])
            ? IntentFacts(
                id: pick(["pi_1", "pi_1", "pi_1"] + hostile),
                status: IntentStatus(pick(IntentRow.statuses + ["succeeded", "frozen"] + hostile)),
                createdSeconds: pick([1, 999_000, 999_001, 1_000_000, .min, .max]),
                currency: pick(["usd", "USD", "eur"] + hostile), amount: pick(amounts), amountReceived: pick(amounts),
                customer: pick([nil, "cus_1", "cus_2"]), invoiceID: pick([nil, nil, nil, "in_1"]),
                latestCharge: pick([nil, nil, "ch_1"]), hasFailed: pick([false, false, true]),
                hasCheckoutSession: pick([nil, false, true]), chargeID: pick([nil, "7", "7", " 7"] + hostile),
                agencyID: pick([nil, "3", "3", "4"]), canceledAtSeconds: pick([nil, .min, .max])) : nil
        let charge =
            pick([true, true, true, false])
            ? ChargeFacts(
                rowID: 7, intentID: pick([nil, "pi_1", "pi_1", "PI_1 "] + hostile), agencyID: 3, amount: pick(amounts),
                currency: pick(["usd", "usd", "eur"]),
                status: ChargeStatus(pick(["pending", "succeeded", "failed", "canceled", "on hold", ""])),
                createdSeconds: pick([5, .min, .max]), customer: pick([nil, "cus_1"])) : nil
        return IntentPair(
            stripe: stripe, charge: charge, link: pick([.exact, .exact, .metadata, .lookalike]),
            otherRows: pick([[], [], [], [8]]), liveIntentsOfCharge: pick([.min, 0, 1, 1, 1, 2, .max]),
            chargeLinkedTo: pick([nil, nil, nil, "pi_2"]),
            reversed: Reversed(refunded: pick([0, 0] + amounts), disputed: pick([0, 0, 0] + amounts)))
    }

    @Test("classification is total, repeats itself, explains every finding, and repairs nothing that has a mismatch")
    func totality() {
        for seed in 0..<60 as Range<UInt64> {
            var random = Seeded(state: seed)
            let rules = IntentRules(nowSeconds: 1_000_000, staleAfterSeconds: 1_000)
            for _ in 0..<500 {
                let pair = Self.pair(&random)
                let verdict = rules.classify(pair)
                #expect(verdict == rules.classify(pair))
                #expect(verdict.agrees == verdict.explanation.isEmpty, "seed \(seed): \(pair)")
                guard let kind = verdict.kind else { continue }
                #expect(FindingKind.intentKinds.contains(kind))
                let allowed = kind.allowedActions.contains(verdict.defaultAction)
                #expect(allowed, "\(kind) by default: \(verdict.defaultAction)")
                if verdict.defaultAction == .apply { Self.expectSound(pair, kind, seed) }
            }
        }
    }

    /// What would be repaired agrees in everything but the state.
    private static func expectSound(_ pair: IntentPair, _ kind: FindingKind, _ seed: UInt64) {
        guard let stripe = pair.stripe else {
            Issue.record("seed \(seed): \(kind) is repaired without anything at Stripe: \(pair)")
            return
        }
        guard let charge = pair.charge else {
            // The only repair that needs no row: an intent that nobody wants is canceled.
            #expect(kind == .staleIntent && stripe.wasNeverConfirmed && stripe.invoiceID == nil, "seed \(seed)")
            return
        }
        #expect(pair.otherRows.isEmpty && pair.link != .lookalike, "seed \(seed): \(pair)")
        #expect(stripe.amount == charge.amount && stripe.currency.lowercased() == charge.currency)
        #expect(stripe.status != .succeeded || stripe.amountReceived == charge.amount)
        #expect(charge.customer == nil || charge.customer == stripe.customer)
        #expect(stripe.chargeID == nil || stripe.chargeID == String(charge.rowID))
        #expect(stripe.agencyID == nil || stripe.agencyID == String(charge.agencyID))
        #expect(stripe.status == .canceled || (pair.liveIntentsOfCharge <= 1 && pair.chargeLinkedTo == nil))
        let isTakenBack = pair.reversed.refunded > 0 || pair.reversed.disputed > 0
        #expect(stripe.status != .succeeded || !isTakenBack)
    }

    @Test("times at the ends of Int64 neither crash nor turn around")
    func extremes() {
        for now in [.min, -1, 0, 1_000_000, .max] as [Int64] {
            for after in [0, 1, .max] as [Int64] {
                let rules = IntentRules(nowSeconds: now, staleAfterSeconds: after)
                for created in [.min, -1, 0, 999_999, .max] as [Int64] {
                    var intent = IntentRulesTests.intent("requires_payment_method")
                    intent.createdSeconds = created
                    // In numbers that are wide enough.
                    let isOld = Int128(now) - Int128(created) > Int128(after)
                    let state = rules.intentState(intent)
                    let isPast = Int128(now) - Int128(after) < Int128(Int64.min)
                    #expect((state == .stale) == (isOld && !isPast), "\(now) \(after) \(created)")
                }
            }
        }
    }
}
