import PostgreSQL
import Store

/// One go through what is due on one way out: one message after the other, each at most once.
///
/// Cancelling the task ends it. What became of a message that was taken is written all the same.
struct OutboxPass: Sendable {
    /// What became of one message.
    struct Attempt: Sendable {
        enum End: Sendable {
            case sent
            /// The answer was lost.
            case unknown(String)
            case failed(String, isPermanent: Bool)
        }

        var end: End
        /// Why no other message is tried: it was about the server, not about this one. `nil`: the next one is.
        var ending: OutboxDelivery.Ending?
    }

    let outbox: Outbox
    let channel: OutboxChannel
    /// Longer than ``MailClient`` or Slack takes for one message.
    let leaseSeconds: Int

    private static let writeAttemptsMax = 5

    /// - Parameters:
    ///   - limit: of messages.
    ///   - seconds: after so long no other message is begun.
    ///   - report: only messages about the report of this number; `nil`: all.
    ///   - send: takes one message, and says what became of it.
    func run(
        limit: Int, seconds: Double, report: Int64?, send: @Sendable (OutboxMessage) async -> Attempt
    ) async throws -> OutboxDelivery.Outcome {
        var outcome = OutboxDelivery.Outcome()
        var tried: [Int64] = []
        let end = ContinuousClock.now + .seconds(seconds)
        while outcome.ending == .done {
            if Task.isCancelled {
                outcome.ending = .stopped
            } else if tried.count >= limit {
                outcome.ending = .full
            } else if ContinuousClock.now >= end {
                outcome.ending = .slow
            } else if let message = try await claim(report, tried) {
                tried.append(message.id)
                let attempt = await send(message)
                try await settle(message, attempt.end)
                outcome.add(attempt)
                if Task.isCancelled { outcome.ending = .stopped }
            } else if !Task.isCancelled {
                return outcome
            }
        }
        let (outbox, channel, done) = (outbox, channel, tried)
        // Also where it was stopped: that something is left must be said.
        outcome.left = try await Task { try await outbox.dueCount([channel], report: report, without: done) }.value
        return outcome
    }

    /// The next one; `nil` where none is due, or the task is cancelled.
    private func claim(_ report: Int64?, _ tried: [Int64]) async throws -> OutboxMessage? {
        do {
            return try await outbox.claim([channel], report: report, without: tried, leaseSeconds: leaseSeconds)
        } catch  where Task.isCancelled {
            return nil
        }
    }

    /// Writes what became of a message, cancelled or not, and again after a pause where the database is away.
    private func settle(_ message: OutboxMessage, _ end: Attempt.End) async throws {
        let outbox = outbox
        let writing = Task {
            var attempt = 1
            while true {
                do {
                    return try await Self.write(message, end, outbox)
                } catch  where attempt < Self.writeAttemptsMax {
                    try await Task.sleep(for: .milliseconds(100 << attempt))
                    attempt += 1
                }
            }
        }
        try await writing.value
    }

    private static func write(_ message: OutboxMessage, _ end: Attempt.End, _ outbox: Outbox) async throws {
        switch end {
        case .sent: _ = try await outbox.markSent(message)
        case .unknown(let reason): _ = try await outbox.markUnknown(message, error: reason)
        case .failed(let reason, let isPermanent):
            _ = try await outbox.markFailed(message, error: reason, isPermanent: isPermanent)
        }
    }
}

extension OutboxDelivery.Outcome {
    fileprivate mutating func add(_ attempt: OutboxPass.Attempt) {
        switch attempt.end {
        case .sent: sent += 1
        case .unknown(let reason):
            unknown += 1
            lastError = reason
        case .failed(let reason, _):
            failed += 1
            lastError = reason
        }
        if let ending = attempt.ending { self.ending = ending }
    }
}
