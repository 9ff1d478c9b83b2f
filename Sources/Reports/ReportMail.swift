import Reconciliation

/// A report as the body of a mail: the verdict, what was not read, the statement in small, what moved, and where the
/// whole of it is. Tables and styles in the elements, because mail programs drop style sheets; the sheet at the top
/// only turns the colours over where it is dark. No script, no picture, no link from data.
public enum ReportMail {
    /// - Parameter footer: where the files are and how to sign, a line each.
    public static func html(_ report: DiscrepancyReport, footer: [String]) -> String {
        let statement = report.statement
        let verdict = HTML.text(ReportVerdict.line(statement, isBesideState: true))
        let accounts = report.accountNames.map { HTML.data($0, 60) }.joined(separator: ", ")
        let facts = [
            ("Cut-off", "\(statement.cutOff.localText) \(statement.cutOff.zone) (\(statement.cutOff.utcText))"),
            ("Period", ReportPeriods.line(report)),
        ].map { line($0.0, HTML.text($0.1)) }.joined()
        return page(
            report.state, title: report.title,
            """
            <p style="margin:0 0 6px;font-size:12px;color:#5b6776" class="s">\(HTML.data(report.title, 120)) · \
            \(accounts) · \(report.mode)</p>
            <h1 style="margin:0 0 4px;font-size:20px;line-height:1.3">\(verdict)</h1>
            <p style="margin:0 0 14px">\(HTML.text(ReportVerdict.meaning(report)))</p>
            \(gaps(report))<table role="presentation" width="100%" cellpadding="0" cellspacing="0" \
            style="font-size:13px;margin:0 0 16px">\(facts)</table>
            \(items(report))\(bridges(report))
            \(footerLines(footer))
            """)
    }

    /// A single line, for a night without news.
    public static func html(_ report: DiscrepancyReport, line: String) -> String {
        page(report.state, title: report.title, "<p style=\"margin:0\">\(HTML.text(ReportText.visible(line)))</p>")
    }

    /// A few lines about a report, the first of which says it all.
    public static func html(_ state: StatementState, title: String, lines: [String]) -> String {
        let rest = lines.dropFirst().map {
            "<p style=\"margin:0 0 6px;overflow-wrap:anywhere\">\(HTML.data($0, 2_000))</p>"
        }
        return page(
            state, title: title,
            "<h1 style=\"margin:0 0 10px;font-size:17px;line-height:1.35\">\(HTML.data(lines.first ?? "", 600))</h1>"
                + rest.joined())
    }

    private static func colour(_ state: StatementState) -> String {
        switch state {
        case .clean: "#1b6b43"
        case .explained: "#1f5faa"
        case .unexplained: "#a8201a"
        case .incomplete: "#8a4b00"
        }
    }

    private static func page(_ state: StatementState, title: String, _ body: String) -> String {
        """
        <!doctype html><html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark"><title>\(HTML.data(title, 120))</title>
        <style>@media (prefers-color-scheme:dark){.b{background:#10161d!important;color:#e6eaf0!important}\
        .c{background:#18202a!important;border-color:#2d3845!important}.s{color:#9aa7b6!important}\
        .r{border-color:#2d3845!important}.neg{color:#f29a92!important}}</style></head>
        <body class="b" style="margin:0;padding:16px;background:#f4f6f8;color:#1b2430;\
        font:15px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">
        <table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="c" \
        style="max-width:640px;background:#ffffff;border:1px solid #dfe4ea;border-left:6px solid \(colour(state));\
        border-radius:8px;text-align:left"><tr><td style="padding:20px 22px">
        <p style="margin:0 0 8px"><span style="background:\(colour(state));color:#ffffff;border-radius:4px;\
        padding:2px 10px;font-size:12px;font-weight:bold;letter-spacing:.05em">\(state.rawValue)</span></p>
        \(body)
        </td></tr></table></td></tr></table></body></html>

        """
    }

    private static func line(_ name: String, _ value: String) -> String {
        "<tr><td class=\"s\" valign=\"top\" style=\"padding:2px 14px 2px 0;color:#5b6776;white-space:nowrap\">"
            + "\(name)</td>"
            + "<td valign=\"top\" style=\"padding:2px 0\" width=\"100%\">\(value)</td></tr>"
    }

    /// More of them stand in the files.
    private static let gapsMax = 8

    private static func gaps(_ report: DiscrepancyReport) -> String {
        let statement = report.statement
        let unexplained = ReportVerdict.notices(report)
        guard !statement.gaps.isEmpty || !unexplained.isEmpty else { return "" }
        let shown = (statement.gaps.prefix(gapsMax) + unexplained).map { "<li>\(HTML.data($0, 400))</li>" }.joined()
        let rest = statement.gaps.count - min(gapsMax, statement.gaps.count)
        let more = rest > 0 ? "<li>and \(Money.grouped(Int64(rest))) more</li>" : ""
        return "<ul style=\"margin:0 0 16px;padding:0 0 0 20px\">\(shown)\(more)</ul>\n"
    }

    /// The rows of the summary, so that they cannot differ from it.
    private static func bridges(_ report: DiscrepancyReport) -> String {
        var sections: [(name: String, rows: [[Cell]])] = []
        for row in SummarySheet.bridge(report.statement) {
            guard case .text(let section) = row[0] else { continue }
            if sections.last?.name == section {
                sections[sections.count - 1].rows.append(row)
            } else {
                sections.append((section, [row]))
            }
        }
        return sections.map { section in
            let isCharges = section.name.hasPrefix("Charges")
            let period = isCharges ? ReportPeriods.toCutOff(report, .charges) : "balances at the cut-off"
            let last = section.rows.count - 1
            let rows = section.rows.enumerated().map { row($0.element, isEnd: $0.offset == 0 || $0.offset == last) }
            return "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
                + "style=\"font-size:14px;margin:0 0 16px\"><tr><td colspan=\"2\" class=\"s\" "
                + "style=\"color:#5b6776;font-size:12px;padding:0 0 4px\"><b>\(HTML.text(section.name))</b>, "
                + "\(HTML.text(period))"
                + "</td></tr>\(rows.joined())</table>\n"
        }.joined()
    }

    private static func row(_ cells: [Cell], isEnd: Bool) -> String {
        guard case .text(let name) = cells[1] else { return "" }
        let (text, isNegative): (String, Bool) =
            switch cells[2] {
            case .credits(let credits): (ReportVerdict.decimal(credits), credits < 0)
            case .money(let money): (money.description, money.minorUnits < 0)
            default: ("not known", false)
            }
        var note = ""
        if case .text(let words) = cells[3] {
            note = "<br><span class=\"s\" style=\"color:#5b6776;font-size:12px\">\(HTML.text(words))</span>"
        }
        let edge = "border-top:1px solid #dfe4ea;padding:5px 0"
        let weight = isEnd ? "font-weight:bold;" : ""
        let red = isNegative ? "color:#a8201a;" : ""
        return "<tr><td class=\"r\" valign=\"top\" style=\"\(weight)\(edge)\">\(HTML.text(name))\(note)</td>"
            + "<td class=\"r\(isNegative ? " neg" : "")\" valign=\"top\" align=\"right\" "
            + "style=\"\(weight)\(red)\(edge);padding-left:12px;white-space:nowrap\">\(text)</td></tr>"
    }

    private static func items(_ report: DiscrepancyReport) -> String {
        let lines = ReportSummary.itemLines(report).map { name, value in line(name, HTML.text(value)) }.joined()
        return "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
            + "style=\"font-size:13px;margin:0 0 16px\">\(lines)</table>"
    }

    private static func footerLines(_ lines: [String]) -> String {
        let text = lines.map { HTML.text(ReportText.visible($0)) }.joined(separator: "<br>")
        return "<p class=\"s r\" style=\"margin:0;padding:10px 0 0;border-top:1px solid #dfe4ea;color:#5b6776;"
            + "font-size:12px;overflow-wrap:anywhere;word-break:break-word\">\(text)</p>"
    }
}
