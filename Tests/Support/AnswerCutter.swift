import Glibc
import PostgreSQL
import Synchronization

/// Stands between clients and a server on Unix sockets. Once armed, it loses the answer to the next message that
/// contains a word: the server gets the message and acts, or never gets it, and the client's connection ends.
public final class AnswerCutter: Sendable {
    private let listener: Int32
    private let server: String
    private let word: [UInt8]
    private let directory: String
    private let isDelivered: Bool
    private let open = Mutex<[Int32]>([])
    /// How many messages with the word still pass; negative: all of them.
    private let toPass = Atomic<Int>(-1)
    private let lost = Atomic<Int>(0)
    /// Where clients have to connect to.
    public let target: ConnectionTarget

    /// - Parameters:
    ///   - word: bytes that the message holds, `COMMIT\0` for example.
    ///   - isDelivered: whether the server gets the message.
    public init(to target: ConnectionTarget, losesAnswerTo word: String, isDelivered: Bool = true) throws {
        guard let host = target.host, host.hasPrefix("/") else {
            throw TestServerError(description: "the cutter needs a Unix socket")
        }
        directory = try TestServer.temporaryDirectory()
        server = "\(host)/.s.PGSQL.\(target.port ?? "5432")"
        self.word = Array(word.utf8)
        self.isDelivered = isDelivered
        let path = directory + "/.s.PGSQL.5432"
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        listener = descriptor
        guard Self.withAddress(path, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 64) == 0 else {
            throw TestServerError(description: "no socket at \(path)")
        }
        self.target = ConnectionTarget(
            socketDirectory: directory, database: target.database ?? "postgres", user: target.user ?? "postgres")
        Thread.start { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                serve(client)
            }
        }
    }

    /// The answer to the message after the next `passing` ones that hold the word is lost.
    public func arm(passing count: Int) { toPass.store(count, ordering: .sequentiallyConsistent) }

    /// How many answers were lost.
    public var losses: Int { lost.load(ordering: .sequentiallyConsistent) }

    public func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in open.withLock({ $0 }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
        TestServer.remove(directory)
    }

    private func serve(_ client: Int32) {
        let upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard Self.withAddress(server, { connect(upstream, $0, $1) }) == 0 else { return }
        open.withLock { $0 += [client, upstream] }
        let isCut = Flag()
        Thread.start { [self] in
            Self.copy(from: client, to: upstream) { bytes in
                guard bytes.firstRange(of: word) != nil, takesAnswer() else { return true }
                isCut.set()
                return isDelivered
            }
            shutdown(upstream, Int32(SHUT_RDWR))
            shutdown(client, Int32(SHUT_RDWR))
        }
        Thread.start {
            Self.copy(from: upstream, to: client) { _ in !isCut.isSet }
            shutdown(client, Int32(SHUT_RDWR))
        }
    }

    private func takesAnswer() -> Bool {
        guard toPass.load(ordering: .sequentiallyConsistent) >= 0 else { return false }
        guard toPass.subtract(1, ordering: .sequentiallyConsistent).oldValue == 0 else { return false }
        lost.add(1, ordering: .sequentiallyConsistent)
        return true
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)
        var isSet: Bool { value.load(ordering: .acquiring) }
        func set() { value.store(true, ordering: .releasing) }
    }

    /// Until one side ends or `passes` says no.
    private static func copy(from source: Int32, to sink: Int32, passes: ([UInt8]) -> Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0, passes(Array(buffer[..<count])) else { return }
            var sent = 0
            while sent < count {
                let written = buffer[sent..<count].withUnsafeBytes {
                    send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { return }
                sent += written
            }
        }
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}

/// A thread of its own, which may block.
private enum Thread {
    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Box(body)).toOpaque()
        pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, context)
        pthread_detach(thread)
    }
}
