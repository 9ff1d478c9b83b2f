/// A way out.
public enum OutboxChannel: String, Sendable, Hashable, CaseIterable {
    /// To one mail address.
    case email
    /// To a Slack webhook; the recipient is the name of the variable that holds its URL, which is a secret.
    case slack
    /// To a bucket; the recipient is where in it.
    case s3
}

/// A file that goes along with a message.
public struct OutboxAttachment: Sendable, Hashable {
    public var name: String
    /// `application/pdf`.
    public var contentType: String
    public var bytes: [UInt8]

    public init(name: String, contentType: String, bytes: [UInt8]) {
        self.name = name
        self.contentType = contentType
        self.bytes = bytes
    }
}

/// The row of the application that is told when a message has been sent: `timeColumn` of the row whose `keyColumn` is
/// `key` gets the time, unless it has one. Names are plain, and quoted when they are used.
public struct SentMark: Sendable, Hashable {
    public var schema: String
    public var table: String
    public var keyColumn: String
    public var key: String
    public var timeColumn: String

    public init(schema: String, table: String, keyColumn: String, key: String, timeColumn: String) {
        self.schema = schema
        self.table = table
        self.keyColumn = keyColumn
        self.key = key
        self.timeColumn = timeColumn
    }
}

/// A message as it is put into the outbox.
public struct OutboxDraft: Sendable, Hashable {
    public var channel: OutboxChannel
    /// What the message is about and whom it goes to: of two with the same key only the first is sent, ever.
    public var dedupeKey: String
    /// Where it goes, in the channel's own form.
    public var recipient: String
    public var subject: String
    public var text: String
    public var html: String?
    /// Further headers of a mail, by name.
    public var headers: [String: String]
    public var attachments: [OutboxAttachment]
    public var sentMark: SentMark?
    /// What it is about, for people and for queries.
    public var about: [String: String]

    public init(
        channel: OutboxChannel, dedupeKey: String, recipient: String, subject: String, text: String,
        html: String? = nil, headers: [String: String] = [:], attachments: [OutboxAttachment] = [],
        sentMark: SentMark? = nil, about: [String: String] = [:]
    ) {
        self.channel = channel
        self.dedupeKey = dedupeKey
        self.recipient = recipient
        self.subject = subject
        self.text = text
        self.html = html
        self.headers = headers
        self.attachments = attachments
        self.sentMark = sentMark
        self.about = about
    }

    /// What would end its line: the subject, the recipient, or a header with a control character; `nil` where all are
    /// fine.
    public var brokenLine: String? {
        if !Self.isOneLine(recipient) { return "the recipient" }
        if !Self.isOneLine(subject) { return "the subject" }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) where !Self.isOneLine(name + value) {
            return "a header"
        }
        return attachments.contains { !Self.isOneLine($0.name + $0.contentType) } ? "an attachment's name" : nil
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && scalar != "\u{2028}"
                && scalar != "\u{2029}"
        }
    }
}

/// A message that cannot be put into the outbox.
public struct OutboxError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String
}
