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
    /// - Parameters:
    ///   - report: only those about the report of this number; `nil`: all.
    ///   - seconds: after so long no other message is begun.
    public func deliver(
        limit: Int, report: Int64? = nil, seconds: Double = OutboxDelivery.secondsMax
    ) async throws -> OutboxDelivery.Outcome {
        try await OutboxPass(outbox: outbox, channel: .slack, leaseSeconds: Self.leaseSeconds).run(
            limit: limit, seconds: seconds, report: report
        ) { await post($0) }
    }

    private func post(_ message: OutboxMessage) async -> OutboxPass.Attempt {
        do {
            let url = try address(message.recipient)
            let body = try JSONSerialization.data(
                withJSONObject: ["text": message.text], options: [.sortedKeys, .withoutEscapingSlashes])
            let response = try await http.send(
                HTTPRequest(
                    .post, url: url.expose(), headers: [("Content-Type", "application/json; charset=utf-8")],
                    body: Array(body), timeoutMilliseconds: timeoutMilliseconds))
            if response.status == 200 { return OutboxPass.Attempt(end: .sent) }
            // Slack acts before it answers 200, so any other answer says that nothing was posted.
            let isPassing = response.status == 429 || response.status >= 500
            return Self.failed("Slack answered \(response.status)", isPermanent: !isPassing)
        } catch let error as CurlError {
            // What was stopped is not refused.
            let isStopped = error.kind == .cancelled || error.kind == .closed
            return OutboxPass.Attempt(
                end: error.mayHaveBeenSent
                    ? .unknown("Slack: \(error)")
                    : .failed("Slack: \(error)", isPermanent: !error.isTransient && !isStopped),
                ending: error.kind == .timedOut ? .timedOut : .closed)
        } catch {
            return Self.failed("Slack: \(error)", isPermanent: false)
        }
    }

    private static func failed(_ reason: String, isPermanent: Bool) -> OutboxPass.Attempt {
        OutboxPass.Attempt(end: .failed(reason, isPermanent: isPermanent), ending: .closed)
    }
}
