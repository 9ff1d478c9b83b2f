import Reconciliation

/// Tables of the page, row by row.
struct HTMLTables {
    private let stream: ByteStream
    private let clock: ReportClock
    private let order: CurrencyOrder
    /// A longer table is folded into blocks of so many rows.
    static let block = 500
    static let foldOver = 60

    init(_ stream: ByteStream, _ report: DiscrepancyReport) {
        self.stream = stream
        clock = report.clock
        order = CurrencyOrder(report.statement)
    }

    /// A sheet as a section of its own.
    func section(
        _ sheet: Sheet, note: String? = nil, isFolded: Bool = false, count: Int64? = nil
    ) throws(ReportError) {
        try begin(sheet.key, sheet.title, count: count ?? Int64(sheet.rowCount), note: note)
        if sheet.rowCount == 0 {
            try stream.write("<p class=\"none\">None.</p>\n")
        } else if isFolded || sheet.rowCount > Self.foldOver {
            try blocks(sheet, Array(0..<sheet.rowCount), noun: "rows")
        } else {
            try table(sheet, 0..<sheet.rowCount)
        }
        try end()
    }

    func begin(_ key: String, _ title: String, count: Int64?, note: String?) throws(ReportError) {
        let number = count.map { " <span class=\"count\">\(Money.grouped($0))</span>" } ?? ""
        try stream.write("<section id=\"\(key)\"><h2>\(HTML.text(title))\(number)</h2>\n")
        if let note { try stream.write("<p class=\"note\">\(HTML.text(note))</p>\n") }
    }

    /// Said where the screen is too narrow for all columns.
    func narrowNote() throws(ReportError) {
        try stream.write(
            "<p class=\"note wide-only\">On a narrow screen: the columns that matter most. All of them are on a wide "
                + "one, on paper and in the files.</p>\n")
    }

    func end() throws(ReportError) { try stream.write("</section>\n") }

    /// Rows in folded blocks.
    /// - Parameters:
    ///   - set: what the rows are, where a sheet has several sorts: they are sorted among themselves.
    ///   - currency: of a row, where the fold says of which currencies it has some.
    func blocks(
        _ sheet: Sheet, _ rows: [Int], noun: String, set: String = "", currency: ((Int) -> String)? = nil
    ) throws(ReportError) {
        var start = 0
        while start < rows.count {
            let end = min(start + Self.block, rows.count)
            let count = Money.grouped(Int64(rows.count))
            var name =
                rows.count <= Self.block ? "\(count) \(noun)" : "\(noun) \(Self.range(start..<end, of: rows.count))"
            if let currency {
                let folded = order.sorted(Set(rows[start..<end].map(currency)).sorted(), by: \.self)
                name += ": " + folded.map { $0.uppercased() }.joined(separator: ", ")
            }
            try stream.write("<details><summary>\(HTML.text(name))</summary>\n")
            try table(sheet, rows[start..<end], set: set, hasTotals: false)
            try stream.write("</details>\n")
            start = end
        }
    }

    /// The sums stand before the first line of the sheet's table that is not folded, once: they are about all lines of
    /// the sheet, and over a folded block, or on the next page of paper, would look like that block's or page's.
    func table(
        _ sheet: Sheet, _ rows: some Sequence<Int>, set: String = "", hasTotals: Bool = true
    ) throws(ReportError) {
        let sorted = set.isEmpty ? "" : " data-set=\"\(set)\""
        try stream.write("<div class=\"scroll\"\(sorted)><table class=\"grid \(sheet.key)\"><thead><tr>")
        for column in sheet.columns {
            let unit = Self.unitColumn(of: column, sheet).map { " data-unit=\"\($0)\"" } ?? ""
            try stream.write("<th scope=\"col\"\(Self.isFigure(column.type) ? " class=\"n\"" : "")\(unit)>")
            try stream.write(HTML.text(column.title))
            try stream.write("</th>")
        }
        try stream.write("</tr>\n")
        try stream.write("</thead>")
        if hasTotals, !sheet.totals.isEmpty {
            try stream.write("<tbody class=\"totals\">\n")
            for total in sheet.totals { try row(total, sheet.columns, classes: "total") }
            try stream.write("</tbody>")
        }
        try stream.write("<tbody>\n")
        for index in rows { try row(sheet.row(index), sheet.columns) }
        try stream.write("</tbody></table></div>\n")
    }

    private func row(_ cells: [Cell], _ columns: [Column], classes: String = "") throws(ReportError) {
        try stream.write(classes.isEmpty ? "<tr>" : "<tr class=\"\(classes)\">")
        for (column, cell) in zip(columns, cells) { try stream.write(self.cell(cell, column)) }
        try stream.write("</tr>\n")
    }

    /// Such as `501–1,000 of 2,001`, of rows that are counted from 0.
    static func range(_ rows: Range<Int>, of count: Int) -> String {
        let (from, to) = (Money.grouped(Int64(rows.lowerBound + 1)), Money.grouped(Int64(rows.upperBound)))
        return (from == to ? from : "\(from)–\(to)") + " of \(Money.grouped(Int64(count)))"
    }

    /// Which column says the currency of a column of amounts, or the unit of one of mixed figures: the script sorts
    /// within each.
    private static func unitColumn(of column: Column, _ sheet: Sheet) -> Int? {
        switch column.type {
        case .money: sheet.columns.firstIndex { $0.key == "currency" }
        case .mixed: sheet.columns.firstIndex { $0.key == "unit" }
        default: nil
        }
    }

    static func isFigure(_ type: ColumnType) -> Bool {
        switch type {
        case .count, .credits, .money, .share: true
        case .text, .id, .time, .mixed: false
        }
    }

    private func cell(_ cell: Cell, _ column: Column) -> String {
        switch cell {
        case .empty: return "<td>"
        case .text(let text):
            if let state = Self.state(of: text) {
                return "<td>" + HTML.pill(state) + HTML.text(String(text.dropFirst(state.rawValue.count)))
            }
            let isLong = column.width >= 40
            // One word that is longer than any name would push the figures off the page.
            let isUnbroken = text.utf8.count > 40 && text.split(separator: " ").contains { $0.utf8.count > 40 }
            return (isLong ? "<td class=\"long\">" : isUnbroken ? "<td class=\"unbroken\">" : "<td>")
                + HTML.data(text, isUnbroken && !isLong ? 120 : ReportText.shownCharactersMax)
        case .id(let id): return "<td class=\"id\">" + HTML.data(id, 120)
        case .link(let id, let url): return "<td class=\"id\">" + HTMLTables.link(id, url)
        case .time(let seconds):
            guard let iso = clock.iso(seconds), let wall = clock.wall(seconds) else { return "<td>" }
            return "<td class=\"t\"><time datetime=\"\(iso)\">\(wall)</time>"
        case .count(let number), .credits(let number):
            return "<td class=\"n\(number < 0 ? " neg" : number == 0 ? " zero" : "")\">" + Money.grouped(number)
        case .share(let share): return "<td class=\"n\">" + ReportVerdict.percent(share)
        case .money(let money):
            let tone = money.minorUnits < 0 ? " neg" : money.minorUnits == 0 ? " zero" : ""
            return "<td class=\"n\(tone)\">" + (column.type == .mixed ? money.description : money.grouped)
        }
    }

    /// Made by ``StripeLink`` from an id that it has checked: nothing needs an escape, and it is escaped all the same.
    static func link(_ id: String, _ url: String) -> String {
        "<a href=\"\(ReportText.html(url))\" rel=\"noreferrer\">\(ReportText.html(id))</a>"
    }

    private static func state(of text: String) -> StatementState? {
        StatementState.allCases.first { text.hasPrefix($0.rawValue) }
    }
}

/// The statement: the agencies that need a look in full, the others folded.
struct HTMLStatement {
    private let sheets: ReportSheets
    private let tables: HTMLTables

    init(_ sheets: ReportSheets, _ tables: HTMLTables) {
        self.sheets = sheets
        self.tables = tables
    }

    private var opening: String {
        sheets.report.basis.opensAt.map { "from report \($0.id), the last one signed" }
            ?? (sheets.report.periodFromSeconds == nil ? "0: nothing was signed before" : "at the start of the period")
    }

    func write() throws(ReportError) {
        let statement = sheets.report.statement
        let order = CurrencyOrder(statement)
        if let sheet = sheets["statement"], !statement.agencies.isEmpty {
            let lines = statement.agencies
            try write(
                sheet, "Statement, credits",
                period: "Opening \(opening). Bought, consumed and adjustments "
                    + "\(ReportPeriods.credits(sheets.report)) to the cut-off. ",
                Lines(
                    isOut: lines.map { $0.isOutOfBalance || $0.isOutInMoney || $0.state > .explained },
                    ranks: lines.map { line in
                        let money = order.sorted(ReportVerdict.amounts(line.activity.purchases))
                        return order.rank(
                            credits: (line.difference ?? 0).magnitude, money.first { $0.minorUnits != 0 })
                    },
                    hasItems: lines.map { $0.openItems > 0 },
                    isInMoneyAlone: lines.map { $0.isOutInMoney && !$0.isOutOfBalance }))
        }
        if let sheet = sheets["charges"] {
            let lines = statement.charges
            try write(
                sheet, "Charges",
                period: "Cumulative: \(ReportPeriods.toCutOff(sheets.report, .charges)), whatever the period. ",
                Lines(
                    isOut: lines.map { $0.isOutOfBalance || $0.state > .explained },
                    ranks: lines.map { line in
                        order.rank(Money(minorUnits: line.difference ?? 0, currency: line.activity.currency))
                    },
                    hasItems: lines.map { $0.openItems > 0 },
                    currencies: order.currencies.count > 1 ? lines.map(\.activity.currency) : nil))
        }
    }

    /// What is asked of each line of a table.
    private struct Lines {
        let isOut: [Bool]
        let ranks: [SizeRank]
        let hasItems: [Bool]
        /// Of lines of money, where there are several.
        var currencies: [String]?
        /// Of lines of credits, whether the credits agree and the money paid for them does not.
        var isInMoneyAlone: [Bool]?
    }

    /// How many lines stand open; what is worst stands first.
    private static let openMax = 25

    private func write(_ sheet: Sheet, _ title: String, period: String, _ lines: Lines) throws(ReportError) {
        let out = lines.isOut.indices.filter { lines.isOut[$0] }.sorted { one, other in
            let (left, right) = (lines.ranks[one], lines.ranks[other])
            return left == right ? one < other : left < right
        }
        let open = lines.isOut.indices.filter { !lines.isOut[$0] && lines.hasItems[$0] }
        let quiet = lines.isOut.indices.filter { !lines.isOut[$0] && !lines.hasItems[$0] }
        try tables.begin(sheet.key, title, count: Int64(sheet.rowCount), note: period + caption(out, lines))
        try tables.table(sheet, out.prefix(Self.openMax), set: "out")
        try tables.narrowNote()
        if out.count > Self.openMax {
            try tables.blocks(
                sheet, Array(out.dropFirst(Self.openMax)), noun: "more out of balance", set: "out",
                currency: lines.currencies.map { (currencies: [String]) -> (Int) -> String in { currencies[$0] } })
        }
        if !open.isEmpty { try tables.blocks(sheet, open, noun: "in balance, with open items", set: "open") }
        if !quiet.isEmpty { try tables.blocks(sheet, quiet, noun: "in balance, nothing open", set: "quiet") }
        try tables.end()
    }

    /// In which order the lines stand that are out. Those of different currencies are not compared.
    private func caption(_ out: [Int], _ lines: Lines) -> String {
        guard !out.isEmpty else { return "All lines are in balance." }
        var currencies: [String] = []
        for index in out {
            guard let currency = lines.currencies?[index].uppercased(), currencies.last != currency else { continue }
            currencies.append(currency)
        }
        guard currencies.count > 1 else {
            // Of what is paid for credits currencies come in this order, too: the credits of these lines agree.
            let isMoneyAlone = out.contains { lines.isInMoneyAlone?[$0] == true }
            return "What is out of balance, the largest difference first"
                + (isMoneyAlone ? "; then what is out in money alone." : ".")
        }
        let order = currencies.joined(separator: ", then ")
        return "What is out of balance: \(order), in each the largest difference first."
    }
}
