import Reconciliation

/// From the control totals of the runs to the lines of the statement, for each part, side and currency.
enum TieOutSheet {
    static let columns = [
        Column("part", "Part", .text, 12), Column("side", "Side", .text, 10), Column("currency", "Currency", .text, 10),
        Column("line", "Line", .text, 64), Column("count", "Count", .count, 12), Column("amount", "Amount", .money, 22),
        Column("note", "Note", .text, 40),
    ]

    static func sheet(_ report: DiscrepancyReport) -> Sheet {
        Sheet("tie_out", "Tie-out", columns, rows(report.statement)) { $0 }
    }

    private struct Key: Hashable {
        let part: StatementItem.Scope
        let side: StatementTie.Side
        let currency: String
    }

    private static func rows(_ statement: Statement) -> [[Cell]] {
        var order: [Key] = []
        var groups: [Key: [StatementTie]] = [:]
        for tie in statement.ties {
            let key = Key(part: tie.part, side: tie.side, currency: tie.currency)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(tie)
        }
        return order.flatMap { rows(statement, $0, groups[$0] ?? []) }
    }

    private static func rows(_ statement: Statement, _ key: Key, _ ties: [StatementTie]) -> [[Cell]] {
        func row(_ line: String, _ count: Int64?, _ amount: Int64?, _ note: String = "") -> [Cell] {
            [
                .text(key.part.rawValue), .text(key.side.rawValue), .text(key.currency.uppercased()), .text(line),
                .count(count), .money(amount.map { Money(minorUnits: $0, currency: key.currency) }),
                note.isEmpty ? .empty : .text(note),
            ]
        }
        let isUnread = statement.unread.contains(key.part)
        var rows: [[Cell]] = []
        var (count, sum): (Int64, Int64) = (0, 0)
        for tie in ties {
            // The statement was computed over the same sums, so they fit.
            count &+= tie.paid.count
            sum &+= tie.paid.amount
            guard let run = tie.runID else {
                rows.append(
                    row(
                        "Plus: paid before the cut-off, made before the look-back", tie.paid.count, tie.paid.amount,
                        key.side == .stripe ? "read by earlier runs and backfills" : ""))
                continue
            }
            if let control = statement.controls.first(where: {
                $0.runID == run && $0.part == key.part && $0.currency == key.currency
            }) {
                let read = key.side == .stripe ? control.stripe.read : control.local.read
                rows.append(row("Control total of run \(run): read", read.count, read.amount, "sheet Control totals"))
                rows.append(
                    row(
                        "Less: not paid before the cut-off, or made before the look-back",
                        read.count &- tie.paid.count, read.amount &- tie.paid.amount))
            }
            rows.append(
                row("Paid before the cut-off, made in the look-back of run \(run)", tie.paid.count, tie.paid.amount))
        }
        rows.append(row("All that was paid before the cut-off", count, sum))
        let stated = statement.stated(key.part, key.side, key.currency)
        let line = key.part == .credits ? "money paid for credits" : "charges"
        rows.append(
            row(
                "Statement: \(line)", nil, isUnread ? nil : stated ?? 0,
                isUnread ? "NOT READ up to the cut-off" : stated ?? 0 == sum ? "ties" : "DOES NOT TIE"))
        return rows
    }
}
