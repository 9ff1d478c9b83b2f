extension CreditTotals {
    init(_ lines: [AgencyStatement]) throws(StatementError) {
        func sum(_ what: String, _ figure: (AgencyStatement) -> Int64) throws(StatementError) -> Int64 {
            var total: Int64 = 0
            for line in lines { total = try total.plus(figure(line), "The total of \(what)") }
            return total
        }
        func known(_ what: String, _ figure: (AgencyStatement) -> Int64?) throws(StatementError) -> Int64? {
            guard lines.allSatisfy({ figure($0) != nil }) else { return nil }
            return try sum(what) { figure($0) ?? 0 }
        }
        opening = try sum("opening balances") { $0.activity.opening }
        boughtAtStripe = try sum("credits bought (Stripe)") { $0.activity.boughtAtStripe }
        boughtLocally = try sum("credits bought (local)") { $0.activity.boughtLocally }
        consumed = try sum("credits consumed") { $0.activity.consumed }
        adjustments = try sum("adjustments") { $0.activity.adjustments }
        computed = try sum("computed balances") { $0.computed }
        recorded = try known("recorded balances") { $0.activity.recorded }
        difference = try known("differences") { $0.difference }
        explained = try sum("explained differences") { $0.explained }
        unexplained = try known("unexplained differences") { $0.unexplained }
        unexplainedGross = try grossSum(lines.map(\.unexplained))
        agencies = Int64(lines.count { $0.activity.agencyID != nil })
        outOfBalance = Int64(lines.count(where: \.isOutOfBalance))
    }
}

extension ChargeTotals {
    /// One total for each currency: amounts of different currencies are never added.
    static func byCurrency(_ lines: [ChargeLine]) throws(StatementError) -> [ChargeTotals] {
        var totals: [ChargeTotals] = []
        for (currency, lines) in Dictionary(grouping: lines, by: \.activity.currency).sorted(by: { $0.key < $1.key }) {
            totals.append(try ChargeTotals(currency, lines))
        }
        return totals
    }

    private init(_ currency: String, _ lines: [ChargeLine]) throws(StatementError) {
        let what = "The total of charges in \(currency.uppercased())"
        func sum(_ figure: (ChargeLine) -> Int64) throws(StatementError) -> Int64 {
            var total: Int64 = 0
            for line in lines { total = try total.plus(figure(line), what) }
            return total
        }
        let isKnown = lines.allSatisfy { $0.activity.recorded != nil }
        self.currency = currency
        charged = Tally(count: try sum { $0.activity.charged.count }, amount: try sum { $0.activity.charged.amount })
        recorded =
            isKnown
            ? Tally(
                count: try sum { $0.activity.recorded?.count ?? 0 },
                amount: try sum { $0.activity.recorded?.amount ?? 0 }) : nil
        // Where Stripe was not read, there is nothing to hold the tables against.
        let isRead = !lines.contains(where: \.isUnread)
        difference = isKnown && isRead ? try sum { $0.difference ?? 0 } : nil
        explained = try sum { $0.explained }
        unexplained = isKnown && isRead ? try sum { $0.unexplained ?? 0 } : nil
        unexplainedGross = try grossSum(lines.map(\.unexplained))
        agencies = Int64(Set(lines.compactMap(\.activity.agencyID)).count)
        outOfBalance = Int64(lines.count(where: \.isOutOfBalance))
    }
}

/// The sum of the sizes; `nil` when one of them is not known.
private func grossSum(_ figures: [Int64?]) throws(StatementError) -> Int64? {
    var total: Int64 = 0
    for figure in figures {
        guard let figure else { return nil }
        guard let size = Int64(exactly: figure.magnitude) else {
            throw .overflow(what: "The total of unexplained differences")
        }
        total = try total.plus(size, "The total of unexplained differences")
    }
    return total
}

extension Statement {
    static func purchases(_ lines: [AgencyStatement]) throws(StatementError) -> [PurchaseTotals] {
        var totals: [String: PurchaseTotals] = [:]
        for line in lines {
            for purchase in line.activity.purchases {
                let what = "What was paid for credits in \(purchase.currency.uppercased())"
                var total =
                    totals[purchase.currency]
                    ?? PurchaseTotals(currency: purchase.currency, atStripe: 0, locally: 0)
                total.atStripe = try total.atStripe.plus(purchase.atStripe, what)
                total.locally = try total.locally.plus(purchase.locally, what)
                totals[purchase.currency] = total
            }
        }
        return totals.values.sorted { $0.currency < $1.currency }
    }

    /// One sum for each currency, without those that are 0.
    static func sums(_ amounts: [Money]) throws(StatementError) -> [Money] {
        var sums: [String: Int64] = [:]
        for amount in amounts {
            sums[amount.currency] = try sums[amount.currency, default: 0].plus(
                amount.minorUnits, "The unexplained money in \(amount.currency.uppercased())")
        }
        return sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }
            .map { Money(minorUnits: $0.value, currency: $0.key) }
    }

    /// What explains, by kind. A kind whose items move nothing is no line between the balances.
    static func causes(_ items: [StatementItem]) throws(StatementError) -> [StatementCause] {
        var causes: [StatementCause] = []
        for scope in [StatementItem.Scope.credits, .charges] {
            var totals: [FindingKind: ItemTotals] = [:]
            for item in items where item.scope == scope && item.explains {
                let moves =
                    (scope == .credits && item.creditsEffect != 0) || item.amountEffects.contains { $0.minorUnits != 0 }
                if moves { try totals[item.kind, default: ItemTotals()].add(item) }
            }
            for kind in FindingKind.allCases {
                guard let total = totals[kind] else { continue }
                causes.append(
                    StatementCause(
                        kind: kind, scope: scope, count: total.count, creditsEffect: total.creditsEffect,
                        amounts: total.amounts, counts: total.counts))
            }
        }
        return causes
    }

    /// Why the figures are not a statement.
    static func gaps(
        _ reads: [StatementRead], _ controls: [ControlTotals], _ agencies: [AgencyStatement], _ charges: [ChargeLine]
    ) throws(StatementError) -> [String] {
        var gaps: [String] = []
        if reads.isEmpty { gaps.append("Nothing was read.") }
        for read in reads where !read.isComplete {
            gaps.append("\(read.name) was not read to the end" + (read.reason.map { ": \($0)" } ?? "."))
        }
        for control in controls {
            for (side, totals) in [("Stripe", control.stripe), ("local", control.local)] {
                let rest = try totals.unaccounted()
                guard rest != Tally() else { continue }
                let amount = Money(minorUnits: rest.amount, currency: control.currency)
                gaps.append(
                    "\(control.name) of \(control.account), \(side) side: \(Money.counted(rest.count, "object")) and "
                        + "\(amount) were read and are in no class.")
            }
        }
        // Of a part that was not read, the read says so once.
        for line in agencies where line.state == .incomplete && !line.isUnread {
            gaps.append(missing(line.activity.agencyID, line.activity.missing, "its recorded balance"))
        }
        for line in charges where line.state == .incomplete && !line.isUnread {
            gaps.append(missing(line.activity.agencyID, line.activity.missing, "its recorded charges"))
        }
        return gaps
    }

    private static func missing(_ agencyID: Int64?, _ missing: [String], _ otherwise: String) -> String {
        let what = missing.isEmpty ? otherwise : missing.joined(separator: ", ")
        return "\(OwnerKey(agencyID).name): \(what) could not be read."
    }
}
