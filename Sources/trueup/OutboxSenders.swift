import Curl
import Foundation
import Jobs
import PostgreSQL
import Runner
import Store
import Synchronization

/// Empties the outbox of a command through the ways out that the settings name, beside each other: a server that hangs
/// holds up its own way alone. Where it did not answer in time, the command tries that way no more.
final class OutboxSenders: Sendable {
    /// A way out, as people call it.
    enum Way: String, Sendable, Hashable, CaseIterable {
        case mail
        case slack = "Slack"

        fileprivate var channel: OutboxChannel {
            switch self {
            case .mail: .email
            case .slack: .slack
            }
        }
    }

    /// What became of what was due on one way.
    struct WayEnd: Sendable {
        let way: Way
        var outcome = OutboxDelivery.Outcome()
        /// Why nothing could be tried.
        var problem: String?

        /// Whether everything that was due is out.
        var isWhole: Bool { problem == nil && outcome.failed + outcome.unknown + outcome.left == 0 }

        /// What did not leave and why, of what was tried; empty where all of it is out.
        var failures: [String] {
            if let problem { return ["\(way.rawValue): \(problem)"] }
            guard outcome.failed + outcome.unknown > 0 else { return [] }
            let failed = outcome.failed > 0 ? ["\(counted(outcome.failed, "message")) not sent"] : []
            let unknown = outcome.unknown > 0 ? ["of \(counted(outcome.unknown, "message")) nobody knows"] : []
            let what = (failed + unknown).joined(separator: ", ")
            return ["\(way.rawValue): \(what): \(printable(outcome.lastError ?? ""))"]
        }

        /// What was not tried; `nil` where all of it was.
        var leftover: String? {
            guard outcome.left > 0 else { return nil }
            return "\(way.rawValue): \(counted(outcome.left, "message")) left for later: \(why)"
        }

        private var why: String {
            switch outcome.ending {
            case .done: "due since"
            case .timedOut: "the server did not answer in time"
            case .closed: "nothing leaves on this way now"
            case .slow: "the server is slow"
            case .full: "no more are sent at once"
            case .stopped: "stopped"
            }
        }

        func saySent() {
            if outcome.sent > 0 { Terminal.say("\(way.rawValue): \(counted(outcome.sent, "message")) sent") }
        }
    }

    /// What became of all that was due.
    struct Sent: Sendable {
        /// In the order of the ways.
        let ends: [WayEnd]
        /// What a process that died had begun to send.
        let lost: [OutboxMessage]

        /// Whether everything is out, and of nothing it became known that nobody knows.
        var isWhole: Bool { lost.isEmpty && ends.allSatisfy(\.isWhole) }
    }

    /// How much of this command a way has taken.
    private struct Spent {
        var seconds = 0.0
        var hasTimedOut = false
    }

    private let settings: Settings
    private let spent = Mutex<[Way: Spent]>([:])

    /// How many messages of each kind are sent at once.
    private static let messagesMax = 200

    init(_ settings: Settings) { self.settings = settings }

    /// The ways that the settings name.
    var ways: [Way] {
        Way.allCases.filter { way in
            switch way {
            case .mail: settings.delivery.email != nil
            case .slack: settings.delivery.slack != nil
            }
        }
    }

    /// Sends what is due, and says what did not leave. One way that fails stops no other. Where the task is cancelled,
    /// each way stops at its next step, and what is left is said as well.
    /// - Parameter report: only messages about the report of this number; `nil`: all.
    func send(report: Int64? = nil, pool: Pool) async throws -> Sent {
        let lost = try await expire(report: report, pool: pool)
        let results = await withTaskGroup(of: Result<WayEnd, any Error>.self) { group in
            for way in ways {
                group.addTask {
                    do {
                        return .success(try await self.empty(way, report: report, pool: pool))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            var results: [Result<WayEnd, any Error>] = []
            for await result in group {
                results.append(result)
                guard case .success(let end) = result else { continue }
                end.saySent()
                for line in end.failures { Terminal.say(line) }
                if let leftover = end.leftover { Terminal.say(leftover) }
            }
            return results
        }
        let ends = try results.map { try $0.get() }
        return Sent(ends: Way.allCases.compactMap { way in ends.first { $0.way == way } }, lost: lost)
    }

    /// Writes down what senders that died have left, and says it: nobody else will.
    /// - Returns: what became unknown with this.
    @discardableResult
    func expire(report: Int64? = nil, pool: Pool) async throws -> [OutboxMessage] {
        guard !ways.isEmpty else { return [] }
        // Also where the command is stopped: what is written down must be said.
        let lost = try await Task { try await Outbox(pool: pool).expire(report: report) }.value
        for message in lost { Terminal.say(message.lostWords, .warning) }
        return lost
    }

    /// Sends what is due on one way.
    /// - Throws: `PostgresError`; what a server says is in the result.
    func empty(_ way: Way, report: Int64? = nil, pool: Pool) async throws -> WayEnd {
        var end = WayEnd(way: way)
        let before = spent.withLock { $0[way] ?? Spent() }
        guard !before.hasTimedOut else {
            let channel = way.channel
            end.outcome.left = try await Task {
                try await Outbox(pool: pool).dueCount([channel], report: report)
            }.value
            end.outcome.ending = .timedOut
            return end
        }
        let started = ContinuousClock.now
        do {
            end.outcome = try await outcome(
                way, report, seconds: max(0, OutboxDelivery.secondsMax - before.seconds), pool)
        } catch let error as MailError {
            end.problem = "\(error)"
        } catch let error as SecretError {
            end.problem = "\(error)"
        }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        let hasTimedOut = end.outcome.ending == .timedOut
        spent.withLock { spent in
            spent[way, default: Spent()].seconds += seconds
            if hasTimedOut { spent[way, default: Spent()].hasTimedOut = true }
        }
        return end
    }

    private func outcome(
        _ way: Way, _ report: Int64?, seconds: Double, _ pool: Pool
    ) async throws -> OutboxDelivery.Outcome {
        switch way {
        case .mail:
            return try await OutboxDelivery(pool: pool, mail: try sender()).deliver(
                limit: Self.messagesMax, report: report, seconds: seconds)
        case .slack:
            let (outbox, environment) = (Outbox(pool: pool), ProcessInfo.processInfo.environment)
            // Daemons look every few seconds: a client and its thread are made for messages alone.
            let due = try await Task { try await outbox.dueCount([.slack], report: report) }.value
            guard due > 0 else { return OutboxDelivery.Outcome() }
            let http = HTTPClient()
            do {
                let slack = SlackOutbox(pool: pool, http: http) {
                    try Secrets.secret(named: $0, environment: environment)
                }
                let outcome = try await slack.deliver(limit: Self.messagesMax, report: report, seconds: seconds)
                await http.close()
                return outcome
            } catch {
                await http.close()
                throw error
            }
        }
    }

    private func sender() throws -> OutboxDelivery.Sender? {
        guard let email = settings.delivery.email else { return nil }
        let url = try Secrets.secret(named: email.urlEnv, environment: ProcessInfo.processInfo.environment)
        return OutboxDelivery.Sender(client: try MailClient(url: url), from: try Mailbox(parsing: email.from))
    }
}

extension OutboxMessage {
    /// Of one that a process which died had begun to send.
    var lostWords: String {
        "message \(id) to \(printable(recipient)) (“\(printable(subject))”) is unknown now: the process that was "
            + "sending it ended before it said how that went"
    }
}
