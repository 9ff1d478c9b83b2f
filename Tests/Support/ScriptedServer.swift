import Glibc
import Synchronization

/// An HTTP/1.1 server on loopback that does exactly what a test says, byte by byte, faults included.
///
/// Unchecked: the descriptors and the log are behind a lock.
public final class ScriptedServer: @unchecked Sendable {
    public struct Request: Sendable {
        public let method: String
        public let target: String
        /// By name, in small letters.
        public let headers: [String: String]
        public let bytes: [UInt8]
        /// The connection's number, from 0.
        public let connection: Int
        /// The request's number in the whole server, from 0.
        public let number: Int

        public var body: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// What a request is answered.
    public typealias Script = @Sendable (Request) -> [Step]

    public enum Step: Sendable {
        case send(String)
        case pause(milliseconds: UInt32)
        /// Holds the connection until the server stops.
        case hang
        /// Ends the connection in order.
        case close
        /// Ends it with RST.
        case reset
    }

    private struct State {
        var requests: [Request] = []
        var connections = 0
        var open: Set<Int32> = []
        var isStopped = false
        var script: Script
    }

    public let port: UInt16
    private let listener: Int32
    private let state: Mutex<State>

    public init(_ script: @escaping Script) throws {
        state = Mutex(State(script: script))
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(listener, generic, length) == 0 && listen(listener, 256) == 0
                    && getsockname(listener, generic, &length) == 0
            }
        }
        guard bound else { throw ServerError(errno: errno) }
        port = UInt16(bigEndian: address.sin_port)
        Self.thread { [self] in accept() }
    }

    /// The machine gives no socket.
    struct ServerError: Error {
        let errno: Int32
    }

    public var url: String { "http://127.0.0.1:\(port)" }
    public var requests: [Request] { state.withLock { $0.requests } }
    public var connections: Int { state.withLock { $0.connections } }

    /// Says what is answered from now on.
    public func answers(_ script: @escaping Script) { state.withLock { $0.script = script } }

    public func stop() {
        let open = state.withLock { state in
            state.isStopped = true
            return state.open
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in open {
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }

    /// A whole answer.
    public static func answer(
        _ body: String = "", status: String = "200 OK", headers: [String: String] = [:]
    ) -> [Step] {
        let lines = headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\r\n" }.joined()
        return [.send("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(lines)\r\n\(body)")]
    }

    /// A whole answer without a body, at once or late.
    public static func status(_ code: Int, afterMilliseconds pause: UInt32 = 0) -> [Step] {
        (pause > 0 ? [.pause(milliseconds: pause)] : []) + answer(status: "\(code) Status")
    }

    private static func thread(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body))
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }

    private func accept() {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { break }
            let number = state.withLock { state -> Int in
                state.open.insert(descriptor)
                state.connections += 1
                return state.connections - 1
            }
            Self.thread { [self] in serve(descriptor, number) }
        }
        close(listener)
    }

    private func serve(_ descriptor: Int32, _ connection: Int) {
        var input: [UInt8] = []
        serving: while let request = read(descriptor, &input, connection) {
            let script = state.withLock { $0.script }
            for step in script(request) {
                guard perform(step, descriptor) else { break serving }
            }
        }
        state.withLock { _ = $0.open.remove(descriptor) }
        close(descriptor)
    }

    private func perform(_ step: Step, _ descriptor: Int32) -> Bool {
        switch step {
        case .send(let text):
            var bytes = Array(text.utf8)[...]
            while !bytes.isEmpty {
                let sent = bytes.withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
                }
                guard sent > 0 else { return false }
                bytes = bytes.dropFirst(sent)
            }
            return true
        case .pause(let milliseconds):
            usleep(milliseconds * 1_000)
            return true
        case .hang:
            var byte: UInt8 = 0
            while recv(descriptor, &byte, 1, 0) > 0 {}
            return false
        case .close:
            return false
        case .reset:
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
            return false
        }
    }

    private func read(_ descriptor: Int32, _ input: inout [UInt8], _ connection: Int) -> Request? {
        let end = Array("\r\n\r\n".utf8)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        func more() -> Bool {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return false }
            input += buffer[..<count]
            return true
        }
        var headEnd = input.firstRange(of: end)
        while headEnd == nil {
            guard more() else { return nil }
            headEnd = input.firstRange(of: end)
        }
        guard let headEnd else { return nil }
        let lines = String(decoding: input[..<headEnd.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let start = lines[0].split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            headers[parts[0].lowercased()] = parts[1].drop { $0 == " " }.description
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while input.count < headEnd.upperBound + length {
            guard more() else { return nil }
        }
        let bytes = Array(input[headEnd.upperBound..<(headEnd.upperBound + length)])
        input.removeFirst(headEnd.upperBound + length)
        return state.withLock { state in
            let request = Request(
                method: String(start[0]), target: String(start[1]), headers: headers, bytes: bytes,
                connection: connection, number: state.requests.count)
            state.requests.append(request)
            return request
        }
    }
}
