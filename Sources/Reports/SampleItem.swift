import Reconciliation

/// One made-up open item.
struct SampleItem {
    let index: Int
    let kind: FindingKind
    let agencyID: Int64
    let agency: String
    let moves: Bool
    let isCharge: Bool
    let cutOffSeconds: Int64
    let creditPrice: Int64

    func make(_ random: inout SampleNumbers) -> ReportItem {
        let credits = isCharge ? 0 : random.int(1...40) * 100
        let units = isCharge ? random.int(40...900) * 100 : credits * creditPrice
        let amount = Money(minorUnits: units, currency: "usd")
        let stripePaid = [.missedPaid, .missingLocally, .paidAfterCancel, .missedSucceeded].contains(kind)
        let sign: Int64 = stripePaid ? -1 : 1
        let age = Int64(random.int(0...3) == 0 ? random.int(0...140) : random.int(0...9))
        let since = cutOffSeconds - age * 86_400 - random.int(1_000...80_000)
        let charges = isCharge && kind == .missedSucceeded
        let effects =
            moves || charges ? [Money(minorUnits: sign * units, currency: "usd")] : []
        let hasStripe = kind != .missingInStripe && kind != .unlinkedOrder
        let hasLocal = kind != .missingLocally
        let other = kind == .amountMismatch ? Money(minorUnits: units - 10_000, currency: "usd") : amount
        let state = ItemState.allCases[Int(random.int(0...3))]
        return ReportItem(
            item: StatementItem(
                id: "F-\(10_000 + index)", agencyID: agencyID, kind: kind, scope: isCharge ? .charges : .credits,
                isInformation: kind == .overdue, creditsEffect: moves ? sign * credits : 0, amountEffects: effects,
                sinceSeconds: since), agency: agency, account: isCharge ? "medflyt" : "task_health",
            explanation: hasLocal ? "Order \(20_000 + index): \(sentence)" : kind.definition,
            stripeInvoice: hasStripe && !isCharge ? "in_1Sample\(500_000 + index)" : nil,
            paymentIntent: isCharge ? "pi_3Sample\(700_000 + index)" : nil,
            localRow: hasLocal ? String(20_000 + index) : nil, stripeAmount: hasStripe ? amount : nil,
            localAmount: hasLocal ? other : nil, credits: isCharge ? nil : credits, stripeStatus: stripeStatus,
            localStatus: hasLocal ? localStatus : "absent", paidAtSeconds: stripePaid ? since : nil,
            firstSeenSeconds: since + 3_600, runsSeen: max(1, age),
            owner: state == .new ? nil : ["Dana Levi", "Miriam Okafor", "J. Whitfield"][index % 3], state: state,
            note: state == .accepted ? "Agreed with the agency by telephone." : nil,
            proposedRepair: kind.defaultAction == .apply ? repair : nil)
    }

    private var sentence: String {
        kind.definition.hasPrefix("Stripe")
            ? kind.definition : kind.definition.prefix(1).lowercased() + kind.definition.dropFirst()
    }

    private var repair: String {
        kind == .missedPaid ? "Mark the order paid and add its credits." : "Bring the local row to Stripe's state."
    }

    private var stripeStatus: String {
        switch kind {
        case .missedVoid, .voidAfterPaid: "void"
        case .staleDraft: "draft"
        case .unpaidInStripe, .overdue, .notVoided: "open"
        case .uncollectible: "uncollectible"
        case .missingInStripe, .unlinkedOrder: "absent"
        case .missedSucceeded: "succeeded"
        case .missedCanceled: "canceled"
        case .missedFailed, .staleIntent: "requires_payment_method"
        default: "paid"
        }
    }

    private var localStatus: String {
        switch kind {
        case .unpaidInStripe, .voidAfterPaid, .missingInStripe, .credited, .refunded, .disputed: "paid"
        case .paidAfterCancel, .notVoided: "cancelled"
        case .missedSucceeded, .missedCanceled, .missedFailed, .staleIntent: "pending"
        default: "open"
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
package struct SampleNumbers: RandomNumberGenerator {
    package var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Spelled out, because the standard library may draw differently from one version to the next.
    mutating func int(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    mutating func agencyName() -> String {
        let first = [
            "Sunrise", "Harbor", "Evergreen", "Cedar Hill", "Liberty", "Maple", "Northside", "Golden Age",
            "Bright Path",
            "Hudson", "Riverside", "Beacon", "Heritage", "Silver Oak", "Unity", "Parkview",
        ]
        let second = ["Home Care", "Home Health", "Senior Services", "Care Partners", "Nursing", "Companions", "Aides"]
        let third = ["", "", " LLC", " of Queens", " of Brooklyn", " Inc.", " NJ", " Group"]
        return first[Int(int(0...15))] + " " + second[Int(int(0...6))] + third[Int(int(0...7))]
    }
}
