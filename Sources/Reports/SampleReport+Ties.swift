import Reconciliation

extension SampleReport {
    /// A report of last night, and one that two people signed at the beginning of the period.
    var basis: ReportBasis {
        ReportBasis(
            comparedWith: ReportReference(id: 411, cutOffSeconds: Self.cutOffSeconds - 86_400),
            opensAt: ReportReference(id: 376, cutOffSeconds: Self.cutOffSeconds - 35 * 86_400),
            unstated: ["replay-events": 3])
    }

    /// What was paid: of the credits half in the look-back of the run, the rest before.
    static func ties(_ activities: [AgencyActivity], _ charges: [ChargeActivity]) -> [StatementTie] {
        var ties: [StatementTie] = []
        func add(_ part: StatementItem.Scope, _ side: StatementTie.Side, _ run: Int64?, _ count: Int64, _ sum: Int64) {
            guard count > 0 || sum != 0 else { return }
            ties.append(
                StatementTie(
                    part: part, side: side, currency: "usd", runID: run, paid: Tally(count: count, amount: sum)))
        }
        let purchases = activities.flatMap(\.purchases)
        for (side, sum) in [
            (StatementTie.Side.stripe, purchases.map(\.atStripe).reduce(0, +)),
            (.local, purchases.map(\.locally).reduce(0, +)),
        ] {
            let count = Int64(purchases.count * 9)
            add(.credits, side, 1_842, count / 2, sum / 2)
            add(.credits, side, nil, count - count / 2, sum - sum / 2)
        }
        for (side, tallies) in [
            (StatementTie.Side.stripe, charges.map(\.charged)), (.local, charges.compactMap(\.recorded)),
        ] {
            add(.charges, side, nil, tallies.map(\.count).reduce(0, +), tallies.map(\.amount).reduce(0, +))
        }
        return ties
    }
}
