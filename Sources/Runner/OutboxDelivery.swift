import Curl
import PostgreSQL
import Store

/// Sends what waits in the outbox, one message after the other.
///
/// A message is `sending`, committed, before a word of it leaves, and what became of it is written even where the task
/// is cancelled meanwhile. Where that cannot be written, or the process ends, the message becomes `unknown` once its
/// lease is over and is not sent again by itself.
public struct OutboxDelivery: Sendable {
    /// Where mail goes out, and in whose name.
    public struct Sender: Sendable {
        public let client: MailClient
        public let from: Mailbox

        public init(client: MailClient, from: Mailbox) {
            self.client = client
            self.from = from
        }
    }

    /// What became of the messages that were tried.
    public struct Outcome: Sendable, Hashable {
        public var sent = 0
        /// They wait for another attempt, or have failed for good.
        public var failed = 0
        /// The answer was lost: a person decides.
        public var unknown = 0
        /// Why the last one that failed did.
        public var lastError: String?

        /// Nothing was due.
        public init() {}
    }

    private let outbox: Outbox
    private let mail: Sender?

    /// Longer than ``MailClient`` takes for one mail.
    static let leaseSeconds = 900
    private static let writeAttemptsMax = 5

    /// - Parameter mail: `nil` where `delivery.email` is not configured: nothing is sent, and everything waits.
    public init(pool: Pool, mail: Sender?) {
        outbox = Outbox(pool: pool)
        self.mail = mail
    }

    /// Sends at most `limit` messages that are due. A server that cannot be reached, or does not let us in, ends it:
    /// the others would only use up their attempts.
    /// - Parameter report: only messages about the report of this number; `nil`: all.
    public func deliver(limit: Int, report: Int64? = nil) async throws -> Outcome {
        var outcome = Outcome()
        guard let mail else { return outcome }
        for _ in 0..<max(0, limit) {
            guard !Task.isCancelled,
                let message = try await outbox.claim([.email], report: report, leaseSeconds: Self.leaseSeconds)
            else { break }
            guard let error = try await send(message, mail) else {
                outcome.sent += 1
                continue
            }
            outcome.lastError = error.description
            if error.outcomeIsUnknown { outcome.unknown += 1 } else { outcome.failed += 1 }
            if Self.isAboutTheServer(error) { break }
        }
        return outcome
    }

    /// One message; `nil` when it was sent.
    private func send(_ message: OutboxMessage, _ sender: Sender) async throws -> MailError? {
        do {
            let attachments = try await outbox.attachments(of: message)
            let mail = try Self.mail(message, attachments, from: sender.from)
            try await sender.client.send(mail)
            try await settle { try await outbox.markSent(message) }
            return nil
        } catch let error as MailError {
            try await settle {
                error.outcomeIsUnknown
                    ? try await outbox.markUnknown(message, error: error.description)
                    : try await outbox.markFailed(
                        message, error: error.description, isPermanent: error.isPermanent)
            }
            return error
        }
    }

    /// Writes what became of a message, cancelled or not, and again after a pause where the database is away.
    private func settle(_ write: @escaping @Sendable () async throws -> Bool) async throws {
        let writing = Task {
            var attempt = 1
            while true {
                do {
                    _ = try await write()
                    return
                } catch  where attempt < Self.writeAttemptsMax {
                    try await Task.sleep(for: .milliseconds(100 << attempt))
                    attempt += 1
                }
            }
        }
        try await writing.value
    }

    private static func isAboutTheServer(_ error: MailError) -> Bool {
        switch error.kind {
        case .couldNotConnect, .tls, .loginRefused, .refusedURL, .cancelled: true
        case .timedOut, .connectionLost, .refused, .refusedHeader, .refusedAddress, .other: false
        }
    }

    private static func mail(
        _ message: OutboxMessage, _ attachments: [OutboxAttachment], from: Mailbox
    ) throws(MailError) -> Mail {
        Mail(
            from: from, to: [try Mailbox(parsing: message.recipient)], subject: message.subject, text: message.text,
            html: message.html,
            attachments: attachments.map { .init(name: $0.name, contentType: $0.contentType, bytes: $0.bytes) },
            messageID: "\(message.messageID)@\(from.domain)",
            dateSeconds: message.createdAt.microseconds / 1_000_000,
            headers: message.headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}
