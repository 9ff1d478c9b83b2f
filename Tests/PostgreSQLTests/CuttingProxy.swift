import Glibc
import Synchronization
import Testing

/// Stands between a client and a server on Unix sockets, and loses the answer to the first message that contains a
/// word: the server gets the message and acts, and then the client's connection ends.
final class CuttingProxy: Sendable {
    private let listener: Int32
    private let server: String
    private let word: [UInt8]
    private let open = Mutex<[Int32]>([])

    init(to server: String, at path: String, cutsAnswerTo word: String) throws {
        self.server = server
        self.word = Array(word.utf8)
        listener = try listen(at: path)
        startThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                serve(client)
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in open.withLock({ $0 }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    private func serve(_ client: Int32) {
        let upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard withAddress(server, { connect(upstream, $0, $1) }) == 0 else { return }
        open.withLock { $0 += [client, upstream] }
        let isCut = SharedFlag()
        startThread { [word] in
            copy(from: client, to: upstream) { bytes in
                if bytes.firstRange(of: word) != nil { isCut.set() }
                return true
            }
        }
        startThread {
            copy(from: upstream, to: client) { _ in
                if isCut.isSet { shutdown(client, Int32(SHUT_RDWR)) }
                return !isCut.isSet
            }
        }
    }
}

private final class SharedFlag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}

/// Until one side ends or `passes` says no.
private func copy(from source: Int32, to sink: Int32, passes: ([UInt8]) -> Bool) {
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

/// A thread of its own, which may block.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
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

/// A socket that listens at a path.
func listen(at path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    try #require(withAddress(path) { bind(descriptor, $0, $1) } == 0)
    try #require(listen(descriptor, 8) == 0)
    return descriptor
}

private func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
}
