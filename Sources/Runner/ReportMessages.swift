import Jobs
import Reconciliation
import Reports
import Store

/// What is said of a report by mail and in Slack: all of it where something changed or the job says `always`, else one
/// line as proof that it ran. An incomplete report says so in the first word of the subject.
public struct ReportMessages: Sendable, Hashable {
    /// One line without control characters.
    public let subject: String
    /// Plain text.
    public let text: String
    /// The same for mail programs that show HTML: no script, no image, no link from data.
    public let html: String
    /// The files that go with a mail, by their names in the report's folder; empty for a single line.
    public let attachments: [String]
    /// Of a Slack message: the verdict and the largest open items, in its mark-up.
    public let slack: String
    /// The folder of the files.
    public let directory: String
    /// What makes the messages of one report the same messages, such as `report-12`.
    public let key: String

    /// How wide the text of a mail is: programs break what is longer anywhere, and with it the columns.
    static let textColumns = 78

    /// How many open items a Slack message names.
    private static let itemsNamed = 5
    /// More than this is not attached but said to be in the folder: mail servers refuse what is too large.
    private static let attachedBytesMax: Int64 = 15_000_000

    public init(_ result: ReportResult, definition: JobDefinition, when: DeliverWhen) {
        let report = result.report
        let statement = report.statement
        let day = statement.cutOff.localText.prefix(10)
        let isFull = when == .always || result.isChanged || report.state == .incomplete
        key = Self.key(result.id)
        directory = result.directory
        let head = "\(report.state.rawValue) \(definition.name) \(day): "
        subject = ReportText.visible(
            head + (isFull ? ReportVerdict.subject(statement, after: head) : "unchanged"))
        guard isFull else {
            text = ReportText.lines(result.oneLine, columns: Self.textColumns).joined(separator: "\n") + "\n"
            html = ReportMail.html(report, line: result.oneLine)
            attachments = []
            slack = ReportMessages.escaped(result.oneLine)
            return
        }
        var room = ReportMessages.attachedBytesMax
        var attached: [String] = []
        for name in ["report.html", "report.xlsx"] {
            guard let file = result.files.first(where: { $0.name == name }), file.bytes <= room else { continue }
            room -= file.bytes
            attached.append(name)
        }
        let left = result.fileCount - attached.count
        let first = ReportVerdict.firstUnexplained(statement)
        let footer = [
            "Report \(result.id), manifest SHA-256 \(result.manifestHash)",
            "\(Money.counted(Int64(attached.count), "file")) attached, \(left) more in \(result.directory)",
            first.map { "To look into it first: trueup findings list --agency \($0)" },
            "To sign it: trueup report sign \(result.id) --as preparer --note …",
        ].compactMap(\.self)
        let lines =
            ReportSummary.lines(report, columns: Self.textColumns) + [""]
            + footer.flatMap { ReportText.lines($0, columns: Self.textColumns) }
        text = lines.joined(separator: "\n") + "\n"
        html = ReportMail.html(report, footer: footer)
        attachments = attached
        slack = ReportMessages.slackText(report, id: result.id)
    }

    private static func slackText(_ report: DiscrepancyReport, id: Int64) -> String {
        let statement = report.statement
        let accounts = report.accountNames.joined(separator: ", ")
        let changes = statement.changes
        let information = report.items.count(where: \.item.isInformation)
        var lines = [
            "*\(escaped(report.state.rawValue))* \(escaped(ReportVerdict.line(statement, isBesideState: true)))",
            escaped("Cut-off \(statement.cutOff.localText) \(statement.cutOff.zone) · \(accounts), \(report.mode)"),
            escaped(ReportVerdict.meaning(report)),
            (changes.hasPrevious
                ? "\(changes.new.count) new, \(changes.reopened.count) reopened, \(changes.changed.count) items "
                    + "changed, \(changes.unchanged.count) unchanged, \(report.resolved.count) resolved"
                : "\(report.items.count) open; this is the first report")
                + (information > 0 ? " (\(information) of the open ones for information)" : "") + " · report \(id)",
        ]
        lines += (statement.gaps.prefix(itemsNamed) + ReportVerdict.notices(report, namedMax: itemsNamed))
            .map { "• " + escaped($0) }
        let items = report.differences
        for item in items.prefix(itemsNamed) {
            let agency = item.agency.map { "\($0): " } ?? ""
            let effects = item.item.amountEffects.map(\.description)
            let credits =
                item.item.creditsEffect == 0 ? [] : ["\(ReportVerdict.decimal(item.item.creditsEffect)) credits"]
            let moves = (credits + effects).joined(separator: ", ")
            lines.append(
                "• "
                    + escaped(
                        "\(item.item.id) \(ReportText.shown(agency, 60))\(moves.isEmpty ? "" : moves + ": ")"
                            + item.explanation))
        }
        if items.count > itemsNamed {
            lines.append(
                "… and \(Money.grouped(Int64(items.count - itemsNamed))) more items"
                    + (information > 0 ? ", and \(Money.grouped(Int64(information))) for information" : ""))
        }
        return lines.joined(separator: "\n")
    }

    /// What makes messages messages about one report.
    static func key(_ id: Int64) -> String { "report-\(id)" }

    /// As Slack asks for it: no mention and no link comes from data.
    /// https://docs.slack.dev/messaging/formatting-message-text
    static func escaped(_ text: String) -> String {
        ReportText.visible(text).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;")
    }
}
