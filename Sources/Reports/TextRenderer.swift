import Reconciliation

/// `summary.txt`: the first screen in plain lines, which is also what a terminal shows.
final class TextRenderer: Renderer {
    private let file: OutputFile

    init(_ sheets: ReportSheets, in folder: OutputFolder) throws(ReportError) {
        file = try OutputFile("summary.txt", in: folder)
        for line in ReportSummary.lines(sheets.report) { try file.stream.write(line + "\n") }
    }

    func append(_ rows: [MatchedRow]) throws(ReportError) {}

    func finish() throws(ReportError) -> [(String, OutputFile)] { [(file.name, file)] }
}

/// The summary for a terminal, a mail's text or a message.
public enum ReportSummary {
    /// A line, and where its words go on where it is broken.
    private struct Line {
        var text: String
        var hang: Int

        init(_ text: String, hang: Int = 2) {
            self.text = ReportText.visible(text)
            self.hang = hang
        }
    }

    /// Plain lines without colours or control characters; numbers are aligned.
    public static func lines(_ report: DiscrepancyReport) -> [String] { wholeLines(report).map(\.text) }

    /// The same in lines of at most `columns` characters, broken between words; the columns stay.
    public static func lines(_ report: DiscrepancyReport, columns: Int) -> [String] {
        wholeLines(report).flatMap { line in
            ReportText.lines(line.text, columns: columns, hang: line.hang <= columns * 2 / 3 ? line.hang : 6)
        }
    }

    private static func wholeLines(_ report: DiscrepancyReport) -> [Line] {
        let statement = report.statement
        let accounts = report.accountNames.joined(separator: ", ")
        let meaning = ReportVerdict.meaning(report)
        var lines = [
            Line(ReportVerdict.line(statement)),
            // The line above begins with it.
            Line(statement.state == .incomplete ? meaning : "\(statement.state.rawValue): \(meaning)"),
        ]
        lines += (statement.gaps + ReportVerdict.notices(report)).map { Line("  ! \($0)", hang: 4) }
        lines += [
            Line(""),
            named("Cut-off", "\(statement.cutOff.localText) \(statement.cutOff.zone) (\(statement.cutOff.utcText))"),
            named("Period", ReportPeriods.line(report)), named("Account", "\(accounts), \(report.mode)"), Line(""),
        ]
        for (section, rows) in bridges(statement) {
            let period = section.hasPrefix("Charges") ? ReportPeriods.toCutOff(report, .charges) : "at the cut-off"
            lines.append(Line(section + ", " + period))
            lines += aligned(rows)
        }
        lines.append(Line(""))
        lines += itemLines(report).map { named($0.name, $0.value) }
        let largest = statement.largestAgencies()
        if !largest.isEmpty {
            lines += [Line(""), Line("Largest differences")]
            let order = CurrencyOrder(statement)
            lines += aligned(
                largest.map { line in
                    let id = line.activity.agencyID.map { " (\($0))" } ?? ""
                    let name = ReportText.shown(line.activity.name, 48) + id
                    return (name, ReportVerdict.decimal(line.difference ?? 0), StatementSheet.status(line, order))
                })
        }
        return lines
    }

    private static func named(_ name: String, _ value: String) -> Line {
        Line(name + String(repeating: " ", count: max(1, 9 - name.count)) + value, hang: 9)
    }

    /// What moved, who is on it, what agrees, and how old it is: names and values.
    static func itemLines(_ report: DiscrepancyReport) -> [(name: String, value: String)] {
        [
            ("Items", changes(report)), ("People", people(report)), ("Matched", rate(report)),
            ("Age", aging(report.statement)),
        ]
    }

    private static func bridges(_ statement: Statement) -> [(section: String, rows: [(String, String, String)])] {
        var sections: [(section: String, rows: [(String, String, String)])] = []
        for row in SummarySheet.bridge(statement) {
            guard case .text(let section) = row[0] else { continue }
            if sections.last?.section != section { sections.append((section, [])) }
            sections[sections.count - 1].rows.append(bridge(row))
        }
        return sections
    }

    private static func bridge(_ row: [Cell]) -> (String, String, String) {
        func text(_ cell: Cell) -> String {
            switch cell {
            case .text(let text): text
            case .credits(let credits): ReportVerdict.decimal(credits)
            case .money(let money): money.description
            default: "not known"
            }
        }
        return (text(row[1]), text(row[2]), row[3] == .empty ? "" : text(row[3]))
    }

    /// Names to the left, figures to the right, notes behind.
    private static func aligned(_ rows: [(String, String, String)]) -> [Line] {
        let nameWidth = rows.map(\.0.count).max() ?? 0
        let figureWidth = rows.map(\.1.count).max() ?? 0
        return rows.map { name, figure, note in
            let line =
                "  " + name + String(repeating: " ", count: nameWidth - name.count + 2)
                + String(repeating: " ", count: figureWidth - figure.count) + figure
            return Line(note.isEmpty ? line : line + "  " + note, hang: line.count + 2)
        }
    }

    private static func changes(_ report: DiscrepancyReport) -> String {
        let (statement, changes) = (report.statement, report.statement.changes)
        guard changes.hasPrevious else { return "\(statement.items.count) open; this is the first report" }
        return "\(changes.new.count) new, \(changes.reopened.count) reopened, \(report.resolved.count) "
            + "resolved (\(changes.resolved.count) of them in the last report), "
            + "\(changes.changed.count) items changed, \(changes.unchanged.count) unchanged"
    }

    private static func people(_ report: DiscrepancyReport) -> String {
        let words = SummarySheet.people(report).compactMap { row -> String? in
            guard case .text(let name) = row[1], case .count(let count) = row[2], count > 0 else { return nil }
            return "\(ReportText.shown(name, 40)) \(Money.grouped(count))"
        }
        return words.isEmpty ? "nothing is open" : words.joined(separator: ", ")
    }

    private static func rate(_ report: DiscrepancyReport) -> String {
        let rate = report.statement.matchRate
        guard let runs = ReportPeriods.rated(report), rate.per10000 != nil else { return ReportPeriods.unrated }
        let byValue = CurrencyOrder(report.statement).sorted(rate.byValue, by: \.currency)
        let values = byValue.map { "\(ReportVerdict.percent($0.per10000)) of \($0.currency.uppercased()) value" }
        return (["\(ReportVerdict.percent(rate.per10000)) by count"] + values).joined(separator: ", ") + "; " + runs
    }

    private static func aging(_ statement: Statement) -> String {
        let buckets = AgingBucket.allCases.map { "\($0.label): \(Money.grouped(statement.aging.count($0)))" }
        let rest = AgingSheet.information(statement).map { ", \($0)" } ?? ""
        return buckets.joined(separator: " · ") + " (days: items)" + rest
    }
}
