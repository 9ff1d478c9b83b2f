import Curl
import Glibc
import Runner
import Synchronization
import Testing

@Suite("Pings")
struct PingTests {
    static let addresses: [(String, Ping.Signal, String)] = [
        ("https://hc.example/ping/1", .start, "https://hc.example/ping/1/start"),
        ("https://hc.example/ping/1/", .fail, "https://hc.example/ping/1/fail"),
        ("https://hc.example/ping/1", .success, "https://hc.example/ping/1"),
        ("https://hc.example/ping/1?create=1", .fail, "https://hc.example/ping/1/fail?create=1"),
    ]

    @Test("the signal is a part of the path", arguments: addresses)
    func address(_ url: String, _ signal: Ping.Signal, _ expected: String) {
        #expect(Ping.address(url, signal) == expected)
    }

    @Test("it is sent, with a text, and an answer other than 2xx is told")
    func send() async throws {
        for (answer, expected) in [("200 OK", String?.none), ("404 Not Found", "the service answered 404")] {
            let receiver = try PingReceiver(answer: answer)
            let http = HTTPClient()
            let ping = Ping(url: Secret("http://127.0.0.1:\(receiver.port)/ping/secret-uuid"), http: http)
            #expect(await ping.send(.fail, text: "run 7 is incomplete") == expected)
            let request = await receiver.request.value
            #expect(request.hasPrefix("POST /ping/secret-uuid/fail HTTP/1.1\r\n"))
            #expect(request.hasSuffix("run 7 is incomplete"))
            await http.close()
        }
    }

    @Test("one that does not arrive says why, without its secret path")
    func unreachable() async {
        let http = HTTPClient()
        let ping = Ping(url: Secret("http://127.0.0.1:1/ping/secret-uuid"), http: http)
        let failure = await ping.send(.start)
        #expect(failure?.contains("could not connect") == true)
        #expect(failure?.contains("secret-uuid") == false)
        #expect(await Ping(url: Secret("http://example.com/x"), http: http).send(.start)?.contains("refused") == true)
        await http.close()
    }
}

/// Takes one request on a loopback port.
private struct PingReceiver {
    let port: UInt16
    let request: Task<String, Never>

    init(answer: String) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isBound)
        port = UInt16(bigEndian: address.sin_port)
        request = Task.detached {
            let peer = accept(listener, nil, nil)
            var text = ""
            var buffer = [UInt8](repeating: 0, count: 4096)
            // The body is short: it has come when its length has.
            while true {
                let count = read(peer, &buffer, buffer.count)
                guard count > 0 else { break }
                text += String(decoding: buffer[0..<count], as: UTF8.self)
                let parts = text.components(at: "\r\n\r\n")
                let announced = parts.head.lowercased().components(at: "content-length: ").tail.prefix { $0.isNumber }
                if parts.isFound, parts.tail.utf8.count >= Int(announced) ?? 0 { break }
            }
            let reply = "HTTP/1.1 \(answer)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            _ = reply.withCString { write(peer, $0, strlen($0)) }
            close(peer)
            close(listener)
            return text
        }
    }
}

extension String {
    /// What stands before and behind the first place of a text.
    fileprivate func components(at separator: String) -> (head: String, tail: String, isFound: Bool) {
        guard let range = firstRange(of: separator) else { return (self, "", false) }
        return (String(self[..<range.lowerBound]), String(self[range.upperBound...]), true)
    }
}
