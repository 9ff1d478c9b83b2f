/// One HTTP request, as it is handed to libcurl.
public struct HTTPRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    public var method: Method
    /// https, or http to a loopback address.
    public var url: String
    /// Sent in this order. Values may be secret: they are never part of an error.
    public var headers: [(String, String)]
    /// Sent with its Content-Length. `nil` sends no body; a POST without one says `Content-Length: 0`.
    public var body: [UInt8]?
    /// From the call to the last byte, waiting for a connection included; `nil` takes the client's.
    public var timeoutMilliseconds: Int?
    /// Not begun after this instant, but ended as ``CurlError/Kind/late``: where a rate limit gave it a time.
    public var notAfter: ContinuousClock.Instant?

    public init(
        _ method: Method = .get, url: String, headers: [(String, String)] = [], body: [UInt8]? = nil,
        timeoutMilliseconds: Int? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}
