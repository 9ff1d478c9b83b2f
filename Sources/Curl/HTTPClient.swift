/// HTTP through libcurl: connections are kept and shared, HTTP/2 is used where a server offers it.
///
/// ```swift
/// let http = HTTPClient()
/// let response = try await http.send(HTTPRequest(url: "https://api.stripe.com/v1/account"))
/// await http.close()
/// ```
///
/// Redirects are not followed, TLS certificates are verified, and only https, or http to a loopback address, is spoken.
/// libcurl sends a request again by itself in one case: a kept connection turned out to be dead before any byte of an
/// answer. Writes therefore need an idempotency key, as they do for any time-out.
public final class HTTPClient: Sendable {
    public struct Configuration: Sendable {
        /// For the connection and the TLS handshake.
        public var connectTimeoutMilliseconds = 10_000
        /// For a whole request that names no time of its own.
        public var timeoutMilliseconds = 80_000
        /// A transfer slower than this for `lowSpeedSeconds` has timed out.
        public var lowSpeedBytesPerSecond = 1
        public var lowSpeedSeconds = 40
        /// Requests beyond it wait for a free connection; with HTTP/2 they share.
        public var maxConnectionsPerHost = 64
        /// An answer with a larger body is an error.
        public var maxBodyBytes = 64 * 1024 * 1024
        /// A PEM file with authorities to trust instead of the system's.
        public var certificateAuthorityFile: String?

        public init() {}
    }

    private let configuration: Configuration
    private let engine: Engine
    private let pool = BufferPool(limit: 32, largestKeptBytes: 4 * 1024 * 1024)

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        engine = Engine(configuration)
    }

    deinit {
        engine.close()
    }

    /// Sends the request and gives the complete answer, whatever its status.
    ///
    /// Cancelling the task ends the transfer and throws `cancelled`.
    public func send(_ request: HTTPRequest) async throws(CurlError) -> HTTPResponse {
        let endpoint = try Endpoint(url: request.url)
        try Self.check(request.headers, endpoint)
        let box = TransferBox()
        let outcome: Transfer.Outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let transfer = Transfer(
                    request, endpoint: endpoint, pool: pool, maxBodyBytes: configuration.maxBodyBytes
                ) { continuation.resume(returning: $0) }
                if box.put(transfer) {
                    engine.cancel(transfer)
                }
                engine.submit(transfer)
            }
        } onCancel: {
            if let transfer = box.cancel() {
                engine.cancel(transfer)
            }
        }
        return try outcome.get()
    }

    /// Ends everything under way as `closed` and waits until the client's thread is gone. Later requests are refused.
    public func close() async {
        engine.close()
        await engine.waitUntilExited()
    }

    private static func check(_ headers: [(String, String)], _ endpoint: Endpoint) throws(CurlError) {
        for (name, value) in headers {
            let isToken = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            guard isToken, value.utf8.allSatisfy({ ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F }) else {
                throw CurlError(
                    .refusedHeader, "a control character or line break in the header or its name",
                    origin: endpoint.origin)
            }
            // libcurl takes "Name: " as an order to leave the header out.
            guard !value.isEmpty else {
                throw CurlError(.refusedHeader, "the header \(name) has no value", origin: endpoint.origin)
            }
        }
    }
}
