import Reconciliation
import Store
import Support

/// Payment intents and charges made from a seed, and what they come to when every intent is held against every row in
/// the plainest way. The set-based comparison must say the same.
struct ChargeCase {
    static let now: Int64 = 1_790_000_000
    static let period = Window(fromSeconds: now - 35 * 86_400, toSeconds: now)
    static let rules = IntentRules(nowSeconds: now, staleAfterSeconds: 7 * 86_400)

    var intents: [IntentFacts] = []
    /// What was read one by one, after the lists.
    var fresh: Set<String> = []
    /// Stripe answered 404 for them.
    var absent: Set<String> = []
    /// Staged for another account.
    var foreign: [IntentFacts] = []
    var charges: [ChargeFacts] = []
    var reversals: [ReversalFacts] = []
    /// What findings of earlier runs are about.
    var alsoRead: [String] = []
    var alsoRows: [Int64] = []
    let ofAnyAge: Bool

    init(seed: UInt64, count: Int) {
        ofAnyAge = seed % 4 != 0
        var random = Seeded(seed)
        for number in 1...count { add(Int64(number), &random) }
    }

    private mutating func add(_ number: Int64, _ random: inout Seeded) {
        let day: Int64 = 86_400
        let created = Self.now - random.pick([-50, 100, 3_600, 3 * day, 10 * day, 30 * day, 60 * day])
        let agency = Int64.random(in: 1...5, using: &random)
        let amount = random.pick([50, 4_900, 2_000_000_000] as [Int64])
        var intent = IntentFacts(
            id: "pi_Case\(number)",
            status: IntentStatus(
                random.pick([
                    "requires_payment_method", "requires_confirmation", "requires_action", "requires_capture",
                    "processing", "canceled", "succeeded", "succeeded",
                ])), createdSeconds: created + 5, currency: "usd", amount: amount, amountReceived: amount,
            customer: "cus_\(agency)", latestCharge: random.pick([nil, nil, "ch_\(number)"]),
            hasFailed: random.oneIn(4), hasCheckoutSession: random.pick([nil, nil, false, true]),
            chargeID: String(number), agencyID: String(agency))
        var charge = ChargeFacts(
            rowID: number, intentID: intent.id, agencyID: agency, amount: amount, currency: "usd",
            status: ChargeStatus(random.pick(["pending", "pending", "succeeded", "succeeded", "failed", "canceled"])),
            createdSeconds: created, customer: "cus_\(agency)")
        deviate(&intent, &charge, &random)
        place(intent, &random)
        if !random.oneIn(10) { charges.append(charge) }
        if random.oneIn(8) { reverse(intent, &random) }
        if random.oneIn(20) {
            charge.rowID = 100_000 + number
            charge.intentID = random.pick([intent.id + " ", intent.id.uppercased(), "\t\u{A0}" + intent.id])
            charges.append(charge)
        }
        if random.oneIn(20) {
            intent.id = "pi_Second\(number)"
            intent.createdSeconds &+= random.pick([-9, 0, 9])
            place(intent, &random)
        }
        if random.oneIn(12), let id = charge.intentID { alsoRead.append(id) }
        if random.oneIn(12) { alsoRows.append(charge.rowID) }
    }

    private mutating func place(_ intent: IntentFacts, _ random: inout Seeded) {
        switch Int.random(in: 0..<20, using: &random) {
        case 0, 1: break
        case 2: absent.insert(intent.id)
        case 3: foreign.append(intent)
        case 4:
            fresh.insert(intent.id)
            intents.append(intent)
        default: intents.append(intent)
        }
    }

    private func deviate(_ intent: inout IntentFacts, _ charge: inout ChargeFacts, _ random: inout Seeded) {
        switch Int.random(in: 0..<30, using: &random) {
        case 0: intent.currency = "eur"
        case 1: intent.amount += 1
        case 2: intent.amountReceived -= 1
        case 3: intent.customer = random.pick([nil, "cus_9"])
        case 4, 5: charge.intentID = nil
        case 6:
            charge.intentID = nil
            intent.status = .canceled
        case 7: intent.chargeID = random.pick([nil, "999999", "not a number", "7 ", "007", "٧"])
        // Another row's intent, or one of two that name a row.
        case 8: intent.chargeID = String(max(1, charge.rowID - Int64.random(in: 1...3, using: &random)))
        case 9:
            charge.intentID = random.pick([nil, charge.intentID])
            intent.chargeID = String(charge.rowID + 1)
        case 10: intent.agencyID = random.pick([nil, "77"])
        case 11: intent.status = .unknown("frozen")
        case 12: charge.status = .unknown(random.pick(["", "on hold"]))
        case 13: intent.amount = random.pick([.min, .max, -5])
        case 14: intent.createdSeconds = random.pick([.min, 0, .max])
        case 15: intent.invoiceID = "in_\(charge.rowID)"
        case 16: charge.currency = "USD"
        case 17: charge.agencyID = 99
        default: break
        }
        // Not a column of its own: it follows from the agency.
        charge.customer = charge.agencyID == 99 ? nil : "cus_\(charge.agencyID)"
    }

    private mutating func reverse(_ intent: IntentFacts, _ random: inout Seeded) {
        for part in 0..<random.pick([1, 1, 2]) {
            reversals.append(
                ReversalFacts(
                    id: "re_\(intent.id)_\(part)", kind: random.pick([.refund, .dispute, .creditNote]),
                    createdSeconds: intent.createdSeconds, status: "any", currency: "usd",
                    amount: random.pick([1, 700, .max]), stands: !random.oneIn(3), paymentIntent: intent.id))
        }
    }
}

// The plain way.
extension ChargeCase {
    /// The findings, as `kind stripe-id row`, sorted.
    var expected: [String] {
        var result: [String] = []
        for intent in intents {
            let isExact = charges.contains { $0.intentID == intent.id }
            guard isExact || lookalikes(of: intent).isEmpty else { continue }
            if isExact || intent.invoiceID == nil { judge(pair(of: intent), into: &result) }
        }
        for charge in charges where intents.allSatisfy({ $0.id != charge.intentID }) {
            judgeAlone(charge, into: &result)
        }
        return result.sorted()
    }

    private func isAlike(_ id: String?, _ intent: IntentFacts) -> Bool {
        guard let id, id != intent.id else { return false }
        return id.filter { !" \t\u{A0}".contains($0) }.lowercased() == intent.id.lowercased()
    }

    func isOpen(_ charge: ChargeFacts) -> Bool { ![.succeeded, .failed, .canceled].contains(charge.status) }

    /// Rows that are looked at although no intent has exactly their id.
    private func isLookedAt(_ charge: ChargeFacts) -> Bool {
        guard charge.createdSeconds < Self.period.toSeconds else { return false }
        let isCarried = charge.intentID.map(alsoRead.contains) ?? false || alsoRows.contains(charge.rowID)
        guard isCarried || (ofAnyAge && isOpen(charge)) || charge.createdSeconds >= Self.period.fromSeconds else {
            return false
        }
        return isCarried || charge.status != .canceled || intents.contains { isAlike(charge.intentID, $0) }
    }

    private func lookalikes(of intent: IntentFacts) -> [ChargeFacts] {
        charges.filter { isAlike($0.intentID, intent) && isLookedAt($0) }
    }

    private func live(_ charge: String?) -> Int {
        guard let charge else { return 1 }
        return max(1, intents.count { $0.chargeID == charge && $0.status != .canceled })
    }

    private func reversed(_ intent: IntentFacts) -> Reversed {
        func sum(_ kind: ReversalFacts.Kind) -> Int64 {
            reversals.filter { $0.kind == kind && $0.stands && $0.paymentIntent == intent.id }
                .reduce(0) { $0.addingReportingOverflow($1.amount).overflow ? .max : $0 + $1.amount }
        }
        return Reversed(refunded: sum(.refund), disputed: sum(.dispute))
    }

    /// The intent that a row without an id is linked to.
    private func free(for charge: ChargeFacts) -> IntentFacts? {
        intents.filter { intent in
            intent.chargeID == String(charge.rowID) && intent.invoiceID == nil
                && charges.allSatisfy { $0.intentID != intent.id && !isAlike($0.intentID, intent) }
        }.max { one, other in
            let (oneLives, otherLives) = (one.status != .canceled, other.status != .canceled)
            if oneLives != otherLives { return otherLives }
            if one.createdSeconds != other.createdSeconds { return one.createdSeconds < other.createdSeconds }
            return one.id.utf8.lexicographicallyPrecedes(other.id.utf8)
        }
    }

    private func pair(of intent: IntentFacts) -> IntentPair {
        let exact = charges.first { $0.intentID == intent.id }
        var pair = IntentPair(
            stripe: intent, charge: exact, liveIntentsOfCharge: live(intent.chargeID), reversed: reversed(intent))
        if exact != nil {
            pair.otherRows = lookalikes(of: intent).map(\.rowID)
        } else if let named = charges.first(where: { String($0.rowID) == intent.chargeID }) {
            if let other = named.intentID {
                let isDead = intents.contains { $0.id == other && $0.status == .canceled } || absent.contains(other)
                if !isDead { pair.chargeLinkedTo = other }
            } else if intent.status != .canceled || free(for: named)?.id == intent.id {
                pair.charge = named
                pair.link = .metadata
            }
        }
        return pair
    }

    private func judge(_ pair: IntentPair, into result: inout [String]) {
        guard let kind = Self.rules.classify(pair).kind else { return }
        let row = pair.charge.map { String($0.rowID) } ?? "-"
        result.append("\(kind.rawValue) \(pair.stripe?.id ?? pair.charge?.intentID ?? "-") \(row)")
    }

    private func judgeAlone(_ charge: ChargeFacts, into result: inout [String]) {
        if let id = charge.intentID {
            if absent.contains(id) { return judge(IntentPair(stripe: nil, charge: charge), into: &result) }
            guard isLookedAt(charge) else { return }
            if let alike = intents.first(where: { isAlike(id, $0) }) {
                let others = charges.filter { $0.intentID == alike.id }.map(\.rowID)
                return judge(
                    IntentPair(stripe: alike, charge: charge, link: .lookalike, otherRows: others), into: &result)
            }
            // What no list shows is read by id; that is the caller's part.
            result.append("unread \(id) \(charge.rowID)")
        } else if isLookedAt(charge), charge.createdSeconds < Self.now - 300, free(for: charge) == nil {
            judge(IntentPair(stripe: nil, charge: charge), into: &result)
        }
    }
}
