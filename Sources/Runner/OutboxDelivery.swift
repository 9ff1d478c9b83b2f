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
        /// Due, and not tried: for later.
        public var left = 0
        /// Why no more was tried.
        public var ending = Ending.done
        /// Why the last one that did not leave did not.
        public var lastError: String?

        /// Nothing was due.
        public init() {}
    }

    /// Why a go through what is due ended.
    public enum Ending: Sendable, Hashable {
        /// Nothing more was due.
        case done
        /// The server did not answer in time, and would not for the next message either.
        case timedOut
        /// The server cannot be reached or takes nothing.
        case closed
        /// What was sent took all the time there was.
        case slow
        /// As many were tried as are tried at once.
        case full
        /// The task was cancelled.
        case stopped
    }

    private let outbox: Outbox
    private let mail: Sender?

    /// Longer than ``MailClient`` takes for one mail.
    static let leaseSeconds = 900
    /// After so long no other mail is begun: as long as a server may take for one.
    public static let secondsMax = 300.0

    /// - Parameter mail: `nil` where `delivery.email` is not configured: nothing is sent, and everything waits.
    public init(pool: Pool, mail: Sender?) {
        outbox = Outbox(pool: pool)
        self.mail = mail
    }

    /// Sends at most `limit` messages that are due, each once. A server that cannot be reached, does not let us in, or
    /// does not answer in time, ends it: the others would only use up their attempts, and hold up whoever waits.
    /// - Parameters:
    ///   - report: only messages about the report of this number; `nil`: all.
    ///   - seconds: after so long no other message is begun.
    public func deliver(
        limit: Int, report: Int64? = nil, seconds: Double = OutboxDelivery.secondsMax
    ) async throws -> Outcome {
        guard let mail else { return Outcome() }
        return try await OutboxPass(outbox: outbox, channel: .email, leaseSeconds: Self.leaseSeconds).run(
            limit: limit, seconds: seconds, report: report
        ) { await send($0, mail) }
    }

    /// One message.
    private func send(_ message: OutboxMessage, _ sender: Sender) async -> OutboxPass.Attempt {
        do {
            let attachments = try await outbox.attachments(of: message)
            try await sender.client.send(try Self.mail(message, attachments, from: sender.from))
            return OutboxPass.Attempt(end: .sent)
        } catch let error as MailError {
            return OutboxPass.Attempt(
                end: error.outcomeIsUnknown
                    ? .unknown(error.description) : .failed(error.description, isPermanent: error.isPermanent),
                ending: error.kind == .timedOut ? .timedOut : Self.isAboutTheServer(error) ? .closed : nil)
        } catch {
            // The files could not be read: nobody was told anything.
            return OutboxPass.Attempt(end: .failed("\(error)", isPermanent: false), ending: .closed)
        }
    }

    private static func isAboutTheServer(_ error: MailError) -> Bool {
        switch error.kind {
        case .couldNotConnect, .tls, .loginRefused, .refusedURL, .cancelled, .timedOut: true
        case .connectionLost, .refused, .refusedHeader, .refusedAddress, .other: false
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
