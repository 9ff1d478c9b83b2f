import Curl
import Support
import Testing

/// Runs a body against a scripted server and stops both afterwards.
func withServer(
    _ script: @escaping @Sendable (ScriptedServer.Request) -> [ScriptedServer.Step],
    configuration: HTTPClient.Configuration = HTTPClient.Configuration(),
    _ body: (ScriptedServer, HTTPClient) async throws -> Void
) async throws {
    let server = try ScriptedServer(script)
    let client = HTTPClient(configuration)
    defer { server.stop() }
    try await body(server, client)
    await client.close()
}

@Suite struct HTTPClientTests {
    @Test("an answer comes with its status, headers in any case, and a body with 64 zero bytes after it")
    func wholeAnswer() async throws {
        try await withServer { _ in
            [.send("HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n")]
                + ScriptedServer.answer("{\"a\": 1}", status: "404 Not Found", headers: ["Request-Id": "req_1"])
        } _: { server, client in
            let response = try await client.send(HTTPRequest(url: server.url))
            #expect(response.status == 404)
            #expect(response.headers["request-ID"] == "req_1")
            #expect(response.headers["X-Hint"] == nil)
            #expect(response.body.text == "{\"a\": 1}")
            response.body.withUnsafeBytes { bytes in
                let padded = UnsafeRawBufferPointer(
                    start: bytes.baseAddress, count: bytes.count + ResponseBody.paddingBytes)
                #expect(padded[bytes.count...].allSatisfy { $0 == 0 })
            }
        }
    }

    @Test("a body of some megabytes arrives byte for byte, with and without a length", arguments: [true, false])
    func largeBody(withLength: Bool) async throws {
        let text = String((0..<300_000).map { "\($0)-" }.joined())
        try await withServer { _ in
            withLength ? ScriptedServer.answer(text) : [.send("HTTP/1.1 200 OK\r\n\r\n" + text), .close]
        } _: { server, client in
            let response = try await client.send(HTTPRequest(url: server.url))
            #expect(response.body.text == text)
        }
    }

    @Test("a POST sends its body, its headers and no Expect")
    func post() async throws {
        try await withServer { _ in
            ScriptedServer.answer("ok")
        } _: { server, client in
            let body = String(repeating: "k=v&", count: 5_000)
            _ = try await client.send(
                HTTPRequest(.post, url: server.url + "/p?q=1", headers: [("X-A", "b: c")], body: Array(body.utf8)))
            _ = try await client.send(HTTPRequest(.post, url: server.url))
            _ = try await client.send(HTTPRequest(.delete, url: server.url))
            let seen = server.requests
            #expect(seen.map(\.method) == ["POST", "POST", "DELETE"])
            #expect(seen[0].target == "/p?q=1")
            #expect(seen[0].body == body)
            #expect(seen[0].headers["x-a"] == "b: c")
            #expect(seen[0].headers["expect"] == nil)
            #expect(seen[1].headers["content-length"] == "0")
        }
    }

    @Test("requests one after the other share one connection")
    func reuse() async throws {
        try await withServer { _ in
            ScriptedServer.answer("x")
        } _: { server, client in
            var reused: [Bool] = []
            for _ in 0..<5 {
                reused.append(try await client.send(HTTPRequest(url: server.url)).timings.reusedConnection)
            }
            #expect(reused == [false, true, true, true, true])
            #expect(server.connections == 1)
        }
    }

    @Test("100 requests at once each get their own answer, over no more connections than allowed")
    func parallel() async throws {
        var configuration = HTTPClient.Configuration()
        configuration.maxConnectionsPerHost = 16
        try await withServer(
            { request in [.pause(milliseconds: 5)] + ScriptedServer.answer(request.target) },
            configuration: configuration
        ) { server, client in
            let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for index in 0..<100 {
                    group.addTask {
                        (index, try await client.send(HTTPRequest(url: "\(server.url)/\(index)")).body.text)
                    }
                }
                return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
            }
            #expect(answers.count == 100)
            #expect(answers.allSatisfy { $0.value == "/\($0.key)" })
            #expect(server.connections <= 16)
        }
    }

    @Test("a redirect is an answer like any other")
    func noRedirect() async throws {
        try await withServer { request in
            ScriptedServer.answer(status: "302 Found", headers: ["Location": "http://127.0.0.1:1/"])
        } _: { server, client in
            let response = try await client.send(HTTPRequest(url: server.url))
            #expect(response.status == 302)
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        "URLs that are not https, nor http on loopback, are refused before anything is sent",
        arguments: [
            "http://example.com/", "http://10.0.0.1/", "http://127.0.0.1.example.com/", "http://localhost.example.com/",
            "ftp://127.0.0.1/", "file:///etc/passwd", "https://user:pw@127.0.0.1/", "nonsense", "http://127.0.0.1/a b",
            "http://127.0.0.1/\r\nX: y", "",
        ])
    func refusedURL(url: String) async throws {
        let client = HTTPClient()
        let error = await #expect(throws: CurlError.self) { try await client.send(HTTPRequest(url: url)) }
        #expect(error?.kind == .refusedURL)
        #expect(error?.mayHaveBeenSent == false)
        #expect(error?.description.contains("use https") == true)
        #expect(error?.description.contains("pw") == false)
        await client.close()
    }

    @Test(
        "a header that would break its line is refused, and not repeated in the error",
        arguments: [("X-A", "canary\r\nX-B: 1"), ("X A", "canary"), ("X-A:", "canary"), ("X-A", ""), ("", "canary")])
    func refusedHeader(name: String, value: String) async throws {
        let client = HTTPClient()
        let error = await #expect(throws: CurlError.self) {
            try await client.send(HTTPRequest(url: "http://127.0.0.1:9/", headers: [(name, value)]))
        }
        #expect(error?.kind == .refusedHeader)
        #expect(error.map { "\($0)".contains("canary") } == false)
        await client.close()
    }
}
