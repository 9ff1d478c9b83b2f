import Reconciliation

/// The first line of a report, and the small texts around it that all formats share.
public enum ReportVerdict {
    /// Such as `OUT BY -7.00 credits (-$1,400.00) · 3 of 212 agencies · unexplained 0.00`: one line of about 120
    /// characters, whatever the number of currencies. An incomplete statement says so first.
    /// - Parameter isBesideState: the state stands before it and is not said again.
    public static func line(_ statement: Statement, isBesideState: Bool = false) -> String {
        var parts = head(statement, isBesideState: isBesideState)
        let hasCredits = !statement.agencies.isEmpty || statement.unread.contains(.credits)
        if !statement.agencies.isEmpty, !statement.unread.contains(.credits) {
            parts.append(agencies(statement.totals.outOfBalance, statement.totals.agencies))
        }
        parts += charges(statement, named: hasCredits)
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
    private static let subjectMax = 120

    /// The same for the subject of a mail, behind its state: how far balances and charges are out, and what is
    /// unexplained; with fewer sums where it would be too long.
    /// - Parameter prefix: what stands before it, the state among it.
    public static func subject(_ statement: Statement, after prefix: String = "") -> String {
        func subject(_ namedMax: Int, isShort: Bool) -> String {
            let head = head(statement, namedMax, isBesideState: true)
            var charges = charges(statement, named: !head.isEmpty, namedMax)
            if !head.isEmpty, !statement.unread.contains(.charges), outOfBalance(statement).isEmpty { charges = [] }
            if isShort, !head.isEmpty, !charges.isEmpty { charges = ["charges OUT"] }
            return (head + charges + rest(statement, isShort: isShort)).joined(separator: " · ")
        }
        let texts = [subject(2, isShort: false), subject(1, isShort: false)]
        return texts.first { prefix.count + $0.count <= subjectMax } ?? subject(1, isShort: true)
    }

    /// That it is incomplete, then the credits.
    private static func head(_ statement: Statement, _ namedMax: Int = 2, isBesideState: Bool) -> [String] {
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
    private static func charges(_ statement: Statement, named isNamed: Bool, _ namedMax: Int = 2) -> [String] {
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
            let out = lines.count(where: \.isOutOfBalance)
            return "\(money) net, \(Money(minorUnits: gross, currency: money.currency)) gross at \(out) "
                + (out == 1 ? "agency" : "agencies")
        }
        guard let out = named(outOfBalance(statement), statement, namedMax, text) else { return [name + "IN BALANCE"] }
        guard !isNamed else { return ["charges OUT BY \(out)"] }
        let lines = totals.reduce((out: Int64(0), all: Int64(0))) { ($0.out + $1.outOfBalance, $0.all + $1.agencies) }
        let count = totals.count == 1 ? [agencies(lines.out, lines.all)] : []
        return ["OUT BY \(out)"] + count
    }

    /// What nothing accounts for: credits, then money, the main currency first. What is none in one of them does not
    /// hide what there is in another.
    private static func rest(_ statement: Statement, isShort: Bool = false) -> [String] {
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
        var money = isCredited ? statement.unexplainedMoney.map(\.description) : []
        for totals in isCharged ? inOrder(statement.chargeTotals, statement) : [] {
            guard let net = totals.unexplained else { return ["unexplained not known"] }
            func text(_ units: Int64) -> String { Money(minorUnits: units, currency: totals.currency).description }
            if net != 0 || totals.unexplainedGross != 0 {
                money.append("\(text(net))\(gross(net, totals.unexplainedGross, text)) in charges")
            }
        }
        words += money.prefix(1)
        if money.count > 1 {
            words.append(isShort ? "more" : "\(money.count - 1) more \(money.count == 2 ? "sum" : "sums")")
        }
        // An opening is named where its agency's difference does not say the same.
        let openings = statement.agencies.filter {
            ($0.rollForward?.unexplained ?? 0) != 0 && ($0.unexplained ?? 0) == 0
        }
        var parts =
            openings.isEmpty
            ? [] : ["opening off at \(openings.count) \(openings.count == 1 ? "agency" : "agencies")"]
        let zero = isCredited ? decimal(0) : zeroMoney(statement)
        parts.append("unexplained " + (words.isEmpty ? zero : words.joined(separator: " and ")))
        return parts
    }

    private static func zeroMoney(_ statement: Statement) -> String {
        Money(minorUnits: 0, currency: inOrder(statement.chargeTotals, statement).first?.currency ?? "usd").description
    }

    /// The amounts of up to `max` currencies, the main one first: amounts of different currencies are never added. Of
    /// more the largest, and how many more there are. `nil` where there are none.
    private static func named(
        _ amounts: [Money], _ statement: Statement, _ max: Int, _ text: (Money) -> String = { $0.description }
    ) -> String? {
        let main = mainCurrency(statement)
        let ordered = amounts.filter { $0.currency == main } + amounts.filter { $0.currency != main }
        guard ordered.count > max else {
            return ordered.isEmpty ? nil : ordered.map(text).joined(separator: " and ")
        }
        func size(_ money: Money) -> Double {
            // Only which one is named rests on it: minor units of different currencies are of different size.
            Double(money.minorUnits.magnitude) / [1, 10, 100, 1_000][Money.decimals(of: money.currency)]
        }
        let largest = ordered.dropFirst().reduce(ordered[0]) { size($1) > size($0) ? $1 : $0 }
        let more = ordered.count - 1
        return "\(text(largest)) and \(more) more \(more == 1 ? "currency" : "currencies")"
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

    private static func inOrder(_ totals: [ChargeTotals], _ statement: Statement) -> [ChargeTotals] {
        let main = mainCurrency(statement)
        return totals.filter { $0.currency == main } + totals.filter { $0.currency != main }
    }

    /// The currency in which most agencies have lines, of several the first.
    private static func mainCurrency(_ statement: Statement) -> String? {
        var agencies: [String: Int64] = [:]
        for line in statement.agencies {
            for sum in line.activity.purchases { agencies[sum.currency, default: 0] += 1 }
        }
        for totals in statement.chargeTotals { agencies[totals.currency, default: 0] += totals.agencies }
        return agencies.min { ($1.value, $0.key) < ($0.value, $1.key) }?.key
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
            if opening != 0, opening.magnitude == rest.magnitude, !words.isEmpty {
                // One fact, which both figures show: an adjustment that was written behind the signature.
                words = ["\(decimal(rest)) credits unexplained, by which its opening is off from what was signed"]
            } else if opening != 0 {
                words.append("its opening is off by \(decimal(opening)) credits from what was signed")
            }
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

    /// What the state of a report means, with what it does not cover: a list that was not read has nothing in it, and
    /// that has to be said where a reader is told that all is well.
    package static func meaning(_ report: DiscrepancyReport) -> String {
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
    package static func notices(_ report: DiscrepancyReport) -> [String] {
        unexplained(report.statement)
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
