import PostgreSQL
import Reconciliation
import Reports
import Schedule
import Store

/// What those who got a report hear of its signatures: one short mail or Slack message for each signature and
/// recipient, in the transaction that signs. Readers of a statement that the signed one takes the place of hear of it,
/// too.
public struct SignatureMessages: Sendable {
    private let report: StoredReport
    private let role: String
    private let cutOff: StatementCutOff

    /// - Parameter role: `preparer` or `reviewer`.
    /// - Throws: `ZoneError` where this machine does not know the report's time zone.
    public init(_ report: StoredReport, role: String) throws {
        self.report = report
        self.role = role
        cutOff = StatementCutOff(seconds: report.cutOffSeconds, in: try Zone.load(report.zone))
    }

    /// Puts the messages about a signature, which has been written, into the outbox.
    /// - Returns: how many there are; 0 where the report was sent to nobody.
    public func enqueue(on connection: Connection) async throws -> Int {
        let signatures = try await StoredReports.signatures(of: report.id, on: connection)
        guard let signature = signatures.first(where: { $0.role == role }) else { return 0 }
        let supersedes = try await StoredReports.superseding(report.id, on: connection).supersedes
        let isWhole = signatures.count == SignOff.Role.allCases.count
        let lines = lines(signature, isWhole: isWhole, supersedes: supersedes).map { ReportText.visible($0) }
        let subject = ReportText.visible(
            "\(report.state.rawValue) \(report.job) \(cutOff.localText.prefix(10)): report \(report.id) signed by "
                + "\(signature.person) as \(role)")
        let key = "\(ReportMessages.key(report.id))/signed-\(role)"
        var count = 0
        for way in try await ways([report.id] + (supersedes.map { [$0] } ?? []), on: connection) {
            let draft = draft(way, key: key, subject: subject, lines)
            if try await Outbox.enqueue(draft, on: connection) != nil { count += 1 }
        }
        return count
    }

    /// A way out, with the name of Slack's variable as it was when the report was sent.
    private struct Way: Hashable {
        let way: ReportDispatch.Way
        let recipient: String
    }

    private func ways(_ ids: [Int64], on connection: Connection) async throws -> [Way] {
        var ways: [Way] = []
        func add(_ way: Way) { if !ways.contains(way) { ways.append(way) } }
        for id in ids {
            let queued = try await StoredReports.deliveries(of: id, on: connection).filter { $0.outcome == .queued }
            for delivery in queued where delivery.destination == "email" {
                add(Way(way: .email(to: delivery.address), recipient: delivery.address))
            }
            let slack = queued.filter { $0.destination == "slack" }.compactMap { $0.messageKey(ofReport: id) }
            for message in try await Outbox.messages(keys: slack, on: connection) {
                add(Way(way: .slack, recipient: message.recipient))
            }
        }
        return ways
    }

    private func draft(_ way: Way, key: String, subject: String, _ lines: [String]) -> OutboxDraft {
        let about = ["report": String(report.id), "signed": role]
        let key = ReportDispatch.key(key, way.way)
        switch way.way {
        case .email:
            return OutboxDraft(
                channel: .email, dedupeKey: key, recipient: way.recipient, subject: subject,
                text: lines.flatMap { ReportText.lines($0, columns: ReportMessages.textColumns) }
                    .joined(separator: "\n") + "\n",
                html: ReportMail.html(report.state, title: subject, lines: lines), about: about)
        case .slack:
            let text = lines.map(ReportMessages.escaped)
            return OutboxDraft(
                channel: .slack, dedupeKey: key, recipient: way.recipient, subject: subject,
                text: (["*\(ReportMessages.escaped(report.state.rawValue))* \(text[0])"] + text.dropFirst())
                    .joined(separator: "\n"), about: about)
        }
    }

    private func lines(_ signature: StoredReport.Signature, isWhole: Bool, supersedes: Int64?) -> [String] {
        var lines = [
            "Report \(report.id) of \(report.job), cut-off \(cutOff.localText) \(cutOff.zone), was signed by "
                + "\(signature.person) as \(role) (\(signature.systemUser), database user \(signature.databaseUser)"
                + (signature.isSharedLogin ? ", shared login allowed)." : ")."),
            ReportVerdict.beside(report.state.rawValue, report.verdict),
        ]
        if !signature.accepted.isEmpty {
            lines.append("Accepted as \(report.state.rawValue): \(signature.accepted)")
        }
        lines.append("Checked: \(signature.note)")
        if let supersedes {
            lines.append(
                isWhole
                    ? "It takes the place of report \(supersedes), signed for the same cut-off."
                    : "Once a reviewer has signed, it takes the place of report \(supersedes) of the same cut-off.")
        }
        lines.append(
            isWhole
                ? "Both have signed: the next statement opens where this one closes."
                : "It waits for its reviewer, who is another person.")
        lines.append("Manifest SHA-256 \(report.manifestHash)")
        return lines
    }
}
