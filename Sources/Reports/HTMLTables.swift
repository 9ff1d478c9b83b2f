import Reconciliation

/// Tables of the page, row by row.
struct HTMLTables {
    private let stream: ByteStream
    private let clock: ReportClock
    /// A longer table is folded into blocks of so many rows.
    static let block = 500
    static let foldOver = 60

    init(_ stream: ByteStream, _ clock: ReportClock) {
        self.stream = stream
        self.clock = clock
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
    /// - Parameter set: what the rows are, where a sheet has several sorts: they are sorted among themselves.
    func blocks(_ sheet: Sheet, _ rows: [Int], noun: String, set: String = "") throws(ReportError) {
        var start = 0
        while start < rows.count {
            let end = min(start + Self.block, rows.count)
            let range =
                rows.count <= Self.block ? "" : " \(Money.grouped(Int64(start + 1)))–\(Money.grouped(Int64(end)))"
            let name = range.isEmpty ? "\(Money.grouped(Int64(rows.count))) \(noun)" : noun + range
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
            try stream.write("<th scope=\"col\"\(Self.isFigure(column.type) ? " class=\"n\"" : "")>")
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
        if let sheet = sheets["statement"], !statement.agencies.isEmpty {
            let lines = statement.agencies
            try write(
                sheet, "Statement, credits",
                period: "Opening \(opening). Bought, consumed and adjustments "
                    + "\(ReportPeriods.credits(sheets.report)) to the cut-off. ",
                lines.map { $0.isOutOfBalance || $0.state > .explained },
                sizes: lines.map { ($0.difference ?? 0).magnitude }, hasItems: lines.map { $0.openItems > 0 })
        }
        if let sheet = sheets["charges"] {
            let lines = statement.charges
            try write(
                sheet, "Charges", period: "Cumulative: \(ReportPeriods.beginning), whatever the period. ",
                lines.map { $0.isOutOfBalance || $0.state > .explained },
                sizes: lines.map { ($0.difference ?? 0).magnitude }, hasItems: lines.map { $0.openItems > 0 })
        }
    }

    /// How many lines stand open; what is worst stands first.
    private static let openMax = 25

    private func write(
        _ sheet: Sheet, _ title: String, period: String, _ isOut: [Bool], sizes: [UInt64], hasItems: [Bool]
    ) throws(ReportError) {
        let out = isOut.indices.filter { isOut[$0] }.sorted { one, other in
            sizes[one] == sizes[other] ? one < other : sizes[one] > sizes[other]
        }
        let open = isOut.indices.filter { !isOut[$0] && hasItems[$0] }
        let quiet = isOut.indices.filter { !isOut[$0] && !hasItems[$0] }
        let note =
            period
            + (out.isEmpty ? "All lines are in balance." : "What is out of balance, the largest difference first.")
        try tables.begin(sheet.key, title, count: Int64(sheet.rowCount), note: note)
        try tables.table(sheet, out.prefix(Self.openMax), set: "out")
        try tables.narrowNote()
        if out.count > Self.openMax {
            try tables.blocks(sheet, Array(out.dropFirst(Self.openMax)), noun: "more out of balance", set: "out")
        }
        if !open.isEmpty { try tables.blocks(sheet, open, noun: "in balance, with open items", set: "open") }
        if !quiet.isEmpty { try tables.blocks(sheet, quiet, noun: "in balance, nothing open", set: "quiet") }
        try tables.end()
    }
}
