import Store

/// A message as `outbox --json` tells it.
struct OutboxMessageDocument: Encodable, Sendable {
    let id: Int64
    let channel: String
    let to: String
    let subject: String
    let state: String
    let attempts: Int
    let created: String
    @OrNull var lastError: String?
    /// Of one that waits: from when on it is tried again.
    @OrNull var nextAttempt: String?
    @OrNull var sent: String?

    init(_ message: OutboxMessage) {
        id = message.id
        channel = message.channel
        to = message.recipient
        subject = message.subject
        state = message.state.rawValue
        attempts = message.attempts
        created = JSONDocument.time(message.createdAt.seconds)
        lastError = message.lastError
        nextAttempt = message.state == .queued ? JSONDocument.time(message.nextAttemptAt.seconds) : nil
        sent = message.sentAt.map { JSONDocument.time($0.seconds) }
    }
}

/// `trueup outbox list --json`.
struct OutboxDocument: Encodable, Sendable {
    let format = "trueup.outbox/1"
    /// The numbers of those whose sender died, and of which nobody had been told.
    let becameUnknown: [Int64]
    let messages: [OutboxMessageDocument]

    init(_ messages: [OutboxMessage], lost: [OutboxMessage]) {
        becameUnknown = lost.map(\.id)
        self.messages = messages.map { OutboxMessageDocument($0) }
    }
}

/// `trueup outbox send --json`.
struct OutboxSendDocument: Encodable, Sendable {
    struct Way: Encodable, Sendable {
        let way: String
        let sent: Int
        let failed: Int
        let unknown: Int
        /// Due, and not tried.
        let left: Int
        /// Why the last one that did not leave did not, or why none was tried.
        @OrNull var error: String?

        init(_ end: OutboxSenders.WayEnd) {
            way = end.way.rawValue.lowercased()
            sent = end.outcome.sent
            failed = end.outcome.failed
            unknown = end.outcome.unknown
            left = end.outcome.left
            error = end.problem ?? end.outcome.lastError
        }
    }

    let format = "trueup.outbox-send/1"
    let becameUnknown: [OutboxMessageDocument]
    let ways: [Way]

    init(_ sent: OutboxSenders.Sent) {
        becameUnknown = sent.lost.map { OutboxMessageDocument($0) }
        ways = sent.ends.map { Way($0) }
    }
}
