import Curl
import Foundation
import PostgreSQL
import Store

/// Sends what waits in the outbox for Slack, through incoming webhooks:
/// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
///
/// A webhook takes no key against doubles, so an answer that was lost makes its message `unknown`, as with mail. A
/// webhook's address is a secret: no error holds more of it than its host.
public struct SlackOutbox: Sendable {
    private let outbox: Outbox
    private let http: HTTPClient
    private let address: @Sendable (String) throws -> Secret
    /// For one message, in milliseconds.
    private let timeoutMilliseconds: Int

    /// Longer than one message takes.
    static let leaseSeconds = 300

    /// - Parameter address: the webhook's address by the name of the variable that holds it.
    public init(
        pool: Pool, http: HTTPClient, timeoutMilliseconds: Int = 30_000,
        address: @escaping @Sendable (String) throws -> Secret
    ) {
        outbox = Outbox(pool: pool)
        self.http = http
        self.timeoutMilliseconds = timeoutMilliseconds
        self.address = address
    }

    /// Sends at most `limit` messages that are due, and stops at the first that does not leave.
    /// - Parameter report: only those about the report of this number; `nil`: all.
    public func deliver(limit: Int, report: Int64? = nil) async throws -> OutboxDelivery.Outcome {
        var outcome = OutboxDelivery.Outcome()
        for _ in 0..<max(0, limit) {
            guard !Task.isCancelled,
                let message = try await outbox.claim([.slack], report: report, leaseSeconds: Self.leaseSeconds)
            else { break }
            switch await post(message) {
            case .sent:
                _ = try await outbox.markSent(message)
                outcome.sent += 1
                continue
            case .unknown(let reason):
                _ = try await outbox.markUnknown(message, error: reason)
                outcome.unknown += 1
                outcome.lastError = reason
            case .failed(let reason, let isPermanent):
                _ = try await outbox.markFailed(message, error: reason, isPermanent: isPermanent)
                outcome.failed += 1
                outcome.lastError = reason
            }
            break
        }
        return outcome
    }

    private enum Posted {
        case sent
        case unknown(String)
        case failed(String, isPermanent: Bool)
    }

    private func post(_ message: OutboxMessage) async -> Posted {
        do {
            let url = try address(message.recipient)
            let body = try JSONSerialization.data(
                withJSONObject: ["text": message.text], options: [.sortedKeys, .withoutEscapingSlashes])
            let response = try await http.send(
                HTTPRequest(
                    .post, url: url.expose(), headers: [("Content-Type", "application/json; charset=utf-8")],
                    body: Array(body), timeoutMilliseconds: timeoutMilliseconds))
            if response.status == 200 { return .sent }
            // Slack acts before it answers 200, so any other answer says that nothing was posted.
            let isPassing = response.status == 429 || response.status >= 500
            return .failed("Slack answered \(response.status)", isPermanent: !isPassing)
        } catch let error as CurlError {
            if error.mayHaveBeenSent { return .unknown("Slack: \(error)") }
            return .failed("Slack: \(error)", isPermanent: !error.isTransient)
        } catch {
            return .failed("Slack: \(error)", isPermanent: false)
        }
    }
}
