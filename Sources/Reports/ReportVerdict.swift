import Reconciliation

/// The first line of a report, and the small texts around it that all formats share.
public enum ReportVerdict {
    /// Such as `OUT BY -7.00 credits (-$1,400.00) · 3 of 212 agencies · unexplained 0.00`: one line, whatever the
    /// number of currencies. An incomplete statement says so first.
    ///
    /// Amounts of different currencies are neither added nor compared: they stand in one order everywhere, see
    /// ``CurrencyOrder``. Up to three are named, of more the first three and how many more there are. How many agencies
    /// are out counts those, too, whose credits agree and whose money does not.
    /// - Parameter isBesideState: the state stands before it and is not said again.
    public static func line(_ statement: Statement, isBesideState: Bool = false) -> String {
        var parts = head(statement, isBesideState: isBesideState)
        let hasCredits = !statement.agencies.isEmpty || statement.unread.contains(.credits)
        if !statement.agencies.isEmpty, !statement.unread.contains(.credits) {
            // As many as the figures before it are of: of money, too, where an agency's credits agree.
            let out = statement.agencies.count { $0.isOutOfBalance || $0.isOutInMoney }
            parts.append(agencies(Int64(out), statement.totals.agencies))
        }
        parts += charges(statement, named: hasCredits, currenciesMax)
        guard parts.count > (statement.state == .incomplete ? 1 : 0) else {
            return (parts + ["NOTHING TO STATE", "no agency bought, used or was charged anything"])
                .joined(separator: " · ")
        }
        return (parts + rest(statement)).joined(separator: " · ")
    }

    /// A first line that was kept, for a place where the state of its report stands before it.
    public static func beside(_ state: String, _ verdict: String) -> String {
        let head = state + ": "
        return verdict.hasPrefix(head) ? String(verdict.dropFirst(head.count)) : verdict
    }

    /// The subject of a mail is cut off behind about as many characters.
    private static let subjectMax = 150
    /// So many currencies are named in one place.
    private static let currenciesMax = 3

    /// The same for the subject of a mail, behind its state: how far balances and charges are out, and what is
    /// unexplained; with fewer currencies where it would be too long, but never without a figure of what is out, and
    /// with both of two.
    /// - Parameter prefix: what stands before it, the state among it.
    public static func subject(_ statement: Statement, after prefix: String = "") -> String {
        func subject(_ namedMax: Int, isShort: Bool) -> String {
            let head = head(statement, namedMax, isBesideState: true)
            var charges = charges(statement, named: !head.isEmpty, namedMax, isCounted: false)
            if !head.isEmpty, !statement.unread.contains(.charges), outOfBalance(statement).isEmpty { charges = [] }
            return (head + charges + rest(statement, isShort ? nil : namedMax)).joined(separator: " · ")
        }
        return [(currenciesMax, false), (2, false), (2, true)].lazy.map { subject($0, isShort: $1) }
            .first { prefix.count + $0.count <= subjectMax } ?? subject(1, isShort: true)
    }

    /// That it is incomplete, then the credits.
    private static func head(
        _ statement: Statement, _ namedMax: Int = currenciesMax, isBesideState: Bool
    ) -> [String] {
        var parts: [String] = []
        if statement.state == .incomplete {
            let gaps = statement.gaps.count
            let state = isBesideState ? "" : "INCOMPLETE: "
            parts.append("\(state)\(gaps) \(gaps == 1 ? "gap" : "gaps"), these figures are not a statement")
        }
        if statement.unread.contains(.credits) { return parts + ["credits NOT READ up to the cut-off"] }
        guard !statement.agencies.isEmpty else { return parts }
        guard let difference = statement.totals.difference else { return parts + ["difference not known"] }
        let isBalanced = statement.totals.outOfBalance == 0
        // Credits may agree where the money does not: an invoice with taxes, or in another currency.
        let worth = named(amounts(statement).filter { $0.minorUnits != 0 }, statement, namedMax) ?? ""
        // How many agencies are out stands beside it, so that 0.00 does not look like none.
        var head = isBalanced ? "IN BALANCE" : "OUT BY \(decimal(difference)) credits"
        if !worth.isEmpty { head += isBalanced ? " in credits, OUT BY \(worth)" : " (\(worth))" }
        return parts + [head]
    }

    /// The charges of all currencies in a few words.
    /// - Parameter isCounted: with how many agencies' charges are out.
    private static func charges(
        _ statement: Statement, named isNamed: Bool, _ namedMax: Int, isCounted: Bool = true
    ) -> [String] {
        if statement.unread.contains(.charges) { return ["charges NOT READ up to the cut-off"] }
        let totals = statement.chargeTotals
        guard !totals.isEmpty else { return [] }
        let name = isNamed ? "charges " : ""
        guard totals.allSatisfy({ $0.difference != nil }) else { return [name + "difference not known"] }
        func text(_ money: Money) -> String {
            guard money.minorUnits == 0 else { return money.description }
            // Agencies that are out by opposite sums must not look like none.
            let lines = statement.charges.filter { $0.activity.currency == money.currency }
            guard let gross = offset(lines.map { $0.difference ?? 0 }) else { return money.description }
            return "\(money) net, \(Money(minorUnits: gross, currency: money.currency)) gross"
        }
        guard let out = named(outOfBalance(statement), statement, namedMax, text) else { return [name + "IN BALANCE"] }
        guard isCounted else { return ["\(name)OUT BY \(out)"] }
        // An agency may be charged in several currencies.
        let all = Set(statement.charges.map(\.activity.agencyID))
        let isOut = Set(statement.charges.filter(\.isOutOfBalance).map(\.activity.agencyID))
        let count = agencies(Int64(isOut.count), Int64(all.count))
        return isNamed ? ["charges OUT BY \(out) at \(count)"] : ["OUT BY \(out)", count]
    }

    /// What nothing accounts for: credits, then money, the main currency first. What is none in one of them does not
    /// hide what there is in another.
    /// - Parameter namedMax: how many sums of money are named; `nil`: none but how many there are, where there is room
    ///   for no more.
    private static func rest(_ statement: Statement, _ namedMax: Int? = currenciesMax) -> [String] {
        if !statement.unread.contains(.credits), !statement.agencies.isEmpty, statement.totals.unexplained == nil {
            return ["unexplained not known"]
        }
        var words: [String] = []
        let isCharged = !statement.unread.contains(.charges) && !statement.chargeTotals.isEmpty
        let isCredited = !statement.unread.contains(.credits) && !statement.agencies.isEmpty
        guard isCharged || isCredited else { return [] }
        if isCredited, let net = statement.totals.unexplained {
            let text = decimal(net) + gross(net, statement.totals.unexplainedGross, decimal)
            if net != 0 || statement.totals.unexplainedGross != 0 { words.append(text) }
        }
        let order = CurrencyOrder(statement)
        var money = isCredited ? order.sorted(statement.unexplainedMoney).map(\.description) : []
        for totals in isCharged ? order.sorted(statement.chargeTotals, by: \.currency) : [] {
            guard let net = totals.unexplained else { return ["unexplained not known"] }
            func text(_ units: Int64) -> String { Money(minorUnits: units, currency: totals.currency).description }
            if net != 0 || totals.unexplainedGross != 0 {
                money.append("\(text(net))\(gross(net, totals.unexplainedGross, text)) in charges")
            }
        }
        if let namedMax {
            words += listed(money, namedMax, "sum", "sums")
        } else if words.isEmpty || money.count == 1 {
            words += listed(money, 1, "sum", "sums")
        } else if !money.isEmpty {
            words.append("\(money.count) sums of money")
        }
        // An opening is named where its agency's difference does not say the same.
        let openings = statement.agencies.filter {
            ($0.rollForward?.unexplained ?? 0) != 0 && ($0.unexplained ?? 0) == 0
        }
        var parts =
            openings.isEmpty
            ? [] : ["opening off at \(openings.count) \(openings.count == 1 ? "agency" : "agencies")"]
        let zero = isCredited ? decimal(0) : zeroMoney(statement)
        parts.append("unexplained " + (words.isEmpty ? zero : sentence(words)))
        return parts
    }

    private static func zeroMoney(_ statement: Statement) -> String {
        let totals = CurrencyOrder(statement).sorted(statement.chargeTotals, by: \.currency)
        return Money(minorUnits: 0, currency: totals.first?.currency ?? "usd").description
    }

    /// The amounts of up to `max` currencies, and of more how many more there are. `nil` where there are none.
    private static func named(
        _ amounts: [Money], _ statement: Statement, _ max: Int, _ text: (Money) -> String = { $0.description }
    ) -> String? {
        let words = listed(CurrencyOrder(statement).sorted(amounts).map(text), max, "currency", "currencies")
        return words.isEmpty ? nil : sentence(words)
    }

    /// The first `max` of some words, both of two, and how many more there are.
    private static func listed(_ words: [String], _ max: Int, _ one: String, _ several: String) -> [String] {
        guard words.count > Swift.max(max, 2) else { return words }
        let more = words.count - max
        return words.prefix(max) + ["\(more) more \(more == 1 ? one : several)"]
    }

    /// `a`, `a and b`, `a, b and c`.
    private static func sentence(_ words: [String]) -> String {
        words.count < 3
            ? words.joined(separator: " and ")
            : words.dropLast().joined(separator: ", ") + " and " + words[words.count - 1]
    }

    /// The sizes of differences added up; `nil` where the sum does not fit.
    private static func offset(_ differences: [Int64]) -> Int64? {
        var sum: UInt64 = 0
        for difference in differences {
            let (more, overflow) = sum.addingReportingOverflow(difference.magnitude)
            guard !overflow else { return nil }
            sum = more
        }
        return Int64(exactly: sum)
    }

    /// The charges of the currencies in which some agency's are out of balance.
    private static func outOfBalance(_ statement: Statement) -> [Money] {
        statement.chargeTotals.filter { $0.outOfBalance > 0 }.map {
            Money(minorUnits: $0.difference ?? 0, currency: $0.currency)
        }
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
        amounts(statement.purchases)
    }

    /// Recorded minus Stripe, one amount for each currency.
    package static func amounts(_ purchases: [PurchaseTotals]) -> [Money] {
        purchases.compactMap { purchase in
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

    /// What the state of a statement means. What is tolerated is said, or nobody would know that it is there; and
    /// which way the differences go, where there are some.
    package static func meaning(_ statement: Statement) -> String {
        let tolerated = tolerance(statement)
        let sign =
            hasDifference(statement) ? " Differences are what the tables record less what was paid at Stripe." : ""
        guard statement.state == .explained, !tolerated.isEmpty else { return meaning(statement.state) + sign }
        return "Open items account for the difference, but for what is within the tolerance of "
            + "\(tolerated.joined(separator: " and ")) for each agency." + sign
    }

    /// What the state of a report means, with what it does not cover: a list that was not read has nothing in it, and
    /// that has to be said where a reader is told that all is well. So has, that Stripe's history is not all of it.
    package static func meaning(_ report: DiscrepancyReport) -> String {
        covered(report) + (report.wholeHistory.map { " \($0)." } ?? "")
    }

    private static func covered(_ report: DiscrepancyReport) -> String {
        let statement = report.statement
        let unread = report.basis.readSince.filter { $0.value == nil }.keys.sorted()
        guard !unread.isEmpty, statement.state != .incomplete else { return meaning(statement) }
        let accounts = report.basis.unreadAccounts.sorted()
        let of = accounts.isEmpty ? "" : ", and nothing of account \(accounts.joined(separator: ", "))"
        let words =
            statement.state == .clean
            ? "What the balances rest on was read; there nothing differs and nothing is open." : meaning(statement)
        return words
            + " NOT READ up to the cut-off, so nothing is said of them: \(unread.joined(separator: ", "))\(of)."
    }

    /// What a reader has to know beside the verdict: who has something that nothing accounts for, and what of the
    /// signed statement is another today.
    /// - Parameter namedMax: how many agencies are named at most.
    package static func notices(_ report: DiscrepancyReport, namedMax: Int = 8) -> [String] {
        unexplained(report.statement, namedMax: namedMax)
            + [SignedChanges.signedStatement(report), SignedChanges.sentence(report)].compactMap { $0 }
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
        let currencies = Set(statement.charges.filter(\.isWithinTolerance).map(\.activity.currency))
        for currency in CurrencyOrder(statement).sorted(currencies.sorted(), by: \.self) {
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
