import Curl
import Foundation
import Jobs
import PostgreSQL
import Reports
import Store

/// The ways out of a report. The files go to a directory and a bucket at once; mail and Slack go through the outbox,
/// which the caller empties: a crash neither loses nor doubles a message. One way that fails stops none of the others.
public struct ReportDelivery: Sendable {
    let settings: DeliverySettings
    let bucket: ReportBucket?
    /// Why there is no bucket though the settings name one.
    let bucketProblem: String?
    let outbox: @Sendable ([ReportDispatch], Int64, Connection) async throws -> Void

    /// - Parameters:
    ///   - environment: where the access key of a bucket is looked up.
    ///   - outbox: puts messages of a report into the outbox, inside the transaction that keeps the report.
    public init(
        settings: DeliverySettings, http: HTTPClient, environment: [String: String],
        outbox: @escaping @Sendable ([ReportDispatch], Int64, Connection) async throws -> Void
    ) {
        self.settings = settings
        self.outbox = outbox
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
        self.bucket = bucket
        bucketProblem = problem
    }

    /// The messages that a job asks for, one for each recipient.
    func queued(_ messages: ReportMessages, _ rule: DeliverRule) -> [ReportDispatch] {
        var queued = rule.email.map { ReportDispatch(way: .email(to: $0), messages: messages) }
        if rule.slack { queued.append(ReportDispatch(way: .slack, messages: messages)) }
        return queued
    }

    func enqueue(_ queued: [ReportDispatch], report id: Int64, on connection: Connection) async throws {
        guard !queued.isEmpty else { return }
        try await outbox(queued, id, connection)
        for dispatch in queued { try await StoredReports.record(dispatch.record, of: id, on: connection) }
    }

    /// Sees to the files: what was delivered before is not delivered again.
    func deliver(_ result: ReportResult, _ rule: DeliverRule, pool: Pool) async throws -> [StoredReport.Delivery] {
        let reports = StoredReports(pool: pool)
        let before = try await reports.deliveries(of: result.id)
        var made: [StoredReport.Delivery] = []
        func isDone(_ destination: String) -> Bool {
            before.contains { $0.destination == destination && $0.outcome == .delivered }
        }
        if rule.directory, !isDone("directory") {
            // The writer has synced and renamed every file, the manifest last.
            made.append(
                StoredReport.Delivery(
                    destination: "directory", address: result.directory, outcome: .delivered,
                    detail: "\(result.files.count) files and the manifest"))
        }
        if rule.s3, !isDone("s3") { made.append(await toBucket(result)) }
        for delivery in made { try await reports.record(delivery, of: result.id) }
        return made
    }

    private func toBucket(_ result: ReportResult) async -> StoredReport.Delivery {
        guard let bucket else {
            return StoredReport.Delivery(
                destination: "s3", address: settings.s3?.bucket ?? "", outcome: .failed,
                detail: bucketProblem ?? "settings.yaml has no delivery.s3")
        }
        let folder = result.directory.split(separator: "/").suffix(2).map(String.init)
        do {
            let names = result.files.map(\.name) + [ReportManifest.fileName]
            try await bucket.put(names, from: result.directory, folder: folder)
            return StoredReport.Delivery(
                destination: "s3", address: bucket.address(folder), outcome: .delivered,
                detail: "\(names.count) objects")
        } catch {
            return StoredReport.Delivery(
                destination: "s3", address: bucket.address(folder), outcome: .failed, detail: "\(error)")
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
    public var key: String {
        switch way {
        case .email(let to): "\(messages.key)/email/\(to.lowercased())"
        case .slack: "\(messages.key)/slack"
        }
    }

    var record: StoredReport.Delivery {
        switch way {
        case .email(let to): StoredReport.Delivery(destination: "email", address: to, outcome: .queued)
        case .slack: StoredReport.Delivery(destination: "slack", address: "incoming webhook", outcome: .queued)
        }
    }
}
