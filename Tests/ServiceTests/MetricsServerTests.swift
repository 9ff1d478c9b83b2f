import Service
import Testing

@Suite("The server of metrics", .timeLimit(.minutes(5)))
struct MetricsServerTests {
    @Test("a stop that was asked for is no error, also while a connection is kept open; an address in use is one")
    func stopping() async throws {
        let book = LogBook()
        let (served, serves) = AsyncStream<Void>.makeStream()
        let server = MetricsServer(address: try #require(ListenAddress("127.0.0.1:0")), logger: book.logger) {
            serves.yield()
            return "trueup_x 1\n"
        }
        let (ports, listens) = AsyncStream<Int>.makeStream()
        let serving = Task { try await server.run { listens.yield($0) } }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        let kept = Task {
            await BareSocket.talk(port: port, [.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")])
        }
        var requests = served.makeAsyncIterator()
        await requests.next()
        let other = MetricsServer(
            address: try #require(ListenAddress("127.0.0.1:\(port)")), logger: LogBook().logger
        ) { "" }
        await #expect(throws: (any Error).self) { try await other.run() }
        serving.cancel()
        try await serving.value
        #expect(try #require(await kept.value).contains("trueup_x 1"))
        let errors = book.text.split(separator: "\n").filter { $0.hasPrefix("error") || $0.hasPrefix("warning") }
        #expect(errors.isEmpty, "\(errors)")
    }
}
