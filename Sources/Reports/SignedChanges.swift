import Reconciliation

/// What became of the signed statement that a report opens at, in the words of the first screens.
package enum SignedChanges {
    /// Such as `Report 3 is signed for this cut-off and states: OUT BY 11.00 credits · …`. `nil` where no other report
    /// of the same cut-off was signed when this one was made.
    package static func signedStatement(_ report: DiscrepancyReport) -> String? {
        report.basis.signedStatement.map { signed in
            let who = signed.isReviewed ? "signed" : "signed by its preparer"
            return "Report \(signed.id) is \(who) for this cut-off and states"
                + (signed.isSame
                    ? " the same."
                    : ": \(signed.state.rawValue), \(ReportVerdict.beside(signed.state.rawValue, signed.verdict))")
        }
    }

    /// Such as `Changed since sign-off (report 1): 2 lines, -5,000.00 credits in the tables.` `nil` where nothing was
    /// signed, or nothing of it is another today.
    package static func sentence(_ report: DiscrepancyReport) -> String? {
        let changes = report.changedSinceSignOff
        guard !changes.isEmpty else { return nil }
        let signed = report.basis.opensAt.map { " (report \($0.id))" } ?? ""
        let count = Int64(changes.count)
        return "Changed since sign-off\(signed): \(Money.grouped(count)) \(count == 1 ? "line" : "lines"), "
            + moved(changes.map(\.move), CurrencyOrder(report.statement)) + "."
    }

    /// `-5,000.00 credits and -$2,500.00 in the tables; +10.00 credits at Stripe`.
    private static func moved(_ moves: [SignedMove], _ order: CurrencyOrder) -> String {
        guard let sum = try? SignedMove.sum(moves) else { return "more than can be added up" }
        let sides = [
            (
                "in the tables",
                credits(sum.creditsInTables, moves.map(\.creditsInTables)) + order.sorted(sum.moneyInTables).map(signed)
            ),
            (
                "at Stripe",
                credits(sum.creditsAtStripe, moves.map(\.creditsAtStripe)) + order.sorted(sum.moneyAtStripe).map(signed)
            ),
        ]
        let both = [
            ("adjustments", credits(sum.adjustments, moves.map(\.adjustments))),
            ("consumed", credits(sum.consumed, moves.map(\.consumed))),
        ]
        let words =
            sides.filter { !$0.1.isEmpty }.map { "\($0.1.joined(separator: ", ")) \($0.0)" }
            + both.flatMap { name, words in words.map { "\(name) \($0)" } }
        return words.isEmpty ? "no balance moved by them" : words.joined(separator: "; ")
    }

    /// Moves of opposite signs must not look like none.
    private static func credits(_ net: Int64, _ moves: [Int64]) -> [String] {
        let gross = moves.reduce(UInt64(0)) { $0.addingReportingOverflow($1.magnitude).partialValue }
        guard gross != 0 else { return [] }
        let text = (net > 0 ? "+" : "") + ReportVerdict.decimal(net) + " credits"
        guard gross != net.magnitude, let gross = Int64(exactly: gross) else { return [text] }
        return [text + " net (\(ReportVerdict.decimal(gross)) gross)"]
    }

    private static func signed(_ money: Money) -> String { (money.minorUnits > 0 ? "+" : "") + money.description }
}
