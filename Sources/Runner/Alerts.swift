import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Store

/// Who hears of what becomes of a job (`notify` of its file), and the messages to them.
///
/// Messages go through the outbox, in the transaction of what they are about, each under a key of its own: what took
/// place is told, what did not is not, and nothing twice.
public struct Alerts: Sendable {
    /// What is told, before it is a mail or a message.
    struct Text: Sendable, Hashable {
        /// One line.
        var subject: String
        var lines: [String]
    }

    let job: String
    private let rule: NotifyRule
    /// The variable with the address of the Slack webhook; `nil` where the settings have none.
    private let slackVariable: String?

    public init(_ definition: JobDefinition, delivery: DeliverySettings) {
        job = definition.name
        rule = definition.notify
        slackVariable = delivery.slack?.urlEnv
    }

    /// Whether somebody wants to hear of the event.
    public func wants(_ event: NotifyEvent) -> Bool {
        rule.on.contains(event) && (!rule.email.isEmpty || rule.slack)
    }

    /// Puts the messages about an event into the outbox.
    /// - Parameters:
    ///   - key: what the event is, the same however often it is noticed.
    ///   - report: the number of the report that it is about: the messages leave with those of the report.
    /// - Returns: how many messages are new.
    func enqueue(_ text: Text, key: String, report: Int64? = nil, on connection: Connection) async throws -> Int {
        var count = 0
        for draft in drafts(text, key: key, report) {
            if try await Outbox.enqueue(draft, on: connection) != nil { count += 1 }
        }
        return count
    }

    private func drafts(_ text: Text, key: String, _ report: Int64?) -> [OutboxDraft] {
        let subject = ReportText.visible(text.subject)
        let lines = text.lines.map { ReportText.visible($0) }
        var about = ["job": job, "alert": key]
        if let report { about["report"] = String(report) }
        var drafts = rule.email.map { address in
            OutboxDraft(
                channel: .email, dedupeKey: "alert/\(key)/email/\(address)", recipient: address,
                subject: "Trueup: " + subject, text: lines.joined(separator: "\n") + "\n",
                about: about)
        }
        if rule.slack, let slackVariable {
            let slack = (["*\(ReportMessages.escaped(text.subject))*"] + text.lines.map(ReportMessages.escaped))
            drafts.append(
                OutboxDraft(
                    channel: .slack, dedupeKey: "alert/\(key)/slack", recipient: slackVariable, subject: subject,
                    text: slack.joined(separator: "\n"), about: about))
        }
        return drafts
    }

    /// Tells of a run that did not come to an end of its own: an error on the way, or before it began.
    /// - Parameters:
    ///   - error: a sentence without secrets.
    ///   - attempt: what makes this attempt another than any before, such as its time and process.
    /// - Returns: how many messages wait in the outbox.
    public func tellFailure(_ error: String, attempt: String, pool: Pool) async throws -> Int {
        guard wants(.failure) else { return 0 }
        let text = Text(
            subject: "\(job) failed",
            lines: [
                "\(job) ended in an error. Nothing more is known of what it would have found.", "", error, "",
                "What was written before is there; the next run goes on from it. See: trueup runs --job \(job)",
            ])
        return try await pool.transaction { connection in
            try await enqueue(text, key: "error/\(job)/\(attempt)", on: connection)
        }
    }
}
