import Foundation

#if canImport(Glibc)
import Glibc
#endif

/// A connection on which a test writes what no HTTP library would. Blocking, on a thread of its own.
enum BareSocket {
    /// Something to do on the connection.
    enum Step: Sendable {
        case send(String)
        case pause(milliseconds: UInt32)
    }

    /// Takes the steps, then reads until the other side closes.
    /// - Returns: everything that came back, `nil` where the connection was still open after the time.
    static func talk(port: Int, _ steps: [Step], seconds: Int = 60) async -> String? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: exchange(port, steps, seconds)) }
        }
    }

    private static func exchange(_ port: Int, _ steps: [Step], _ seconds: Int) -> String? {
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(handle) }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
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
        guard connected == 0 else { return "not connected" }
        for step in steps {
            switch step {
            case .pause(let milliseconds): usleep(milliseconds * 1_000)
            case .send(let text):
                let bytes = Array(text.utf8)
                // Once the other side has closed, the rest is of no interest to it.
                guard send(handle, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { break }
            }
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(handle, &buffer, buffer.count)
            if count > 0 {
                received += buffer[..<count]
            } else if count < 0, errno == EAGAIN {
                return nil
            } else {
                return String(decoding: received, as: UTF8.self)
            }
        }
    }
}
