import Reconciliation

extension ReportVerdict {
    /// A line of the list, and where it stands in it.
    private struct UnexplainedLine {
        let rank: SizeRank
        let agencyID: Int64?
        let text: String
    }

    /// Who has something that nothing accounts for, and what: a line for each agency, the most credits first, then
    /// money, by currency and in each the most first.
    /// - Parameter namedMax: how many agencies are named; the lines of the statement have all of them.
    package static func unexplained(_ statement: Statement, namedMax: Int = 8) -> [String] {
        let lines = unexplainedLines(statement)
        let named: [String] = lines.prefix(namedMax).map(\.text)
        let more = lines.count - named.count
        return named + (more > 0 ? ["and \(Money.grouped(Int64(more))) more, in the statement's lines"] : [])
    }

    /// The agency with the most that nothing accounts for: where to look first.
    public static func firstUnexplained(_ statement: Statement) -> Int64? {
        unexplainedLines(statement).lazy.compactMap(\.agencyID).first
    }

    private static func unexplainedLines(_ statement: Statement) -> [UnexplainedLine] {
        let currencies = CurrencyOrder(statement)
        var lines: [UnexplainedLine] = []
        for line in statement.agencies where line.state == .unexplained {
            lines.append(unexplained(line, currencies))
        }
        for line in statement.charges where line.state == .unexplained {
            let rest = Money(minorUnits: line.unexplained ?? 0, currency: line.activity.currency)
            let name = who(line.activity.agencyID, line.activity.name)
            lines.append(
                UnexplainedLine(
                    rank: currencies.rank(rest), agencyID: line.activity.agencyID,
                    text: "\(name): charges unexplained: \(rest)"))
        }
        // Of two of one size the agency's id decides: in that order they have come.
        let order = lines.indices.sorted { (one: Int, other: Int) -> Bool in
            let (left, right) = (lines[one].rank, lines[other].rank)
            return left == right ? one < other : left < right
        }
        return order.map { lines[$0] }
    }

    private static func unexplained(_ line: AgencyStatement, _ order: CurrencyOrder) -> UnexplainedLine {
        var words: [String] = []
        let rest = line.unexplained ?? 0
        if rest != 0, !line.isWithinTolerance { words.append("\(decimal(rest)) credits unexplained") }
        let opening = line.rollForward?.unexplained ?? 0
        if opening != 0, opening.magnitude == rest.magnitude, !words.isEmpty {
            // One fact, which both figures show: an adjustment that was written behind the signature.
            words = ["\(decimal(rest)) credits unexplained, by which its opening is off from what was signed"]
        } else if opening != 0 {
            words.append("its opening is off by \(decimal(opening)) credits from what was signed")
        }
        let money = order.sorted(line.unexplainedMoney)
        if !money.isEmpty {
            words.append("money unexplained: " + money.map(\.description).joined(separator: ", "))
        }
        let bought = line.unexplainedBought
        if bought != 0 {
            let more = decimal(abs(bought)) + (bought > 0 ? " more" : " fewer")
            words.append("\(more) credits recorded as bought than Stripe's payments buy")
        }
        let size = max(rest.magnitude, opening.magnitude, bought.magnitude)
        let name = who(line.activity.agencyID, line.activity.name)
        return UnexplainedLine(
            rank: order.rank(credits: size, money.first), agencyID: line.activity.agencyID,
            text: "\(name): " + words.joined(separator: "; "))
    }

    private static func who(_ agencyID: Int64?, _ name: String) -> String {
        guard let agencyID else { return "What no agency claims" }
        return "\(ReportText.shown(ReportText.visible(name), 60)) (\(agencyID))"
    }
}
