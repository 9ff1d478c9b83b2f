/// One mail: text, the same as HTML if there is any, and files.
public struct Mail: Sendable, Hashable {
    /// A file that goes along.
    public struct Attachment: Sendable, Hashable {
        /// In any script, without a path; at most 255 bytes.
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

    public var from: Mailbox
    public var to: [Mailbox]
    public var subject: String
    /// Lines end in `\n` or `\r\n`.
    public var text: String
    public var html: String?
    public var attachments: [Attachment]
    /// What is between the angle brackets of Message-ID: `left@right`. The same for every attempt at one message, so
    /// that a mailbox that got it twice can tell.
    public var messageID: String
    /// The Date header, Unix seconds.
    public var dateSeconds: Int64
    /// Further headers; none of those that the message has anyway.
    public var headers: [(name: String, value: String)] {
        get { further.map { ($0.name, $0.value) } }
        set { further = newValue.map { Header(name: $0.name, value: $0.value) } }
    }

    private struct Header: Hashable, Sendable {
        var name: String
        var value: String
    }
    private var further: [Header] = []

    public init(
        from: Mailbox, to: [Mailbox], subject: String, text: String, html: String? = nil,
        attachments: [Attachment] = [], messageID: String, dateSeconds: Int64,
        headers: [(name: String, value: String)] = []
    ) {
        self.from = from
        self.to = to
        self.subject = subject
        self.text = text
        self.html = html
        self.attachments = attachments
        self.messageID = messageID
        self.dateSeconds = dateSeconds
        self.headers = headers
    }
}
