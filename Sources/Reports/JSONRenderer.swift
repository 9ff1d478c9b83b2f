import Reconciliation

/// `report.json`, format `trueup.report/1`: see ``ReportSchema``.
final class JSONRenderer: Renderer {
    static let format = "trueup.report/1"

    private let file: OutputFile
    private let out: JSONStream
    private let clock: ReportClock
    private let matchedColumns: [Column]

    init(_ sheets: ReportSheets, in folder: OutputFolder) throws(ReportError) {
        let report = sheets.report
        file = try OutputFile("report.json", in: folder)
        out = JSONStream(file.stream)
        clock = report.clock
        matchedColumns = sheets.matched.columns
        try out.open(123)
        try out.member("format", Self.format)
        try out.newLine()
        try header(sheets)
        for sheet in sheets.sheets {
            try out.newLine()
            try out.key(sheet.key)
            try out.open(91)
            for index in 0..<sheet.rowCount {
                try out.newLine()
                try row(sheet.row(index), sheet.columns)
            }
            try out.close(93)
        }
        try out.newLine()
        try out.key(sheets.matched.key)
        try out.open(91)
    }

    func append(_ rows: [MatchedRow]) throws(ReportError) {
        for pair in rows {
            try out.newLine()
            try row(MatchedColumns.row(pair), matchedColumns)
        }
    }

    func finish() throws(ReportError) -> [(String, OutputFile)] {
        try out.close(93)
        try out.close(125)
        try file.stream.write("\n")
        return [(file.name, file)]
    }

    private func header(_ sheets: ReportSheets) throws(ReportError) {
        let report = sheets.report
        let cutOff = report.statement.cutOff
        try out.key("report")
        try out.open(123)
        try out.member("id", report.id)
        try out.member("title", report.title)
        try out.member("state", report.state.rawValue)
        try out.member("verdict", sheets.verdict)
        try out.key("gaps")
        try out.open(91)
        for gap in report.statement.gaps { try out.string(gap) }
        try out.close(93)
        try out.key("cut_off")
        try out.open(123)
        try out.member("seconds", cutOff.seconds)
        try out.member("zone", cutOff.zone)
        try out.member("local", cutOff.localText)
        try out.member("utc", cutOff.utcText)
        try out.close(125)
        try out.member("zone", report.zone.name)
        try history(report.basis.history)
        try out.member("generated_at", clock.iso(report.generatedSeconds))
        try out.member("run", report.run.id)
        try out.member("previous_manifest_sha256", report.run.previousReportHash)
        try out.key("accounts")
        try out.open(91)
        for account in report.accounts.sorted(by: { $0.name < $1.name }) {
            try out.open(123)
            try out.member("name", account.name)
            try out.member("stripe_id", account.stripeID)
            try out.key("live")
            try out.boolean(account.isLive)
            try out.close(125)
        }
        try out.close(93)
        try trend(report)
        try out.close(125)
    }

    private func history(_ history: StatedHistory) throws(ReportError) {
        try out.member("history_from", history.day?.description)
        try out.key("read_from")
        try out.open(123)
        for part in StatementItem.Scope.allCases {
            try out.member(part.rawValue, history.readFrom[part].flatMap { clock.iso($0) })
        }
        try out.close(125)
    }

    private func trend(_ report: DiscrepancyReport) throws(ReportError) {
        try out.key("trend")
        try out.open(91)
        for point in report.trend {
            try out.open(123)
            try out.member("at", clock.iso(point.atSeconds))
            try out.member("open_items", point.openItems)
            try out.member("state", point.state.rawValue)
            try out.close(125)
        }
        try out.close(93)
    }

    private func row(_ cells: [Cell], _ columns: [Column]) throws(ReportError) {
        try out.open(123)
        for (column, cell) in zip(columns, cells) {
            try out.key(column.key)
            try value(cell)
            if let unit = column.unitKey(in: columns) { try out.member(unit, cell.unit?.rawValue) }
            if case .link(_, let url) = cell { try out.member(column.key + "_url", url) }
        }
        try out.close(125)
    }

    private func value(_ cell: Cell) throws(ReportError) {
        switch cell {
        case .empty: try out.null()
        case .text(let text), .id(let text), .link(let text, _): try out.string(text)
        case .count(let number), .credits(let number), .share(let number): try out.integer(number)
        case .time(let seconds): try out.string(clock.iso(seconds))
        case .money(let money):
            try out.open(123)
            try out.member("minor_units", money.minorUnits)
            try out.member("currency", money.currency)
            try out.member("amount", money.plain)
            try out.close(125)
        }
    }
}
