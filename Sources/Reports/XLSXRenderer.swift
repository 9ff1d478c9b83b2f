import CXlsxWriter
import Reconciliation

/// `report.xlsx`: every sheet with a frozen heading, a filter and a form for print.
final class XLSXRenderer: Renderer {
    private let file: OutputFile
    private let book: XLSXBook
    private let clock: ReportClock
    private let matched: XLSXTable
    private let report: DiscrepancyReport
    private var matchedCount: Int64 = 0

    init(_ sheets: ReportSheets, in folder: OutputFolder) throws(ReportError) {
        report = sheets.report
        file = try OutputFile("report.xlsx", in: folder)
        book = try XLSXBook(file)
        let formats = try XLSXFormats(book)
        let inTables = try XLSXFormats(book, isCentred: true)
        clock = report.clock
        try book.properties(title: report.title, createdSeconds: report.generatedSeconds)
        for sheet in sheets.sheets {
            let worksheet = try book.sheet(sheet.title)
            if sheet.key == "summary" {
                try XLSXSummary(worksheet, formats, clock).write(sheet, sheets)
                continue
            }
            let table = try XLSXTable(worksheet, sheet, inTables, clock)
            for index in 0..<sheet.rowCount { try table.append(sheet.row(index)) }
            try table.end(totals: sheet.totals)
        }
        matched = try XLSXTable(try book.sheet(sheets.matched.title), sheets.matched, inTables, clock)
    }

    func append(_ rows: [MatchedRow]) throws(ReportError) {
        matchedCount += Int64(rows.count)
        for pair in rows { try matched.append(MatchedColumns.row(pair)) }
    }

    func finish() throws(ReportError) -> [(String, OutputFile)] {
        try matched.end(totals: [])
        try matched.caption(MatchedColumns.caption(report, count: matchedCount))
        try book.close()
        return [(file.name, file)]
    }
}

/// Writes cells of a worksheet, row after row.
struct XLSXCells {
    let worksheet: XLSXBook.Worksheet
    let name: String
    let formats: XLSXFormats
    let clock: ReportClock
    /// Up to here a double holds every whole number, and a spreadsheet shows 15 digits.
    static let exactMax: UInt64 = 999_999_999_999_999

    func write(
        _ cell: Cell, _ row: UInt32, _ column: UInt16, wraps: Bool = false, isTotal: Bool = false,
        isLinked: Bool = true, isIndented: Bool = false
    ) throws(ReportError) {
        switch cell {
        case .empty:
            if isTotal { try check(worksheet_write_blank(worksheet, row, column, formats.total), row, column) }
        case .text(let text):
            let usual =
                isIndented ? (wraps ? formats.wrappedIn : formats.textIn) : wraps ? formats.wrapped : formats.text
            try string(text, row, column, isTotal ? formats.total : formats.state(of: text) ?? usual)
        case .id(let id): try string(id, row, column, isIndented ? formats.idIn : formats.id)
        case .link(let id, let url):
            guard isLinked else {
                // Both are of the letters of ids and addresses only (StripeLink), so nothing can end the text.
                let formula = "=HYPERLINK(\"\(url)\",\"\(id)\")"
                return try check(
                    worksheet_write_formula_str(worksheet, row, column, formula, formats.link, id), row, column)
            }
            try check(worksheet_write_url_opt(worksheet, row, column, url, formats.link, id, nil), row, column)
        case .count(let number):
            try whole(number, row, column, isTotal ? formats.totalCredits : formats.count)
        case .credits(let number):
            try whole(number, row, column, isTotal ? formats.totalCredits : formats.credits)
        case .share(let per10000):
            try number(Double(per10000) / 10_000, row, column, formats.share)
        case .money(let money):
            guard money.minorUnits.magnitude <= Self.exactMax else {
                return try string(money.grouped, row, column, formats.text)
            }
            var scale = 1.0
            for _ in 0..<Money.decimals(of: money.currency) { scale *= 10 }
            let format = formats.money(money.currency, isTotal: isTotal)
            try number(Double(money.minorUnits) / scale, row, column, format)
        case .time(let seconds): try time(seconds, row, column)
        }
    }

    /// A number, or a text where a spreadsheet would round it.
    private func whole(
        _ value: Int64, _ row: UInt32, _ column: UInt16, _ format: XLSXBook.Format
    ) throws(ReportError) {
        guard value.magnitude <= Self.exactMax else {
            return try string(Money.grouped(value), row, column, formats.text)
        }
        try number(Double(value), row, column, format)
    }

    /// A real date; a text before March 1900, where spreadsheets have a day that never was.
    private func time(_ seconds: Int64, _ row: UInt32, _ column: UInt16) throws(ReportError) {
        guard let local = clock.localSeconds(seconds) else { return }
        guard local >= -2_203_891_200 else {
            return try string(clock.wall(seconds) ?? "", row, column, formats.text)
        }
        // Whole minutes: what the format shows.
        let minutes = local / 60
        try number(Double(minutes) / 1_440 + 25_569, row, column, formats.time)
    }

    func string(
        _ text: String, _ row: UInt32, _ column: UInt16, _ format: XLSXBook.Format
    ) throws(ReportError) {
        let clean = ReportText.cell(ReportText.visible(text, keepsLines: true))
        try check(worksheet_write_string(worksheet, row, column, clean, format), row, column)
    }

    func number(
        _ number: Double, _ row: UInt32, _ column: UInt16, _ format: XLSXBook.Format
    ) throws(ReportError) {
        try check(worksheet_write_number(worksheet, row, column, number, format), row, column)
    }

    func check(_ result: lxw_error, _ row: UInt32, _ column: UInt16) throws(ReportError) {
        try XLSXBook.check(result, "write a cell", "\(name), row \(row + 1), column \(column + 1)")
    }

    /// What all sheets share: a calm page for print, one page wide, numbered.
    func page(isLandscape: Bool, isWide: Bool = false) throws(ReportError) {
        // Letter; tabloid for what would be too small to read on it.
        worksheet_set_paper(worksheet, isWide ? 3 : 1)
        if isLandscape { worksheet_set_landscape(worksheet) }
        worksheet_fit_to_pages(worksheet, 1, 0)
        worksheet_set_margins(worksheet, 0.4, 0.4, 0.6, 0.6)
        worksheet_gridlines(worksheet, UInt8(LXW_HIDE_ALL_GRIDLINES.rawValue))
        try XLSXBook.check(
            worksheet_set_footer(worksheet, "&L&8Trueup · &A&R&8Page &P of &N"), "set the footer", name)
    }
}

/// A sheet that is one table.
final class XLSXTable {
    private let cells: XLSXCells
    private let sheet: Sheet
    private var nextRow: UInt32 = 1
    private var links = 0
    private var isCut = false
    /// A row's height, of one line, with some air: the first one would touch the heading.
    private static let rowPoints = 17.0

    init(
        _ worksheet: XLSXBook.Worksheet, _ sheet: Sheet, _ formats: XLSXFormats, _ clock: ReportClock
    ) throws(ReportError) {
        cells = XLSXCells(worksheet: worksheet, name: sheet.title, formats: formats, clock: clock)
        self.sheet = sheet
        worksheet_set_default_row(worksheet, Self.rowPoints, 0)
        try XLSXBook.check(worksheet_set_row(worksheet, 0, 30, nil), "set the heading's height", sheet.title)
        for (index, column) in sheet.columns.enumerated() {
            let at = UInt16(index)
            try XLSXBook.check(
                worksheet_set_column(worksheet, at, at, Double(column.width), nil), "set a width", sheet.title)
            let isFigure = HTMLTables.isFigure(column.type)
            let heading = Self.isIndented(index, of: sheet) ? formats.headingIn : formats.heading
            try cells.string(column.title, 0, at, isFigure ? formats.headingRight : heading)
        }
        // Names stay in sight when figures are far to the right.
        worksheet_freeze_panes(worksheet, 1, sheet.columns.count > 12 ? 2 : 0)
        try cells.page(isLandscape: sheet.columns.count > 5, isWide: sheet.columns.count > 16)
        if sheet.columns.count > 20 {
            // Two pages beside each other, the second of which says again whose row it is: on one nobody could read it.
            worksheet_fit_to_pages(worksheet, 2, 0)
            try XLSXBook.check(worksheet_repeat_columns(worksheet, 0, 3), "repeat the names", sheet.title)
        }
    }

    /// Whether words stand right of figures, which end where the words would begin.
    private static func isIndented(_ index: Int, of sheet: Sheet) -> Bool {
        index > 0 && !HTMLTables.isFigure(sheet.columns[index].type)
            && (HTMLTables.isFigure(sheet.columns[index - 1].type)
                || [.time, .mixed].contains(sheet.columns[index - 1].type))
    }

    func append(_ row: [Cell]) throws(ReportError) {
        guard Int(nextRow) < XLSXBook.rowsMax else {
            isCut = true
            return
        }
        let lines = lineCount(row)
        if lines > 1 {
            // Not every program measures wrapped texts when it opens a file. It must be set before the row's cells.
            try XLSXBook.check(
                worksheet_set_row(cells.worksheet, nextRow, Double(lines - 1) * 13.5 + Self.rowPoints, nil),
                "set a row's height", sheet.title)
        }
        for (index, cell) in row.enumerated() {
            if case .link = cell { links += 1 }
            var wraps = sheet.columns[index].width >= 40
            // A line break is one only in a cell that wraps.
            if case .text(let text) = cell, text.utf8.prefix(2_000).contains(10) { wraps = true }
            try cells.write(
                cell, nextRow, UInt16(index), wraps: wraps,
                isLinked: links <= XLSXBook.linksMax, isIndented: Self.isIndented(index, of: sheet))
        }
        nextRow += 1
    }

    /// How many lines the longest text of a row takes, about, by its own line breaks and where it is wrapped; at most
    /// twelve.
    private func lineCount(_ row: [Cell]) -> Int {
        var lines = 1
        for (column, cell) in zip(sheet.columns, row) {
            guard case .text(let text) = cell else { continue }
            let breaks = text.utf8.prefix(2_000).count { $0 == 10 }
            let more = column.width >= 40 ? text.utf8.count / (column.width * 11 / 10) : 0
            lines = max(lines, breaks + 1 + more)
        }
        return min(lines, 12)
    }

    func end(totals: [[Cell]]) throws(ReportError) {
        let worksheet = cells.worksheet
        let lastColumn = UInt16(sheet.columns.count - 1)
        let lastRow = max(nextRow - 1, 1)
        let name = sheet.title
        try XLSXBook.check(worksheet_autofilter(worksheet, 0, 0, lastRow, lastColumn), "set the filter", name)
        try XLSXBook.check(worksheet_repeat_rows(worksheet, 0, 0), "repeat the heading", name)
        // Ids of digits are texts on purpose; no green triangles for them.
        let range = "A1:\(Self.letters(lastColumn))\(lastRow + 1)"
        try XLSXBook.check(
            worksheet_ignore_errors(worksheet, UInt8(LXW_IGNORE_NUMBER_STORED_AS_TEXT.rawValue), range),
            "mark ids as texts", name)
        if isCut {
            let note = "Cut: a sheet holds no more rows. All of them are in the CSV and JSON files."
            try cells.string(note, nextRow, 0, cells.formats.section)
            nextRow += 1
        }
        guard sheet.rowCount > 0 else {
            if nextRow == 1 { try cells.string("None.", nextRow, 0, cells.formats.muted) }
            return
        }
        for total in totals {
            for (index, cell) in total.enumerated() { try cells.write(cell, nextRow, UInt16(index), isTotal: true) }
            nextRow += 1
        }
    }

    /// Words about the whole table, under it and across it.
    func caption(_ text: String) throws(ReportError) {
        let width = sheet.columns.map(\.width).reduce(0, +)
        let (row, last) = (nextRow + 1, UInt16(sheet.columns.count - 1))
        let height = Double(min(12, text.utf8.count / width + 1)) * 13.5 + 2
        try XLSXBook.check(
            worksheet_set_row(cells.worksheet, row, height, nil), "set a row's height", sheet.title)
        try cells.check(
            worksheet_merge_range(cells.worksheet, row, 0, row, last, text, cells.formats.mutedWrapped), row, 0)
    }

    /// `0` is A, `25` is Z, `26` is AA.
    static func letters(_ column: UInt16) -> String {
        var rest = Int(column) + 1
        var text = ""
        while rest > 0 {
            rest -= 1
            text = String(UnicodeScalar(UInt8(65 + rest % 26))) + text
            rest /= 26
        }
        return text
    }
}

/// The first sheet: the verdict in large letters, then names and figures.
struct XLSXSummary {
    private let cells: XLSXCells
    private let formats: XLSXFormats

    init(_ worksheet: XLSXBook.Worksheet, _ formats: XLSXFormats, _ clock: ReportClock) {
        cells = XLSXCells(worksheet: worksheet, name: "Summary", formats: formats, clock: clock)
        self.formats = formats
    }

    func write(_ sheet: Sheet, _ sheets: ReportSheets) throws(ReportError) {
        let worksheet = cells.worksheet
        let state = sheets.report.state
        for (index, column) in sheet.columns.enumerated() {
            let at = UInt16(index)
            try XLSXBook.check(
                worksheet_set_column(worksheet, at, at, Double(column.width), nil), "set a width", "Summary")
        }
        try cells.page(isLandscape: true)
        try XLSXBook.check(worksheet_set_row(worksheet, 0, 28, nil), "set a height", "Summary")
        try cells.string(sheets.report.title, 0, 0, formats.title)
        let verdict = formats.verdict(state)
        let words = ReportVerdict.line(sheets.report.statement, isBesideState: true)
        let lines = Self.lines(of: words, over: sheet.columns[1...3].map(\.width).reduce(0, +))
        try XLSXBook.check(
            worksheet_set_row(worksheet, 1, Double(10 + 20 * lines), nil), "set a height", "Summary")
        try cells.string(state.rawValue, 1, 0, verdict)
        // Over three cells and not beyond them: a page is as wide as what is written.
        let text = ReportText.cell(ReportText.visible(words, keepsLines: true))
        try cells.check(worksheet_merge_range(worksheet, 1, 1, 1, 3, text, verdict), 1, 1)
        try wide(ReportVerdict.meaning(sheets.report), 2, from: 1, sheet, formats.mutedWrapped)
        var row: UInt32 = 4
        var section: Cell = .empty
        for index in 0..<sheet.rowCount {
            let line = sheet.row(index)
            // The verdict and its meaning stand above; what has to be known besides follows.
            if line[0] == .text("Verdict"), [.text("Verdict"), .text("State")].contains(line[1]) { continue }
            if line[0] != section {
                section = line[0]
                if row > 4 { row += 1 }
                if case .text(let name) = section { try cells.string(name, row, 0, formats.section) }
            }
            // A sentence without a note takes both columns, in as many lines as it needs.
            if case .text(let text) = line[2], line[3] == .empty, text.utf8.count > sheet.columns[2].width {
                try wide(text, row, from: 2, sheet, formats.wrapped)
                try cells.write(line[1], row, 1)
                row += 1
                continue
            }
            for column in 1..<line.count - 1 { try cells.write(line[column], row, UInt16(column)) }
            if case .text(let note) = line[line.count - 1] { try cells.string(note, row, 3, formats.note) }
            row += 1
        }
        worksheet_freeze_panes(worksheet, 3, 0)
        try XLSXBook.check(worksheet_print_area(worksheet, 0, 0, row, 3), "set what is printed", "Summary")
    }

    /// A text over all cells from a column on, in a row as high as it needs. Before any other cell of the row.
    private func wide(
        _ text: String, _ row: UInt32, from column: UInt16, _ sheet: Sheet, _ format: XLSXBook.Format
    ) throws(ReportError) {
        let width = sheet.columns[Int(column)...3].map(\.width).reduce(0, +)
        let lines = min(12, text.utf8.count / width + 1)
        try XLSXBook.check(
            worksheet_set_row(cells.worksheet, row, Double(lines) * 13.5 + 2, nil), "set a height", "Summary")
        let clean = ReportText.cell(ReportText.visible(text, keepsLines: true))
        try cells.check(
            worksheet_merge_range(cells.worksheet, row, column, row, 3, clean, format), row, column)
    }

    /// How many lines a text in the verdict's letters takes.
    /// - Parameter width: of its cells, in letters of the usual size.
    private static func lines(of text: String, over width: Int) -> Int {
        let perLine = max(10, width * 7 / 10)
        return max(1, (text.count + perLine - 1) / perLine)
    }
}
