/// What was paid before the cut-off on one side in one currency, of the objects that one run read in its look-back, or
/// of those that none of the statement's runs did. Added up they have to be what the statement's lines come to.
public struct StatementTie: Sendable, Hashable, Comparable {
    public enum Side: String, CaseIterable, Sendable, Hashable {
        case stripe = "Stripe"
        case local
    }

    public var part: StatementItem.Scope
    public var side: Side
    /// Lower case.
    public var currency: String
    /// The run in whose look-back they were created; `nil`: before or outside of all of them.
    public var runID: Int64?
    public var paid: Tally

    public init(part: StatementItem.Scope, side: Side, currency: String, runID: Int64?, paid: Tally) {
        self.part = part
        self.side = side
        self.currency = currency.lowercased()
        self.runID = runID
        self.paid = paid
    }

    private var key: (Int, Int, String, Int64) {
        (part == .credits ? 0 : 1, side == .stripe ? 0 : 1, currency, runID ?? .max)
    }

    public static func < (one: StatementTie, other: StatementTie) -> Bool { one.key < other.key }
}

extension Statement {
    /// What the lines of a part come to on one side in one currency, in minor units; `nil` where there is none.
    public func stated(_ part: StatementItem.Scope, _ side: StatementTie.Side, _ currency: String) -> Int64? {
        Statement.stated(part, side, currency, purchases, chargeTotals)
    }

    private static func stated(
        _ part: StatementItem.Scope, _ side: StatementTie.Side, _ currency: String, _ purchases: [PurchaseTotals],
        _ charges: [ChargeTotals]
    ) -> Int64? {
        switch part {
        case .credits:
            let sum = purchases.first { $0.currency == currency }
            return side == .stripe ? sum?.atStripe : sum?.locally
        case .charges:
            let sum = charges.first { $0.currency == currency }
            return side == .stripe ? sum?.charged.amount : sum?.recorded?.amount
        }
    }

    /// The sums that do not tie, a sentence each. Of a part that was not read nothing is said.
    static func tieGaps(
        _ ties: [StatementTie], _ purchases: [PurchaseTotals], _ charges: [ChargeTotals],
        unread: Set<StatementItem.Scope>
    ) throws(StatementError) -> [String] {
        var gaps: [String] = []
        // Without any there is nothing to hold the lines against.
        guard !ties.isEmpty else { return gaps }
        for part in StatementItem.Scope.allCases where !unread.contains(part) {
            let ofPart = ties.filter { $0.part == part }
            let stated = part == .credits ? purchases.map(\.currency) : charges.map(\.currency)
            for currency in Set(ofPart.map(\.currency) + stated).sorted() {
                for side in StatementTie.Side.allCases {
                    var sum: Int64 = 0
                    for tie in ofPart where tie.currency == currency && tie.side == side {
                        sum = try sum.plus(tie.paid.amount, "What was paid in \(currency.uppercased())")
                    }
                    let lines = Statement.stated(part, side, currency, purchases, charges) ?? 0
                    guard sum != lines else { continue }
                    gaps.append(
                        "\(part.rawValue.capitalizedFirst), \(side.rawValue) side: what was paid comes to "
                            + "\(Money(minorUnits: sum, currency: currency)), the lines to "
                            + "\(Money(minorUnits: lines, currency: currency)).")
                }
            }
        }
        return gaps
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
