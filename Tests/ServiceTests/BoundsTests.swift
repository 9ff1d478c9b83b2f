import Foundation
import Service
import Support
import Testing

@Suite("Bounds")
struct BoundsTests {
    private static var quick: CounterSetup {
        var setup = CounterSetup()
        setup.limits.idleSeconds = 2
        setup.limits.bodySeconds = 2
        return setup
    }

    @Test("a body that is too large is refused before it is read, announced or not")
    func body() async throws {
        try await Counter.with { counter in
            let limit = ServiceLimits().webhookBytesMax
            let head = "POST /stripe/webhook HTTP/1.1\r\nHost: x\r\n"
            let announced = await BareSocket.talk(
                port: counter.port, [.send(head + "Content-Length: \(limit + 1)\r\n\r\n")])
            #expect(announced?.hasPrefix("HTTP/1.1 413") == true, "\(announced ?? "open")")
            #expect(announced?.contains("body_too_large") == true)
            let part = String(repeating: "x", count: 65_536)
            let chunk = "10000\r\n\(part)\r\n"
            let chunks = Array(repeating: BareSocket.Step.send(chunk), count: limit / 65_536 + 2)
            let chunked = await BareSocket.talk(
                port: counter.port, [.send(head + "Transfer-Encoding: chunked\r\n\r\n")] + chunks)
            #expect(chunked?.hasPrefix("HTTP/1.1 413") == true, "\(chunked ?? "open")")
            let small = try await counter.ask(
                .post, Counter.orders + "/credit_order", body: [UInt8](repeating: 0x20, count: 20_000),
                token: counter.token)
            #expect(small.status == 413)
            let get = try await counter.ask(.get, "/healthz")
            #expect(get.status == 200)
        }
    }

    @Test("a body that trickles in is cut off, whatever its pace")
    func slowBody() async throws {
        try await Counter.with(Self.quick) { counter in
            let head = "POST /stripe/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
            let trickle = (0..<30).flatMap { _ in [BareSocket.Step.send("x"), .pause(milliseconds: 150)] }
            let answer = await BareSocket.talk(port: counter.port, [.send(head)] + trickle)
            #expect(answer?.contains("HTTP/1.1 408") == true, "\(answer ?? "open")")
            #expect(answer?.contains("body_too_slow") == true)
        }
    }

    @Test("a head that trickles in, and a connection that says nothing, are closed")
    func slowHead() async throws {
        try await Counter.with(Self.quick) { counter in
            let silent = await BareSocket.talk(port: counter.port, [])
            #expect(silent == "", "closed without a word")
            let trickle = (0..<40).flatMap { _ in [BareSocket.Step.send("a"), .pause(milliseconds: 100)] }
            let head = await BareSocket.talk(port: counter.port, [.send("GET /healthz HTTP/1.1\r\nX-")] + trickle)
            #expect(head == "", "\(head ?? "open")")
        }
    }

    @Test("heads that are too large are answered 431, what is no HTTP 400, as JSON")
    func heads() async throws {
        try await Counter.with { counter in
            let large = String(repeating: "x", count: 20_000)
            let many = (0..<200).map { "X-\($0): 1\r\n" }.joined()
            for head in ["X-Large: \(large)\r\n", many] {
                let answer = await BareSocket.talk(
                    port: counter.port, [.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\(head)\r\n")])
                #expect(answer?.hasPrefix("HTTP/1.1 431") == true, "\(answer?.prefix(200) ?? "open")")
                #expect(answer?.contains(#""code":"headers_too_large""#) == true)
            }
            let garbage = await BareSocket.talk(port: counter.port, [.send("\u{1}\u{2}garbage\r\n\r\n")])
            #expect(garbage?.hasPrefix("HTTP/1.1 400") == true, "\(garbage ?? "open")")
            let after = try await counter.ask(.get, "/healthz")
            #expect(after.status == 200)
        }
    }

    @Test("paths and methods that are not there are told so, as JSON, with a request id")
    func routes() async throws {
        try await Counter.with { counter in
            for path in ["/nothing", "//", "/rn/agencies", "/stripe/webhook/", "/%2e%2e/etc/passwd", "/healthz/x"] {
                let reply = try await counter.ask(.get, path)
                #expect(reply.status == 404 && reply.code == "not_found", "\(path): \(reply.text)")
                #expect(reply.headers["X-Request-Id"]?.isEmpty == false)
            }
            for (path, allow) in [("/stripe/webhook", "POST"), ("/login", "POST")] {
                let reply = try await counter.ask(.get, path)
                #expect(reply.status == 405 && reply.code == "method_not_allowed")
                #expect(reply.headers["Allow"] == allow)
            }
            #expect(try await counter.ask(.delete, "/healthz").headers["Allow"] == "GET, HEAD")
            let missing = try await counter.ask(.post, "/stripe/webhook", body: Array("{}".utf8))
            #expect(missing.status == 400 && missing.code == "no_signature")
            let head = await BareSocket.talk(
                port: counter.port, [.send("HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")])
            #expect(head?.hasPrefix("HTTP/1.1 200") == true && head?.hasSuffix("\r\n\r\n") == true, "\(head ?? "")")
        }
    }

    @Test("no key, secret or token is in the log, and what a caller writes into a path is not either")
    func canaries() async throws {
        try await Counter.with { counter in
            let (_, _, event) = try await counter.paid()
            #expect(try await counter.deliver(event, account: "task_health").status == 200)
            _ = try await counter.deliver(event, account: "task_health", secret: "whsec_CANARY_wrong")
            _ = try await counter.ask(.get, "/CANARYpath?token=CANARYquery", token: "trueup_1_CANARYtoken")
            _ = try await counter.ask(.get, Counter.orders + "/credit_balance", token: counter.token)
            let log = counter.logs.text
            #expect(log.contains("webhook") && log.contains("credit_balance"))
            #expect(!log.contains("CANARY"))
            #expect(!log.contains(counter.token.suffix(64)))
            #expect(!log.contains("sk_test_"))
        }
    }
}
