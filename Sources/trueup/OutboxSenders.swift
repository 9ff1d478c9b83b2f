import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner
import Store
import Synchronization

/// What keeps messages from leaving, for who tries again and again: each trouble is said once, until it is over.
final class LastingTrouble: Sendable {
    private let before = Mutex<[String]>([])

    /// - Parameter troubles: all of this time.
    func say(_ troubles: [String]) {
        let new = before.withLock { before in
            defer { before = troubles }
            return troubles.filter { !before.contains($0) }
        }
        for trouble in new { Terminal.say(trouble) }
    }
}

/// Empties the outbox through the ways out that the settings name.
enum OutboxSenders {
    /// How many messages of each kind one command sends.
    private static let messagesMax = 200

    /// Sends what is due, and says what did not leave. One way that fails stops no other.
    /// - Parameters:
    ///   - report: only messages about the report of this number; `nil`: all.
    ///   - trouble: hears what did not leave and why.
    /// - Returns: whether everything that was tried is out.
    static func deliver(
        _ settings: Settings, report: Int64? = nil, pool: Pool, http: HTTPClient,
        trouble: (String) -> Void = { Terminal.say($0) }
    ) async throws -> Bool {
        var isWhole = true
        do {
            let mail = try sender(settings.delivery.email)
            let outcome = try await OutboxDelivery(pool: pool, mail: mail).deliver(limit: messagesMax, report: report)
            isWhole = say(outcome, "mail", trouble) && isWhole
        } catch let error as MailError {
            trouble("mail: \(error)")
            isWhole = false
        } catch let error as SecretError {
            trouble("mail: \(error)")
            isWhole = false
        }
        guard settings.delivery.slack != nil else { return isWhole }
        let environment = ProcessInfo.processInfo.environment
        let slack = SlackOutbox(pool: pool, http: http) { try Secrets.secret(named: $0, environment: environment) }
        return say(try await slack.deliver(limit: messagesMax, report: report), "Slack", trouble) && isWhole
    }

    /// Sends the report's messages that are due, and gives the report with what became of them. Whatever else waits in
    /// the same outbox is not touched: who makes a report does not send notices to customers.
    static func deliver(
        _ result: ReportResult, _ settings: Settings, pool: Pool, http: HTTPClient
    ) async throws -> ReportResult {
        let isSent = try await deliver(settings, report: result.id, pool: pool, http: http)
        return try await result.settled(StoredReports(pool: pool), isSent: isSent)
    }

    private static func sender(_ email: EmailDelivery?) throws -> OutboxDelivery.Sender? {
        guard let email else { return nil }
        let url = try Secrets.secret(named: email.urlEnv, environment: ProcessInfo.processInfo.environment)
        return OutboxDelivery.Sender(client: try MailClient(url: url), from: try Mailbox(parsing: email.from))
    }

    private static func say(_ outcome: OutboxDelivery.Outcome, _ way: String, _ trouble: (String) -> Void) -> Bool {
        if outcome.sent > 0 { Terminal.say("\(way): \(counted(outcome.sent, "message")) sent") }
        guard outcome.failed + outcome.unknown > 0 else { return true }
        let failed = outcome.failed > 0 ? ["\(counted(outcome.failed, "message")) not sent"] : []
        let unknown = outcome.unknown > 0 ? ["of \(counted(outcome.unknown, "message")) nobody knows"] : []
        trouble(
            "\(way): \((failed + unknown).joined(separator: ", ")): \(printable(outcome.lastError ?? ""))")
        return false
    }
}
