import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner
import Store

/// Brings a report that was made and kept to its readers: its files, its mails and its message to Slack, beside each
/// other. Where the task is cancelled, what has not left is left, and the report says so.
struct ReportTelling: Sendable {
    let definition: JobDefinition
    let job: ReportJob
    let settings: Settings
    let target: ConnectionTarget
    let senders: OutboxSenders

    /// For a message of the report that another process is sending at this moment.
    private static let patience = Swift.Duration.seconds(10)

    /// - Returns: the report, with what became of it on each way out.
    /// - Throws: `PostgresError`, where nobody can tell what became of it.
    func tell(_ result: ReportResult) async throws -> ReportResult {
        let pool = Pool(target, size: 4, applicationName: "trueup report \(definition.name)")
        let http = HTTPClient()
        do {
            let told = try await tell(result, pool, http)
            await pool.close()
            await http.close()
            return told
        } catch {
            await pool.close()
            await http.close()
            throw error
        }
    }

    private func tell(_ result: ReportResult, _ pool: Pool, _ http: HTTPClient) async throws -> ReportResult {
        let delivery = ReportDelivery(
            settings: settings.delivery, http: http, environment: ProcessInfo.processInfo.environment)
        async let files = delivery.deliver(result, job: definition.name, job.deliver, pool: pool)
        // Whatever else waits in the same outbox is not touched: who makes a report does not send notices to customers.
        async let sent = senders.send(report: result.id, pool: pool)
        let filed = try await files
        let isSent = try await sent.isWhole
        let patience = Task.isCancelled ? Swift.Duration.zero : Self.patience
        return try await Task {
            try await filed.settled(StoredReports(pool: pool), isSent: isSent, patience: patience)
        }.value
    }

    /// Tells those who asked to hear of it how a report ended that no occurrence tells of. What does not leave now
    /// waits in the outbox.
    func alert(_ end: AttemptEnd, of result: ReportResult) async {
        let alerts = Alerts(definition, delivery: settings.delivery)
        guard alerts.wants(end.event) else { return }
        let pool = Pool(target, size: 2, applicationName: "trueup alert")
        do {
            // Also where it is stopped: then it is written, and waits.
            let new = try await Task { try await alerts.tell(end, report: result.id, pool: pool) }.value
            if new > 0 { _ = try await senders.send(report: result.id, pool: pool) }
        } catch {
            Terminal.say("\(definition.name): nobody could be told of it: \(explanation(of: error))", .warning)
        }
        await pool.close()
    }
}
