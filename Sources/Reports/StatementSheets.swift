import Reconciliation

enum StatementSheet {
    static let columns = [
        Column("agency_id", "Agency id", .id, 12), Column("agency", "Agency", .text, 30),
        Column("currency", "Currency", .text, 10), Column("opening", "Opening", .credits, 13),
        Column("bought_stripe", "Bought (Stripe)", .credits, 15),
        Column("bought_local", "Bought (local)", .credits, 15), Column("consumed", "Consumed", .credits, 13),
        Column("adjustments", "Adjustments", .credits, 13),
        Column("closing_computed", "Closing computed", .credits, 16),
        Column("closing_recorded", "Closing recorded", .credits, 16),
        Column("difference", "Difference", .credits, 13), Column("explained", "Explained", .credits, 13),
        Column("unexplained", "Unexplained", .credits, 13), Column("open_items", "Open items", .count, 11),
        Column("oldest_days", "Oldest (days)", .count, 12), Column("status", "Status", .text, 26),
    ]

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        let order = CurrencyOrder(report.statement)
        return Sheet("statement", "Statement", columns, report.statement.agencies, totals: totals(report.statement)) {
            row($0, order)
        }
    }

    /// Credits are one unit, so they add up over all agencies whatever was paid for them.
    private static func totals(_ statement: Statement) -> [[Cell]] {
        let totals = statement.totals
        let isUnread = statement.unread.contains(.credits)
        let items = statement.agencies.reduce(0) { $0 + $1.openItems }
        let name = "Total, \(Money.counted(Int64(statement.agencies.count), "line"))"
        let row: [Cell] = [
            .empty, .text(name), .empty, .credits(totals.opening), .credits(isUnread ? nil : totals.boughtAtStripe),
            .credits(totals.boughtLocally), .credits(totals.consumed), .credits(totals.adjustments),
            .credits(isUnread ? nil : totals.computed), .credits(totals.recorded), .credits(totals.difference),
            .credits(totals.explained), .credits(totals.unexplained), .count(items),
            .count(statement.agencies.compactMap(\.oldestDays).max()), .empty,
        ]
        return [row]
    }

    private static func row(_ line: AgencyStatement, _ order: CurrencyOrder) -> [Cell] {
        let activity = line.activity
        let currencies = order.sorted(activity.purchases, by: \.currency).map { $0.currency.uppercased() }
            .joined(separator: ", ")
        return [
            .id(activity.agencyID), .text(name(activity.agencyID, activity.name)),
            currencies.isEmpty ? .empty : .text(currencies), .credits(activity.opening),
            .credits(line.isUnread ? nil : activity.boughtAtStripe), .credits(activity.boughtLocally),
            .credits(activity.consumed), .credits(activity.adjustments),
            .credits(line.isUnread ? nil : line.computed), .credits(activity.recorded),
            .credits(line.difference), .credits(line.explained), .credits(line.unexplained),
            .count(line.openItems), .count(line.oldestDays), .text(status(line, order)),
        ]
    }

    static func name(_ agencyID: Int64?, _ name: String) -> String {
        agencyID == nil && name.isEmpty ? "No agency" : name
    }

    /// The state in a word, with what a reader would otherwise have to look for.
    static func status(_ line: AgencyStatement, _ order: CurrencyOrder) -> String {
        if line.isUnread { return line.state.rawValue + ", Stripe not read" }
        if !line.unexplainedMoney.isEmpty {
            let money = order.sorted(line.unexplainedMoney).map(\.description).joined(separator: ", ")
            return line.state.rawValue + ", money unexplained: " + money
        }
        if line.unexplainedBought != 0 {
            return line.state.rawValue + ", bought differs by " + Money.grouped(line.unexplainedBought)
        }
        if line.isWithinTolerance { return line.state.rawValue + ", within tolerance" }
        if let rollForward = line.rollForward, rollForward.unexplained != 0 {
            return line.state.rawValue + ", opening off by " + Money.grouped(rollForward.unexplained)
        }
        // Its difference in credits is 0, and it stands among those that are out.
        if line.isOutInMoney, !line.isOutOfBalance {
            let money = order.sorted(ReportVerdict.amounts(line.activity.purchases)).filter { $0.minorUnits != 0 }
            return line.state.rawValue + ", money out by " + money.map(\.description).joined(separator: ", ")
        }
        return line.state.rawValue
    }
}

enum ChargesSheet {
    static let columns = [
        Column("agency_id", "Agency id", .id, 12), Column("agency", "Agency", .text, 30),
        Column("currency", "Currency", .text, 10), Column("charges_stripe", "Charges (Stripe)", .count, 15),
        Column("charges_local", "Charges (local)", .count, 15),
        Column("charged_stripe", "Charged by Stripe", .money, 18),
        Column("recorded_local", "Recorded locally", .money, 18), Column("difference", "Difference", .money, 15),
        Column("explained", "Explained", .money, 15), Column("unexplained", "Unexplained", .money, 15),
        Column("open_items", "Open items", .count, 11), Column("oldest_days", "Oldest (days)", .count, 12),
        Column("status", "Status", .text, 26),
    ]

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        Sheet(
            "charges", "Charges", columns, report.statement.charges, totals: totals(report.statement), row: row)
    }

    /// One line for each currency.
    private static func totals(_ statement: Statement) -> [[Cell]] {
        let isUnread = statement.unread.contains(.charges)
        return CurrencyOrder(statement).sorted(statement.chargeTotals, by: \.currency).map { total in
            func money(_ units: Int64?) -> Cell {
                .money(units.map { Money(minorUnits: $0, currency: total.currency) })
            }
            let lines = statement.charges.filter { $0.activity.currency == total.currency }
            return [
                .empty, .text("Total, \(Money.counted(Int64(lines.count), "line"))"),
                .text(total.currency.uppercased()), .count(isUnread ? nil : total.charged.count),
                .count(total.recorded?.count), money(isUnread ? nil : total.charged.amount),
                money(total.recorded?.amount), money(total.difference), money(total.explained),
                money(total.unexplained), .count(lines.reduce(0) { $0 + $1.openItems }),
                .count(lines.compactMap(\.oldestDays).max()), .empty,
            ]
        }
    }

    static func row(_ line: ChargeLine) -> [Cell] {
        let activity = line.activity
        func money(_ units: Int64?) -> Cell {
            .money(units.map { Money(minorUnits: $0, currency: activity.currency) })
        }
        return [
            .id(activity.agencyID), .text(StatementSheet.name(activity.agencyID, activity.name)),
            .text(activity.currency.uppercased()), .count(line.isUnread ? nil : activity.charged.count),
            .count(activity.recorded?.count),
            money(line.isUnread ? nil : activity.charged.amount), money(activity.recorded?.amount),
            money(line.difference),
            money(line.explained), money(line.unexplained), .count(line.openItems), .count(line.oldestDays),
            .text(line.isWithinTolerance ? line.state.rawValue + ", within tolerance" : line.state.rawValue),
        ]
    }
}

enum AgingSheet {
    static let columns = [
        Column("kind", "Kind", .text, 24), Column("bucket", "Days", .text, 12), Column("items", "Items", .count, 10),
        Column("credits", "Credits", .credits, 14), Column("amount", "Amount", .money, 18),
        Column("currency", "Currency", .text, 10), Column("class", "Class", .text, 18),
    ]

    /// What the first screens say of the items that no bar of the ages counts; `nil` where there are none.
    static func information(_ statement: Statement) -> String? {
        let count = statement.informationAging.cells.reduce(0) { $0 + $1.count }
        return count == 0 ? nil : "and \(Money.grouped(count)) for information (\(kinds(statement.informationAging)))"
    }

    private static func kinds(_ table: AgingTable) -> String {
        table.kinds.map(\.rawValue).joined(separator: ", ")
    }

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        let statement = report.statement
        let order = CurrencyOrder(statement)
        let rows =
            rows(statement.aging, "difference", order)
            + rows(statement.informationAging, "for information", order)
        return Sheet("aging", "Aging", columns, rows) { $0 }
    }

    private static func rows(_ table: AgingTable, _ word: String, _ order: CurrencyOrder) -> [[Cell]] {
        // One row for each currency of a cell; the count stands in the first of them only, so that it can be added up.
        var rows: [[Cell]] = []
        for cell in table.cells {
            let amounts: [Money?] = cell.amounts.isEmpty ? [nil] : order.sorted(cell.amounts)
            for (index, amount) in amounts.enumerated() {
                rows.append([
                    .text(cell.kind.rawValue), .text(cell.bucket.label), index == 0 ? .count(cell.count) : .empty,
                    index == 0 ? .credits(cell.creditsEffect) : .empty, .money(amount),
                    .text(amount?.currency.uppercased()), .text(word),
                ])
            }
        }
        return rows
    }
}
