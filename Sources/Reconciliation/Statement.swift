/// What the balances are, by how much they are wrong, and why: the whole statement, computed by
/// ``Statement/init(_:)``. The same data gives the same value in whatever order it came.
public struct Statement: Sendable, Hashable {
    public let cutOff: StatementCutOff
    public let toleranceCredits: Int64
    public let toleranceMinorUnits: [String: Int64]
    /// By agency id, what no agency claims last.
    public let agencies: [AgencyStatement]
    public let totals: CreditTotals
    /// By agency id and currency.
    public let charges: [ChargeLine]
    /// One for each currency, in order of the currency.
    public let chargeTotals: [ChargeTotals]
    /// What was paid for credits, one sum for each currency.
    public let purchases: [PurchaseTotals]
    /// By kind, credits before charges.
    public let causes: [StatementCause]
    /// By identity.
    public let items: [StatementItem]
    public let aging: AgingTable
    /// Of the items that only inform: both tables together have every item.
    public let informationAging: AgingTable
    public let reads: [StatementRead]
    public let controls: [ControlTotals]
    /// By part, side, currency and run.
    public let ties: [StatementTie]
    public let matchRate: MatchRate
    /// The parts whose side at Stripe was not read up to the cut-off.
    public let unread: Set<StatementItem.Scope>
    /// What was paid for credits, locally minus at Stripe, and no item accounts for; none where everything is.
    public let unexplainedMoney: [Money]
    public let changes: StatementChanges
    public let state: StatementState
    /// Why the statement is incomplete, a sentence each; empty unless it is.
    public let gaps: [String]

    /// Computes the statement.
    /// - Throws: ``StatementError``: a sum leaves `Int64`, or an agency or item was given twice.
    public init(_ input: StatementInput) throws(StatementError) {
        let items = try Statement.distinct(input.items)
        let byOwner = try ItemsByOwner(items, cutOffSeconds: input.cutOff.seconds)
        let agencies = try Statement.agencyLines(input, byOwner)
        let charges = try Statement.chargeLines(input, byOwner)
        cutOff = input.cutOff
        toleranceCredits = input.toleranceCredits
        toleranceMinorUnits = input.toleranceMinorUnits
        self.agencies = agencies
        self.charges = charges
        self.items = items
        totals = try CreditTotals(agencies)
        chargeTotals = try ChargeTotals.byCurrency(charges)
        purchases = try Statement.purchases(agencies)
        causes = try Statement.causes(items)
        aging = try AgingTable(items, cutOffSeconds: input.cutOff.seconds)
        informationAging = try AgingTable(items, cutOffSeconds: input.cutOff.seconds, isInformation: true)
        reads = input.reads.sorted { ($0.name, $0.rows, $0.pages) < ($1.name, $1.rows, $1.pages) }
        controls = input.controls.sorted {
            ($0.account, $0.name, $0.currency) < ($1.account, $1.name, $1.currency)
        }
        matchRate = try MatchRate(controls)
        ties = input.ties.sorted()
        unread = input.unread
        unexplainedMoney = try Statement.sums(agencies.flatMap(\.unexplainedMoney))
        let gaps =
            try Statement.gaps(reads, controls, agencies, charges)
            + Statement.tieGaps(input.ties, purchases, chargeTotals, unread: input.unread)
        self.gaps = gaps
        var state = (agencies.map(\.state) + charges.map(\.state)).max() ?? .clean
        if items.contains(where: { !$0.isInformation }) { state = max(state, .explained) }
        if !gaps.isEmpty { state = .incomplete }
        self.state = state
        changes = StatementChanges(
            items, previous: input.previous, cutOffSeconds: input.cutOff.seconds, state: state)
    }

    /// The agencies with the largest differences, then with the largest unexplained rest, at most `count`; those in
    /// balance are left out.
    public func largestAgencies(_ count: Int = 5) -> [AgencyStatement] {
        let out = agencies.filter { $0.isOutOfBalance || ($0.unexplained ?? 0) != 0 }
        return Array(
            out.sorted { one, other in
                let sizes = ((one.difference ?? 0).magnitude, (one.unexplained ?? 0).magnitude)
                let others = ((other.difference ?? 0).magnitude, (other.unexplained ?? 0).magnitude)
                if sizes != others { return sizes > others }
                return OwnerKey(one.activity.agencyID) < OwnerKey(other.activity.agencyID)
            }.prefix(max(0, count)))
    }

    /// The same for charges of one currency.
    public func largestCharges(_ currency: String, _ count: Int = 5) -> [ChargeLine] {
        let out = charges.filter {
            $0.activity.currency == currency && ($0.isOutOfBalance || ($0.unexplained ?? 0) != 0)
        }
        return Array(
            out.sorted { one, other in
                let sizes = ((one.difference ?? 0).magnitude, (one.unexplained ?? 0).magnitude)
                let others = ((other.difference ?? 0).magnitude, (other.unexplained ?? 0).magnitude)
                if sizes != others { return sizes > others }
                return OwnerKey(one.activity.agencyID) < OwnerKey(other.activity.agencyID)
            }.prefix(max(0, count)))
    }

    /// Lines whose unexplained rest is within the tolerance: listed, never hidden.
    public var withinTolerance: [AgencyStatement] { agencies.filter(\.isWithinTolerance) }
}

/// Agencies in order of their id, what no agency claims last.
struct OwnerKey: Hashable, Comparable {
    let agencyID: Int64?

    init(_ agencyID: Int64?) { self.agencyID = agencyID }

    static func < (one: OwnerKey, other: OwnerKey) -> Bool {
        switch (one.agencyID, other.agencyID) {
        case (let left?, let right?): left < right
        case (_?, nil): true
        default: false
        }
    }

    var name: String { agencyID.map { "Agency \($0)" } ?? "What no agency claims" }
}
