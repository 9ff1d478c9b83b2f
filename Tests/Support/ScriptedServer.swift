import Glibc
import Synchronization

/// An HTTP server on loopback that takes whole requests and answers as a test says.
///
/// Unchecked: the descriptors and the log are behind a lock.
public final class ScriptedServer: @unchecked Sendable {
    public struct Request: Sendable {
        public let method: String
        public let path: String
        public let headers: [String: String]
        public let body: [UInt8]
    }

    public enum Answer: Sendable {
        case answer(Int)
        case pause(milliseconds: UInt32, then: Int)
        /// Ends the connection without an answer.
        case close
    }

    /// The test's machine gives no socket.
    struct NoSocket: Error { let code: Int32 }

    private struct State {
        var requests: [Request] = []
        var open: Set<Int32> = []
        var script: @Sendable (Int) -> Answer
    }

    public let port: UInt16
    private let listener: Int32
    private let state: Mutex<State>

    /// - Parameter script: what the request of that number, from 0, is answered.
    public init(_ script: @escaping @Sendable (Int) -> Answer) throws {
        state = Mutex(State(script: script))
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, generic, &length) == 0
            }
        }
        guard bound else { throw NoSocket(code: errno) }
        port = UInt16(bigEndian: address.sin_port)
        Self.thread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                state.withLock { _ = $0.open.insert(client) }
                Self.thread { [self] in serve(client) }
            }
        }
    }

    public var url: String { "http://127.0.0.1:\(port)" }
    public var requests: [Request] { state.withLock { $0.requests } }

    public func answers(_ script: @escaping @Sendable (Int) -> Answer) { state.withLock { $0.script = script } }

    public func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        for client in state.withLock({ $0.open }) { shutdown(client, Int32(SHUT_RDWR)) }
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        pthread_detach(thread)
    }

    private func serve(_ client: Int32) {
        var input: [UInt8] = []
        serving: while let request = read(client, &input) {
            let answer = state.withLock { state in
                state.requests.append(request)
                return state.script(state.requests.count - 1)
            }
            var status = 0
            switch answer {
            case .answer(let code): status = code
            case .pause(let milliseconds, let code):
                usleep(milliseconds * 1_000)
                status = code
            case .close: break serving
            }
            let text = Array("HTTP/1.1 \(status) Status\r\nContent-Length: 0\r\n\r\n".utf8)
            guard send(client, text, text.count, Int32(MSG_NOSIGNAL)) == text.count else { break }
        }
        state.withLock { _ = $0.open.remove(client) }
        close(client)
    }

    private func read(_ client: Int32, _ input: inout [UInt8]) -> Request? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        func more() -> Bool {
            let count = recv(client, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            input += buffer[..<count]
            return true
        }
        let mark = Array("\r\n\r\n".utf8)
        var head = input.firstRange(of: mark)
        while head == nil {
            guard more() else { return nil }
            head = input.firstRange(of: mark)
        }
        guard let head else { return nil }
        let lines = String(decoding: input[..<head.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let start = lines[0].split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].drop { $0 == " " }.description
        }
        let end = head.upperBound + (headers["content-length"].flatMap { Int($0) } ?? 0)
        while input.count < end {
            guard more() else { return nil }
        }
        let body = Array(input[head.upperBound..<end])
        input.removeFirst(end)
        return Request(method: String(start[0]), path: String(start[1]), headers: headers, body: body)
    }
}
