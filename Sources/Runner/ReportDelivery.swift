import Curl
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Reports
import Store

/// The ways out of a report. The files go to a directory and a bucket at once; mail and Slack go through the outbox: a
/// crash neither loses nor doubles a message. One way that fails stops none of the others.
public struct ReportDelivery: Sendable {
    let settings: DeliverySettings
    let bucket: ReportBucket?
    /// Why there is no bucket though the settings name one.
    let bucketProblem: String?

    /// - Parameters:
    ///   - environment: where the access key of a bucket is looked up.
    ///   - bucketTimeoutMilliseconds: for one object.
    public init(
        settings: DeliverySettings, http: HTTPClient, environment: [String: String],
        bucketTimeoutMilliseconds: Int = 60_000
    ) {
        self.settings = settings
        var bucket: ReportBucket?
        var problem: String?
        if let s3 = settings.s3 {
            do {
                bucket = ReportBucket(
                    s3, accessKeyID: try Secrets.secret(named: s3.accessKeyEnv, environment: environment),
                    secretKey: try Secrets.secret(named: s3.secretKeyEnv, environment: environment), http: http)
            } catch {
                problem = "\(error)"
            }
        }
        bucket?.timeoutMilliseconds = bucketTimeoutMilliseconds
        self.bucket = bucket
        bucketProblem = problem
    }

    /// Whether the bucket is there, for a check; nothing is written.
    /// - Returns: its address, for people.
    public func checkBucket() async throws -> String {
        guard let bucket else { throw BucketUnknown(description: bucketProblem ?? "settings.yaml has no delivery.s3") }
        try await bucket.check()
        return bucket.address([])
    }

    /// To whom a job's messages go.
    static func ways(_ rule: DeliverRule) -> [ReportDispatch.Way] {
        rule.email.map { .email(to: $0) } + (rule.slack ? [.slack] : [])
    }

    /// The messages that a job asks for, one for each recipient.
    func queued(_ messages: ReportMessages, _ rule: DeliverRule) -> [ReportDispatch] {
        Self.ways(rule).map { ReportDispatch(way: $0, messages: messages) }
    }

    /// Puts the messages into the outbox, inside the transaction that keeps the report.
    /// - Parameter hash: of what the report states; the next report is held against it.
    /// - Returns: those that were not there before.
    func enqueue(
        _ queued: [ReportDispatch], attachments: [OutboxAttachment], report id: Int64, stating hash: String,
        on connection: Connection
    ) async throws -> [StoredReport.Delivery] {
        var records: [StoredReport.Delivery] = []
        for dispatch in queued {
            let draft = dispatch.draft(
                slackVariable: settings.slack?.urlEnv ?? "", attachments: attachments, report: id, stating: hash)
            guard try await Outbox.enqueue(draft, on: connection) != nil else {
                _ = try await Outbox.retry(draft.dedupeKey, on: connection)
                continue
            }
            try await StoredReports.record(dispatch.record, of: id, on: connection)
            records.append(dispatch.record)
        }
        return records
    }

    /// The files that go with the mails of a report.
    static func attachments(_ messages: ReportMessages) throws -> [OutboxAttachment] {
        try messages.attachments.map { name in
            let data = try Data(contentsOf: URL(fileURLWithPath: messages.directory + "/" + name))
            return OutboxAttachment(
                name: name,
                contentType: name.hasSuffix(".html")
                    ? "text/html; charset=utf-8" : "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                bytes: Array(data))
        }
    }

    /// Sees to the files: what was delivered before is not delivered again. Where the task is cancelled, a bucket that
    /// has not got them all has failed, and that is kept.
    /// - Parameter job: the report's.
    /// - Returns: the report with what became of its files.
    /// - Throws: `PostgresError`, where that could not be kept.
    public func deliver(
        _ result: ReportResult, job: String, _ rule: DeliverRule, pool: Pool
    ) async throws -> ReportResult {
        let (reports, id) = (StoredReports(pool: pool), result.id)
        let before = try await Task { try await reports.deliveries(of: id) }.value
        var made: [StoredReport.Delivery] = []
        func isDone(_ destination: String) -> Bool {
            before.contains { $0.destination == destination && $0.outcome == .delivered }
        }
        if rule.directory, !isDone("directory") {
            // The writer has synced and renamed every file, the manifest last.
            made.append(
                StoredReport.Delivery(
                    destination: "directory", address: result.directory, outcome: .delivered,
                    detail: Money.counted(Int64(result.files.count), "file") + " and the manifest"))
        }
        if rule.s3, !isDone("s3") {
            let names = result.files.map(\.name) + [ReportManifest.fileName]
            // Whatever folder of this machine they are in: two reports are never in one place.
            let day = result.report.statement.cutOff.localText.prefix(10)
            made.append(await toBucket(names, from: result.directory, folder: [job, "\(day)-r\(result.id)"]))
        }
        let deliveries = made
        try await Task { for delivery in deliveries { try await reports.record(delivery, of: id) } }.value
        var told = result
        told.deliveries += deliveries
        return told
    }

    /// - Parameter folder: in the bucket, below its prefix.
    func toBucket(
        _ names: [String], from directory: String, folder: [String]
    ) async -> StoredReport.Delivery {
        guard let bucket else {
            return StoredReport.Delivery(
                destination: "s3", address: settings.s3?.bucket ?? "", outcome: .failed,
                detail: bucketProblem ?? "settings.yaml has no delivery.s3")
        }
        do {
            try await bucket.put(names, from: directory, folder: folder)
            return StoredReport.Delivery(
                destination: "s3", address: bucket.address(folder), outcome: .delivered,
                detail: Money.counted(Int64(names.count), "object"))
        } catch {
            return StoredReport.Delivery(
                destination: "s3", address: bucket.address(folder), outcome: .failed,
                detail: Task.isCancelled
                    ? "it was stopped before its end" : (error as? CocoaError)?.words ?? "\(error)")
        }
    }
}

/// One message on its way into the outbox.
public struct ReportDispatch: Sendable, Hashable {
    public enum Way: Sendable, Hashable {
        case email(to: String)
        case slack
    }

    public let way: Way
    public let messages: ReportMessages

    /// The same for the same report and recipient: the outbox takes it once.
    public var key: String { Self.key(messages.key, way) }

    /// The key of a message about something to one recipient.
    static func key(_ about: String, _ way: Way) -> String {
        switch way {
        case .email(let to): "\(about)/email/\(to.lowercased())"
        case .slack: "\(about)/slack"
        }
    }

    /// The message as the outbox takes it: one key for one report and recipient.
    func draft(
        slackVariable: String, attachments: [OutboxAttachment], report id: Int64, stating hash: String
    ) -> OutboxDraft {
        let about = ["report": String(id), StoredReports.statesWord: hash]
        switch way {
        case .email(let to):
            return OutboxDraft(
                channel: .email, dedupeKey: key, recipient: to, subject: messages.subject, text: messages.text,
                html: messages.html, attachments: attachments, about: about)
        case .slack:
            return OutboxDraft(
                channel: .slack, dedupeKey: key, recipient: slackVariable, subject: messages.subject,
                text: messages.slack, about: about)
        }
    }

    var record: StoredReport.Delivery {
        switch way {
        case .email(let to): StoredReport.Delivery(destination: "email", address: to, outcome: .queued)
        case .slack: StoredReport.Delivery(destination: "slack", address: "incoming webhook", outcome: .queued)
        }
    }
}

extension StoredReport.Delivery {
    /// The key of the message that carries it; `nil` for files.
    public func messageKey(ofReport id: Int64) -> String? {
        switch destination {
        case "email": ReportDispatch.key(ReportMessages.key(id), .email(to: address))
        case "slack": ReportDispatch.key(ReportMessages.key(id), .slack)
        default: nil
        }
    }
}

/// There is no bucket to be asked.
struct BucketUnknown: Error, CustomStringConvertible {
    let description: String
}
