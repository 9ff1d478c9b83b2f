/// A request that got no complete answer. It never holds a header, a body or a query.
public struct CurlError: Error, Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// No connection: unknown host, refused, unreachable.
        case couldNotConnect
        /// Too slow: connecting, the whole request, or too few bytes a second.
        case timedOut
        /// The connection broke before the answer was complete.
        case connectionReset
        /// Fewer bytes than Content-Length announced.
        case bodyCut
        /// TLS could not be set up, or the certificate does not hold.
        case tls
        /// The task was cancelled.
        case cancelled
        /// The client was closed.
        case closed
        /// ``HTTPRequest/notAfter`` was over before it could be begun; nothing was sent.
        case late
        /// The body exceeds the client's limit.
        case tooLarge
        /// Not https, and not http to a loopback address; or not a URL.
        case refusedURL
        /// A header that would break out of its line.
        case refusedHeader
        /// Any other result of libcurl, with its number (CURLcode).
        case other(code: Int32)
    }

    public let kind: Kind
    /// What happened, in libcurl's words or ours.
    public let detail: String
    /// Scheme, host and port, without path and query.
    public let origin: String
    /// Whether bytes of the request have left: the server may have acted on it.
    public let mayHaveBeenSent: Bool
    /// Whether the same request can succeed later without anybody changing anything.
    public let isTransient: Bool

    init(_ kind: Kind, _ detail: String, origin: String, mayHaveBeenSent: Bool = false, isTransient: Bool? = nil) {
        self.kind = kind
        self.detail = detail
        self.origin = origin
        self.mayHaveBeenSent = mayHaveBeenSent
        self.isTransient = isTransient ?? kind.isTransient
    }
}

extension CurlError.Kind {
    var isTransient: Bool {
        switch self {
        case .couldNotConnect, .timedOut, .connectionReset, .bodyCut, .late: true
        case .tls, .cancelled, .closed, .tooLarge, .refusedURL, .refusedHeader, .other: false
        }
    }

    private var words: String {
        switch self {
        case .couldNotConnect: "could not connect"
        case .timedOut: "timed out"
        case .connectionReset: "the connection broke"
        case .bodyCut: "the answer was cut short"
        case .tls: "TLS failed"
        case .cancelled: "cancelled"
        case .closed: "the HTTP client is closed"
        case .late: "its time to be sent had passed"
        case .tooLarge: "the answer is too large"
        case .refusedURL: "refused the URL"
        case .refusedHeader: "refused a header"
        case .other(let code): "libcurl error \(code)"
        }
    }

    private var advice: String? {
        switch self {
        case .couldNotConnect: "check the host name, the network and any proxy"
        case .tls: "check the certificate authorities, the clock and any intercepting proxy"
        case .refusedURL: "use https, or http on 127.0.0.1, [::1] or localhost"
        default: nil
        }
    }

    fileprivate func text(origin: String, detail: String, sent: Bool) -> String {
        var text = words + (origin.isEmpty ? "" : " (\(origin))") + (detail.isEmpty ? "" : ": \(detail)")
        if sent, self != .tooLarge {
            text += "; the server may have acted on the request"
        }
        if let advice {
            text += "; \(advice)"
        }
        return text
    }
}

extension CurlError: CustomStringConvertible {
    public var description: String {
        kind.text(origin: origin, detail: detail, sent: mayHaveBeenSent)
    }
}
