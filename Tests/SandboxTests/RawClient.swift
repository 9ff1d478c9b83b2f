import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What came back on a bare socket.
enum RawOutcome: Sendable, Equatable {
    case answer(RawAnswer)
    /// The other side reset the connection (RST).
    case reset
    /// Nothing came within the time.
    case silence
    /// The connection was closed before the body was whole.
    case cut(announced: Int, received: Int)
}

struct RawAnswer: Sendable, Equatable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: String

    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body.utf8))
    }
}

/// Stripe's list, as far as these tests look.
struct Page: Decodable {
    struct Item: Decodable, Equatable {
        var id: String
        var created: Int64
        var status: String?
        var type: String?
    }

    private enum CodingKeys: String, CodingKey {
        case data
        case hasMore = "has_more"
    }

    var data: [Item]
    var hasMore: Bool
    var ids: [String] { data.map(\.id) }
}

struct ErrorBody: Decodable {
    struct Fault: Decodable {
        var code: String?
        var message: String
        var param: String?
        var type: String
    }

    var error: Fault
}

struct InvoiceBody: Decodable, Equatable {
    var id: String
    var status: String
    var total: Int64
    var metadata: [String: String]
}

/// One request on one bare connection, without any library between the test and the wire.
struct RawClient: Sendable {
    var port: Int
    var key = "sk_test_sandbox_default"
    var version: String?
    var timeoutMilliseconds = 5_000

    /// The answer, or a failure of the test if there is none.
    func get(_ path: String) async throws -> RawAnswer { try await answer("GET", path) }

    func answer(
        _ method: String, _ path: String, form: String? = nil, headers: [String: String] = [:]
    ) async throws -> RawAnswer {
        let outcome = await send(method, path, form: form, headers: headers)
        guard case .answer(let answer) = outcome else { throw SandboxTestError("\(method) \(path): \(outcome)") }
        return answer
    }

    func page(_ path: String) async throws -> Page {
        let answer = try await get(path)
        guard answer.status == 200 else { throw SandboxTestError("\(path): \(answer.status) \(answer.body)") }
        return try answer.decoded(Page.self)
    }

    func send(
        _ method: String, _ path: String, form: String? = nil, headers: [String: String] = [:]
    ) async -> RawOutcome {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if !key.isEmpty { text += "Authorization: Bearer \(key)\r\n" }
        if let version { text += "Stripe-Version: \(version)\r\n" }
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let form {
            text += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(form.utf8.count)\r\n\r\n"
            text += form
        } else {
            text += "\r\n"
        }
        let request = Array(text.utf8)
        return await withCheckedContinuation { continuation in
            // Blocking reads belong on a thread of their own, not in the cooperative pool.
            Thread.detachNewThread { continuation.resume(returning: exchange(request)) }
        }
    }

    private func exchange(_ request: [UInt8]) -> RawOutcome {
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(handle) }
        var limit = timeval(
            tv_sec: timeoutMilliseconds / 1_000, tv_usec: (timeoutMilliseconds % 1_000) * 1_000)
        setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0, write(handle, request, request.count) == request.count else { return .reset }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(handle, &buffer, buffer.count)
            if count > 0 {
                received += buffer[..<count]
            } else if count == 0 {
                return parsed(received)
            } else {
                return errno == ECONNRESET ? .reset : .silence
            }
        }
    }

    private func parsed(_ bytes: [UInt8]) -> RawOutcome {
        let end = Array("\r\n\r\n".utf8)
        guard let split = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) else {
            return .cut(announced: 0, received: bytes.count)
        }
        let lines = String(decoding: bytes[..<split], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                .trimmingCharacters(in: .whitespaces)
        }
        let body = bytes[(split + 4)...]
        let announced = headers["content-length"].flatMap(Int.init) ?? body.count
        guard body.count == announced else { return .cut(announced: announced, received: body.count) }
        let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return .answer(
            RawAnswer(status: status, headers: headers, body: String(decoding: body, as: UTF8.self)))
    }
}
