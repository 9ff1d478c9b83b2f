import CLibcurl

/// One request on its way: what the engine's thread collects until the answer is complete.
///
/// Unchecked: after `Engine.submit` only the engine's thread touches it, but for the two flags of the inbox,
/// which the inbox's lock guards.
final class Transfer: @unchecked Sendable {
    typealias Outcome = Result<HTTPResponse, CurlError>

    let request: HTTPRequest
    let endpoint: Endpoint
    let maxBodyBytes: Int
    private let pool: BufferPool
    private let finish: @Sendable (Outcome) -> Void

    // Guarded by the inbox's lock.
    var isSubmitted = false
    var isCancelled = false

    // Of the engine's thread.
    var headers = HTTPHeaders()
    var headerLines: UnsafeMutablePointer<curl_slist>?
    var headerBytes = 0
    var contentLength: Int?
    /// Taken when the answer comes: many requests are on their way, and few answers at one time.
    private(set) var buffer: BodyBuffer?
    var isTooLarge = false
    let errorText: UnsafeMutablePointer<CChar>

    static let maxHeaderBytes = 256 * 1024

    init(
        _ request: HTTPRequest, endpoint: Endpoint, pool: BufferPool, maxBodyBytes: Int,
        finish: @escaping @Sendable (Outcome) -> Void
    ) {
        self.request = request
        self.endpoint = endpoint
        self.pool = pool
        self.maxBodyBytes = maxBodyBytes
        self.finish = finish
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        if let buffer { pool.give(buffer) }
        errorText.deallocate()
        curl_slist_free_all(headerLines)
    }

    /// Ends the request for its caller. Called exactly once.
    func end(_ outcome: Outcome) {
        finish(outcome)
    }

    func failed(_ kind: CurlError.Kind, _ detail: String, sent: Bool = false, transient: Bool? = nil) -> CurlError {
        CurlError(kind, detail, origin: endpoint.origin, mayHaveBeenSent: sent, isTransient: transient)
    }

    /// Takes bytes of the body; false ends the transfer.
    func receive(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        let buffer = self.buffer ?? pool.take()
        if self.buffer == nil {
            self.buffer = buffer
            if let contentLength, contentLength <= maxBodyBytes {
                guard buffer.reserve(contentLength, mayGrow: false) else { return false }
            }
        }
        guard buffer.count + count <= maxBodyBytes else {
            isTooLarge = true
            return false
        }
        return buffer.append(bytes, count: count)
    }

    /// What was received, handed over once the transfer is over.
    func takeBody() -> ResponseBody {
        defer { buffer = nil }
        return ResponseBody(buffer ?? pool.take(), pool: pool)
    }

    /// Takes one header line; false ends the transfer.
    func receiveHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        guard headerBytes <= Self.maxHeaderBytes else {
            isTooLarge = true
            return false
        }
        // Each answer begins with a status line: what came before it was an interim answer (100, 103).
        if line.starts(with: "HTTP/".utf8) {
            headers.removeAll()
            contentLength = nil
            return true
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return true }
        let name = String(decoding: line[..<colon], as: UTF8.self)
        let value = Self.trimmed(line[(colon + 1)...])
        headers.append(name: name, value: value)
        if name.utf8.count == 14, name.lowercased() == "content-length" {
            contentLength = Int(value)
        }
        return true
    }

    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }
        let start = bytes.firstIndex { !isSpace($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }
}
