import Reconciliation

/// The sheets of a report, in their order, with everything that they share worked out once.
package struct ReportSheets: Sendable {
    package let report: DiscrepancyReport
    package let verdict: String
    /// The open items in the order in which people read them: by kind, then currency, then size, the largest first.
    package let items: [ReportItem]
    package let sheets: [Sheet]
    /// The columns of the matched pairs, whose rows come in batches.
    package let matched: Sheet

    /// - Throws: ``ReportError/inconsistent(_:)`` when the items are not those of the statement.
    package init(_ report: DiscrepancyReport) throws(ReportError) {
        let mine = report.items.map(\.item).sorted { $0.id < $1.id }
        guard mine == report.statement.items else {
            throw .inconsistent("its \(mine.count) items are not the statement's \(report.statement.items.count)")
        }
        self.report = report
        let verdict = ReportVerdict.line(report.statement)
        let items = ReportSheets.sorted(report.items, CurrencyOrder(report.statement))
        self.verdict = verdict
        self.items = items
        matched = Sheet("matched", "Matched", MatchedColumns.columns, rowCount: 0) { _ in [] }
        var sheets = [SummarySheet.sheet(report, verdict: verdict), StatementSheet.sheet(report)]
        if !report.statement.charges.isEmpty { sheets.append(ChargesSheet.sheet(report)) }
        sheets += [
            OpenItemsSheet.sheet(report, items), ItemEffectsSheet.sheet(items), ResolvedSheet.sheet(report),
            ChangedSheet.sheet(report),
            AgingSheet.sheet(report), RepairsSheet.sheet(report), ControlsSheet.sheet(report),
            ControlTotalsSheet.sheet(report), TieOutSheet.sheet(report), DefinitionsSheet.sheet(report),
        ]
        self.sheets = sheets
    }

    package subscript(_ key: String) -> Sheet? { sheets.first { $0.key == key } }

    private static func sorted(_ items: [ReportItem], _ currencies: CurrencyOrder) -> [ReportItem] {
        var rank: [FindingKind: Int] = [:]
        for (index, kind) in FindingKind.allCases.enumerated() { rank[kind] = index }
        struct Key {
            let kind: Int
            let currency: String
            let size: UInt64
            let credits: UInt64
        }
        let keys = items.map { item in
            let amount = item.item.amountEffects.first ?? item.difference ?? item.stripeAmount ?? item.localAmount
            return Key(
                kind: rank[item.item.kind] ?? 0, currency: amount?.currency ?? "~",
                size: amount?.minorUnits.magnitude ?? 0, credits: item.item.creditsEffect.magnitude)
        }
        let order = items.indices.sorted { one, other in
            let (left, right) = (keys[one], keys[other])
            if left.kind != right.kind { return left.kind < right.kind }
            if left.currency != right.currency { return currencies.comesFirst(left.currency, right.currency) }
            if left.size != right.size { return left.size > right.size }
            if left.credits != right.credits { return left.credits > right.credits }
            return items[one].item.id < items[other].item.id
        }
        return order.map { items[$0] }
    }
}

/// Pairs that agree.
package enum MatchedColumns {
    package static let columns = [
        Column("invoice", "Invoice", .id, 32), Column("local_row", "Local row", .id, 14),
        Column("amount", "Amount", .money, 16), Column("currency", "Currency", .text, 10),
        Column("rule", "Rule", .text, 20), Column("account", "Account", .text, 16),
    ]

    /// What its rows are, and how they are to the match rate, which counts other things.
    /// - Parameter count: of the rows, where they have been counted.
    package static func caption(_ report: DiscrepancyReport, count: Int64? = nil) -> String {
        let pairs =
            count.map { "\(Money.grouped($0)) \($0 == 1 ? "pair agrees" : "pairs agree")" } ?? "Pairs that agree"
        let rate = report.statement.matchRate
        let counted =
            ReportPeriods.rated(report) == nil
            ? "There is no match rate: \(ReportPeriods.unrated)."
            : "The match rate is about more, \(Money.grouped(rate.matchedCount)) of \(Money.grouped(rate.readCount)): "
                + "all that its runs read at Stripe, charges too, paid or not, and the rows made in their look-back."
        return "\(pairs): credit orders paid on both sides, by the payment \(ReportPeriods.credits(report)) to the "
            + "cut-off, without an open item. No charges. \(counted)"
    }

    package static func row(_ pair: MatchedRow) -> [Cell] {
        [
            .id(pair.stripeID), .id(pair.localRow), .money(pair.amount), .text(pair.amount.currency.uppercased()),
            .text(pair.rule), .text(pair.account),
        ]
    }
}
