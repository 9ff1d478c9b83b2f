import CLibcurl

/// Mail through one SMTP server (RFC 5321), with libcurl.
///
/// ```swift
/// let mail = try MailClient(url: Secret("smtps://user:password@mail.example.com"))
/// try await mail.send(Mail(from: …, to: […], subject: "…", text: "…", messageID: "1@example.com", dateSeconds: now))
/// ```
///
/// TLS is used from the first byte (`smtps://`) or by STARTTLS before anything is said of the login or the mail; only
/// to a server on this machine mail goes without. Every mail is a conversation of its own on a thread of its own, so
/// that nothing blocks the cooperative pool, and none is repeated here: whoever calls decides that by
/// ``MailError/outcomeIsUnknown``.
public struct MailClient: Sendable {
    public struct Configuration: Sendable {
        /// For the connection and its TLS handshake.
        public var connectTimeoutMilliseconds = 10_000
        /// For the whole conversation. Servers look at a mail before they answer; RFC 5321 asks for patience there.
        public var timeoutMilliseconds = 300_000
        /// Once it is cancelled, for the answer to a mail whose end was sent.
        public var graceMilliseconds = 5_000
        /// A PEM file with authorities to trust instead of the system's.
        public var certificateAuthorityFile: String?
        /// Whether TLS is a must; `nil`: everywhere but on this machine.
        public var requiresTLS: Bool?

        public init() {}
    }

    private let server: MailServer
    private let configuration: Configuration

    /// - Parameter url: `smtps://user:password@host:port`, or `smtp://…` for STARTTLS; user name and password are
    ///   percent-encoded, and neither or both are there. A path is the name that this machine gives in EHLO.
    /// - Throws: ``MailError`` of kind `refusedURL`.
    public init(url: Secret, configuration: Configuration = Configuration()) throws(MailError) {
        server = try MailServer(url)
        self.configuration = configuration
    }

    /// Scheme, host and port, for people.
    public var origin: String { server.origin }

    /// Hands the mail over; returns when the server has said that it takes it.
    ///
    /// Cancelling the task stops it for as long as the mail's end was not sent; after that the server's answer is
    /// awaited for ``Configuration/graceMilliseconds``, and where none comes nobody knows.
    /// - Throws: ``MailError``. Where its `outcomeIsUnknown` is false, the server did not accept the mail.
    public func send(_ mail: Mail) async throws(MailError) {
        try await run(MailTransfer(try mail.message(), mail, to: server, configuration))
    }

    /// Connects, makes the connection safe, logs in, and hangs up: nothing is sent to anybody.
    /// - Throws: ``MailError`` for a server that cannot be reached, is not trusted, or does not let us in.
    public func check() async throws(MailError) {
        try await run(MailTransfer(checking: server, configuration))
    }

    private func run(_ transfer: MailTransfer) async throws(MailError) {
        let outcome: Result<Void, MailError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.start { continuation.resume(returning: $0) }
            }
        } onCancel: {
            transfer.cancel()
        }
        try outcome.get()
    }
}
