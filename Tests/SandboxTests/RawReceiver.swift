import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// An endpoint for webhooks on a bare socket: takes one request after the other and answers as it is told.
final class RawReceiver: Sendable {
    struct Taken: Sendable, Codable {
        var path: String
        /// Names in lower case.
        var headers: [String: String]
        var body: String

        /// A top-level or nested string of the event, by the text around it.
        var id: String { value("id") }
        var type: String { value("type") }

        private func value(_ name: String) -> String {
            struct Event: Decodable {
                var id: String
                var type: String
            }
            guard let event = try? JSONDecoder().decode(Event.self, from: Data(body.utf8)) else { return "" }
            return name == "id" ? event.id : event.type
        }
    }

    let port: Int
    private let listener: Int32
    private let taken = Mutex<[Taken]>([])

    /// - Parameter status: what to answer to the n-th request, from 0; 0 for closing the connection without a word.
    init(status: @escaping @Sendable (Int, Taken) -> Int = { _, _ in 200 }) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard bound else { throw SandboxTestError("no port for a receiver of webhooks") }
        port = Int(UInt16(bigEndian: address.sin_port))
        // Blocking calls belong on a thread of their own, not in the cooperative pool.
        Thread.detachNewThread { [self] in serve(status) }
    }

    var url: String { "http://127.0.0.1:\(port)/hook" }
    var all: [Taken] { taken.withLock { $0 } }

    /// Ends the thread and closes the port.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve(_ status: (Int, Taken) -> Int) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { break }
            if let request = read(connection) {
                let number = taken.withLock { taken in
                    taken.append(request)
                    return taken.count - 1
                }
                let code = status(number, request)
                if code > 0 {
                    let text = Array("HTTP/1.1 \(code) X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".utf8)
                    _ = write(connection, text, text.count)
                }
            }
            close(connection)
        }
        close(listener)
    }

    private func read(_ connection: Int32) -> Taken? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let split = text.range(of: "\r\n\r\n") {
                let lines = text[..<split.lowerBound].components(separatedBy: "\r\n")
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                        .trimmingCharacters(in: .whitespaces)
                }
                let body = String(text[split.upperBound...])
                if body.utf8.count >= headers["content-length"].flatMap(Int.init) ?? 0 {
                    let path = lines[0].split(separator: " ").dropFirst().first.map(String.init) ?? ""
                    return Taken(path: path, headers: headers, body: body)
                }
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
    }
}
