/// A mail that was not sent, or of which nobody knows whether it was. It never holds a password in any form, nor a part
/// of the mail but the address that was refused.
public struct MailError: Error, Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// No connection: unknown host, refused, unreachable.
        case couldNotConnect
        /// Too slow.
        case timedOut
        /// The connection broke.
        case connectionLost
        /// TLS could not be set up, is not offered, or the certificate does not hold.
        case tls
        /// The server does not take the user name and password.
        case loginRefused
        /// The server said no, with its reply code (RFC 5321, section 4.2): 4xx for now, 5xx for good.
        case refused(code: Int)
        /// Not `smtps://` or `smtp://`, or not a URL.
        case refusedURL
        /// A header or attachment name that would break out of its line.
        case refusedHeader
        /// Not an address that fits into an SMTP command.
        case refusedAddress
        /// The task was cancelled before the mail's end was sent, or while its answer was awaited (`outcomeIsUnknown`).
        case cancelled
        /// Any other result of libcurl, with its number (CURLcode).
        case other(code: Int32)
    }

    public let kind: Kind
    /// What happened, in the server's, libcurl's or our words.
    public let detail: String
    /// Scheme, host and port.
    public let origin: String
    /// The end of the mail was sent and no answer came: the server may have accepted it, and sending it again may make
    /// two.
    public let outcomeIsUnknown: Bool

    init(_ kind: Kind, _ detail: String, origin: String, outcomeIsUnknown: Bool = false) {
        self.kind = kind
        self.detail = detail
        self.origin = origin
        self.outcomeIsUnknown = outcomeIsUnknown
    }

    /// Whether this mail will never be taken as it is: another attempt is of no use. Of the refusals these are 550 to
    /// 559, about the mailbox and the mail (RFC 5321, section 4.2.3); the others are about commands and the login,
    /// which other settings of the server's address can mend.
    public var isPermanent: Bool {
        switch kind {
        case .refused(let code): (550...559).contains(code)
        case .refusedHeader, .refusedAddress: true
        case .couldNotConnect, .timedOut, .connectionLost, .tls, .loginRefused, .refusedURL, .cancelled, .other: false
        }
    }

    /// Text of others without what could hide in a log or end its line, at most 300 characters.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(300).map { scalar in
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.properties.isBidiControl
                        ? "?" : scalar
                }))
    }
}

extension MailError.Kind {
    fileprivate var words: String {
        switch self {
        case .couldNotConnect: "could not connect"
        case .timedOut: "timed out"
        case .connectionLost: "the connection broke"
        case .tls: "TLS failed"
        case .loginRefused: "the mail server refused the login"
        case .refused(let code): "the mail server refused with \(code)"
        case .refusedURL: "refused the mail server's URL"
        case .refusedHeader: "refused a header"
        case .refusedAddress: "refused an address"
        case .cancelled: "cancelled"
        case .other(let code): "libcurl error \(code)"
        }
    }

    fileprivate var advice: String? {
        switch self {
        case .couldNotConnect: "check the host name, the port and the network"
        case .tls:
            "use smtps://, or a server that offers STARTTLS, and the name in its certificate, which an authority of "
                + "the system's bundle has to vouch for (a private one, on Debian: put it into "
                + "/usr/local/share/ca-certificates/NAME.crt and call update-ca-certificates)"
        case .loginRefused: "check the user name and password in the mail server's URL (percent-encoded)"
        case .refusedURL: "use smtps://user:password@host:465 or smtp://user:password@host:587"
        default: nil
        }
    }
}

extension MailError: CustomStringConvertible {
    public var description: String {
        var text = kind.words + (origin.isEmpty ? "" : " (\(origin))") + (detail.isEmpty ? "" : ": \(detail)")
        if outcomeIsUnknown { text += "; the server may have accepted the mail" }
        if let advice = kind.advice { text += "; \(advice)" }
        return text
    }
}
