import Reconciliation

/// `report.html`: one file without any outside reference. The first screen comes first in the file, so that a browser
/// shows it while the tables are still loading; long tables are folded. It needs no script: a small one adds sorting,
/// filtering and unfolding, and both it and the style are named by their hashes in the page's own policy.
final class HTMLRenderer: Renderer {
    /// How many matched pairs the page shows: the rest stands in the other formats.
    static let matchedMax = 1_000

    private let file: OutputFile
    private let sheets: ReportSheets
    private var matched: [[Cell]] = []
    private var matchedCount: Int64 = 0

    init(_ sheets: ReportSheets, in folder: OutputFolder) throws(ReportError) {
        file = try OutputFile("report.html", in: folder)
        self.sheets = sheets
        try head()
        try file.stream.write(HTMLFirstScreen(sheets).html())
        let tables = HTMLTables(file.stream, sheets.report)
        try HTMLStatement(sheets, tables).write()
        try HTMLItems(sheets, file.stream).write()
        if let sheet = sheets["item_effects"] {
            let note = "What each item adds to the local side in money: added up, what the statement explains."
            try tables.section(sheet, note: note, isFolded: true)
        }
        for key in ["resolved", "changed_since_sign_off", "aging", "repairs", "controls", "control_totals", "tie_out"] {
            guard let sheet = sheets[key] else { continue }
            try tables.section(sheet)
        }
        if let sheet = sheets["definitions"] { try tables.section(sheet, isFolded: true) }
    }

    func append(_ rows: [MatchedRow]) throws(ReportError) {
        matchedCount += Int64(rows.count)
        for pair in rows.prefix(max(0, Self.matchedMax - matched.count)) { matched.append(MatchedColumns.row(pair)) }
    }

    func finish() throws(ReportError) -> [(String, OutputFile)] {
        let rows = matched
        let sheet = Sheet("matched", "Matched", MatchedColumns.columns, rows) { $0 }
        var note = MatchedColumns.caption(sheets.report, count: matchedCount)
        if matchedCount > Int64(rows.count) {
            note +=
                " The first \(Money.grouped(Int64(rows.count))) are shown; all of them are in the spreadsheet, the "
                + "CSV and the JSON of this report."
        }
        try HTMLTables(file.stream, sheets.report).section(
            sheet, note: note, isFolded: true, count: matchedCount)
        let run = sheets.report.run
        let made = sheets.report.clock.instant(sheets.report.generatedSeconds) ?? ""
        try file.stream.write(
            """
            <footer><p>Trueup \(HTML.text(run.programVersion)), run \(HTML.text(run.id)), made \(made) \
            \(HTML.text(sheets.report.zone.name)). The hashes of this report's files are in manifest.json.</p></footer>
            </main><script>\(HTMLScript.text)</script></body></html>

            """)
        return [(file.name, file)]
    }

    private func head() throws(ReportError) {
        let report = sheets.report
        let policy =
            "default-src 'none'; style-src '\(try HTML.hash(HTMLStyle.text))'; "
            + "script-src '\(try HTML.hash(HTMLScript.text))'; base-uri 'none'; form-action 'none'"
        // Amounts of several currencies are sorted within each, in this order.
        let currencies = CurrencyOrder(report.statement).currencies.map {
            $0.uppercased().filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        }.filter { !$0.isEmpty }
        let order = currencies.count > 1 ? " data-currencies=\"\(currencies.joined(separator: " "))\"" : ""
        try file.stream.write(
            """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
            <title>\(report.state.rawValue) · \(HTML.text(report.title)) · \
            \(HTML.text(report.statement.cutOff.localText))</title>
            <style>\(HTMLStyle.text)</style></head>
            <body\(order)><main>

            """)
    }
}

/// Words on their way into the page.
enum HTML {
    /// A text from data: visible characters only, cut when it is long, escaped, and kept from reordering what stands
    /// around it.
    static func data(_ text: String, _ count: Int = ReportText.shownCharactersMax) -> String {
        let shown = ReportText.html(ReportText.visible(ReportText.shown(text, count)))
        // Plain ASCII has no direction to keep apart.
        return shown.utf8.allSatisfy { $0 < 128 } ? shown : "<bdi>" + shown + "</bdi>"
    }

    /// One of our own texts.
    static func text(_ text: String) -> String { ReportText.html(ReportText.visible(text)) }

    /// `sha256-…` of an inline style or script, for the policy.
    static func hash(_ text: String) throws(ReportError) -> String {
        let bytes = Array(text.utf8)
        guard let digest = bytes.withUnsafeBytes({ FileDigest.hash($0) }) else {
            throw .inconsistent("libcrypto has no SHA-256")
        }
        return "sha256-" + base64(digest)
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for index in 0..<4 {
                result.append(index <= group.count ? alphabet[word >> (18 - 6 * index) & 63] : 61)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The state in its colour and, always, in its word.
    static func pill(_ state: StatementState) -> String {
        "<span class=\"pill \(state.rawValue.lowercased())\">\(state.rawValue)</span>"
    }
}
