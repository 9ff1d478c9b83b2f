import Reconciliation

/// The first line of a report, and the small texts around it that all formats share.
public enum ReportVerdict {
    /// Such as `OUT BY -7.00 credits (-$1,400.00) · 3 of 212 agencies · unexplained 0.00`. An incomplete statement
    /// says so first.
    public static func line(_ statement: Statement) -> String {
        groups(statement).joined(separator: " · ")
    }

    /// The line in its parts: that it is incomplete, then credits, then the charges of each currency.
    package static func groups(_ statement: Statement) -> [String] {
        var groups: [[String]] = []
        if statement.state == .incomplete {
            let gaps = statement.gaps.count
            groups.append(["INCOMPLETE: \(gaps) \(gaps == 1 ? "gap" : "gaps"), these figures are not a statement"])
        }
        if statement.unread.contains(.credits) {
            groups.append(["credits NOT READ up to the cut-off"])
        } else if !statement.agencies.isEmpty {
            groups.append(credits(statement))
        }
        if statement.unread.contains(.charges) {
            groups.append(["charges NOT READ up to the cut-off"])
        } else {
            for total in statement.chargeTotals { groups.append(charges(total, named: !statement.agencies.isEmpty)) }
        }
        if statement.agencies.isEmpty && statement.chargeTotals.isEmpty && statement.state != .incomplete {
            groups.append(["NOTHING TO STATE", "no agency bought, used or was charged anything"])
        }
        return groups.map { $0.joined(separator: " · ") }
    }

    private static func credits(_ statement: Statement) -> [String] {
        let totals = statement.totals
        guard let difference = totals.difference, let unexplained = totals.unexplained else {
            return ["difference not known", agencies(totals.outOfBalance, totals.agencies), "unexplained not known"]
        }
        let isBalanced = totals.outOfBalance == 0
        let money = amounts(statement).filter { $0.minorUnits != 0 }
        let worth = money.map(\.description).joined(separator: ", ")
        let rest = statement.unexplainedMoney.map(\.description).joined(separator: ", ")
        var head = isBalanced ? "IN BALANCE" : "OUT BY \(decimal(difference)) credits"
        // Credits may agree where the money does not: an invoice with taxes, or in another currency.
        if !worth.isEmpty { head += isBalanced ? " in credits, OUT BY \(worth)" : " (\(worth))" }
        let openings = statement.agencies.compactMap { $0.rollForward?.unexplained }.filter { $0 != 0 }
        return [head, agencies(totals.outOfBalance, totals.agencies)]
            + (openings.isEmpty
                ? [] : ["opening off at \(openings.count) \(openings.count == 1 ? "agency" : "agencies")"])
            + [
                "unexplained " + decimal(unexplained) + gross(unexplained, totals.unexplainedGross, decimal)
                    + (rest.isEmpty ? "" : " and " + rest)
            ]
    }

    private static func charges(_ totals: ChargeTotals, named: Bool) -> [String] {
        func money(_ units: Int64) -> String { Money(minorUnits: units, currency: totals.currency).description }
        let name = named ? "charges " : ""
        guard let difference = totals.difference, let unexplained = totals.unexplained else {
            return [name + "in \(totals.currency.uppercased()): difference not known"]
        }
        let head = totals.outOfBalance == 0 ? "IN BALANCE" : "OUT BY \(money(difference))"
        return [name + head, agencies(totals.outOfBalance, totals.agencies)]
            + ["unexplained " + money(unexplained) + gross(unexplained, totals.unexplainedGross, money)]
    }

    private static func agencies(_ out: Int64, _ all: Int64) -> String {
        "\(Money.grouped(out)) of \(Money.grouped(all)) \(all == 1 ? "agency" : "agencies")"
    }

    /// Rests of opposite signs must not look like none.
    private static func gross(_ net: Int64, _ gross: Int64?, _ text: (Int64) -> String) -> String {
        guard let gross, gross.magnitude != net.magnitude else { return "" }
        return " net, \(text(gross)) gross"
    }

    /// What the difference is worth: recorded minus Stripe, one amount for each currency.
    package static func amounts(_ statement: Statement) -> [Money] {
        statement.purchases.compactMap { purchase in
            let (amount, overflow) = purchase.locally.subtractingReportingOverflow(purchase.atStripe)
            return overflow ? nil : Money(minorUnits: amount, currency: purchase.currency)
        }
    }

    /// Credits with two decimals, `-7.00`.
    package static func decimal(_ credits: Int64) -> String { Money.grouped(credits) + ".00" }

    /// What a state means, for a reader who sees it for the first time.
    package static func meaning(_ state: StatementState) -> String {
        switch state {
        case .clean: "Everything that it covers was read, nothing differs, nothing is open."
        case .explained: "Open items account for the whole difference."
        case .unexplained: "A part of the difference, or of the roll-forward, has no item that accounts for it."
        case .incomplete: "Something was not read. Do not rely on these figures."
        }
    }

    /// How many agencies are named; the lines of the statement have all of them.
    private static let namedMax = 8

    /// Who has something that nothing accounts for, and what: a line for each agency, the largest first.
    package static func unexplained(_ statement: Statement) -> [String] {
        var lines: [(size: UInt64, text: String)] = []
        for line in statement.agencies where line.state == .unexplained {
            var words: [String] = []
            let rest = line.unexplained ?? 0
            if rest != 0, !line.isWithinTolerance { words.append("\(decimal(rest)) credits unexplained") }
            let opening = line.rollForward?.unexplained ?? 0
            if opening != 0 { words.append("its opening is off by \(decimal(opening)) credits from what was signed") }
            if !line.unexplainedMoney.isEmpty {
                words.append("money unexplained: " + line.unexplainedMoney.map(\.description).joined(separator: ", "))
            }
            if line.unexplainedBought != 0 {
                let more = decimal(abs(line.unexplainedBought)) + (line.unexplainedBought > 0 ? " more" : " fewer")
                words.append("\(more) credits recorded as bought than Stripe's payments buy")
            }
            let name = who(line.activity.agencyID, line.activity.name)
            lines.append((max(rest.magnitude, opening.magnitude), "\(name): " + words.joined(separator: "; ")))
        }
        for line in statement.charges where line.state == .unexplained {
            let rest = Money(minorUnits: line.unexplained ?? 0, currency: line.activity.currency)
            let name = who(line.activity.agencyID, line.activity.name)
            lines.append((0, "\(name): charges unexplained: \(rest)"))
        }
        let named = lines.sorted { ($1.size, $0.text) < ($0.size, $1.text) }.prefix(namedMax).map(\.text)
        let more = lines.count - named.count
        return named + (more > 0 ? ["and \(Money.grouped(Int64(more))) more, in the statement's lines"] : [])
    }

    private static func who(_ agencyID: Int64?, _ name: String) -> String {
        guard let agencyID else { return "What no agency claims" }
        return "\(ReportText.shown(ReportText.visible(name), 60)) (\(agencyID))"
    }

    /// What the state of a statement means. What is tolerated is said, or nobody would know that it is there; and
    /// which way the differences go, where there are some.
    package static func meaning(_ statement: Statement) -> String {
        let tolerated = tolerance(statement)
        let sign = hasDifference(statement) ? " Differences are what the tables record less what Stripe took." : ""
        guard statement.state == .explained, !tolerated.isEmpty else { return meaning(statement.state) + sign }
        return "Open items account for the difference, but for what is within the tolerance of "
            + "\(tolerated.joined(separator: " and ")) for each agency." + sign
    }

    /// Whether the first line states a difference.
    private static func hasDifference(_ statement: Statement) -> Bool {
        let credits = !statement.unread.contains(.credits) && (statement.totals.difference ?? 0) != 0
        let money = !statement.unread.contains(.credits) && amounts(statement).contains { $0.minorUnits != 0 }
        let charges =
            !statement.unread.contains(.charges) && statement.chargeTotals.contains { ($0.difference ?? 0) != 0 }
        return credits || money || charges
    }

    /// The tolerances that something unexplained is within, such as `±60.00 credits`.
    private static func tolerance(_ statement: Statement) -> [String] {
        var texts = statement.withinTolerance.isEmpty ? [] : ["±\(decimal(statement.toleranceCredits)) credits"]
        for currency in Set(statement.charges.filter(\.isWithinTolerance).map(\.activity.currency)).sorted() {
            let units = statement.toleranceMinorUnits[currency] ?? 0
            texts.append("±" + Money(minorUnits: units, currency: currency).description)
        }
        return texts
    }

    /// `99.87 %`, rounded down; a dash when there is nothing to compare.
    package static func percent(_ per10000: Int64?) -> String {
        guard let per10000 else { return "–" }
        let rest = per10000 % 100
        return "\(per10000 / 100).\(rest < 10 ? "0" : "")\(rest) %"
    }
}

extension Money {
    /// Plain digits for machines: `-1400.00`, `1000` for JPY, `12.345` for BHD.
    package var plain: String {
        let decimals = Money.decimals(of: currency)
        let digits = String(minorUnits.magnitude)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let sign = minorUnits < 0 ? "-" : ""
        return decimals == 0 ? sign + digits : sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    /// With a comma between thousands and without the currency, for a column that names it: `-1,400.00`.
    package var grouped: String {
        let text = plain
        let sign = text.hasPrefix("-") ? "-" : ""
        let digits = text.dropFirst(sign.count)
        guard let point = digits.firstIndex(of: ".") else { return sign + Money.grouped(String(digits)) }
        return sign + Money.grouped(String(digits[..<point])) + digits[point...]
    }
}
