import Curl
import Support
import Testing

@Suite struct HTTPFaultTests {
    /// The error of a request to the server.
    private func failure(
        _ client: HTTPClient, _ server: ScriptedServer, milliseconds: Int? = nil
    ) async -> CurlError? {
        do {
            _ = try await client.send(HTTPRequest(url: server.url, timeoutMilliseconds: milliseconds))
            return nil
        } catch {
            return error
        }
    }

    @Test("a refused connection was certainly not sent")
    func refused() async throws {
        let server = try ScriptedServer { _ in [] }
        server.stop()
        let client = HTTPClient()
        // The listener is closed by its own thread, a moment later.
        var error = await failure(client, server, milliseconds: 1_000)
        for _ in 0..<50 where error?.kind != .couldNotConnect {
            try await Task.sleep(for: .milliseconds(20))
            error = await failure(client, server, milliseconds: 1_000)
        }
        #expect(error?.kind == .couldNotConnect)
        #expect(error?.mayHaveBeenSent == false)
        #expect(error?.isTransient == true)
        await client.close()
    }

    @Test(
        "a connection that breaks before the answer may have been sent",
        arguments: [ScriptedServer.Step.reset, .close])
    func reset(step: ScriptedServer.Step) async throws {
        try await withServer { _ in
            [step]
        } _: { server, client in
            let error = await failure(client, server)
            #expect(error?.kind == .connectionReset)
            #expect(error?.mayHaveBeenSent == true)
            #expect(error?.isTransient == true)
        }
    }

    @Test(
        "a body shorter than its length is cut, and says by how much",
        arguments: [ScriptedServer.Step.reset, .close])
    func cut(step: ScriptedServer.Step) async throws {
        try await withServer { _ in
            // The pause lets the bytes arrive before a reset overtakes them.
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789"), .pause(milliseconds: 100), step]
        } _: { server, client in
            let error = await failure(client, server)
            #expect(error?.kind == .bodyCut)
            #expect(error?.detail == "10 of 1000 bytes arrived")
        }
    }

    @Test("a chunked body that ends early is an error too")
    func cutChunks() async throws {
        try await withServer { _ in
            [.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"), .close]
        } _: { server, client in
            let error = await failure(client, server)
            #expect(error?.kind == .bodyCut || error?.kind == .connectionReset)
        }
    }

    @Test("a silent server runs into the whole time-out")
    func timeOut() async throws {
        try await withServer { _ in
            [.hang]
        } _: { server, client in
            let start = ContinuousClock.now
            let error = await failure(client, server, milliseconds: 200)
            #expect(error?.kind == .timedOut)
            #expect(error?.mayHaveBeenSent == true)
            #expect(ContinuousClock.now - start < .seconds(40))
        }
    }

    @Test("a body that trickles runs into the low-speed limit")
    func slow() async throws {
        var configuration = HTTPClient.Configuration()
        configuration.lowSpeedBytesPerSecond = 100
        configuration.lowSpeedSeconds = 1
        try await withServer(
            { _ in
                [.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")]
                    + (0..<100).flatMap { _ in [ScriptedServer.Step.send("x"), .pause(milliseconds: 100)] }
            }, configuration: configuration
        ) { server, client in
            #expect(await failure(client, server)?.kind == .timedOut)
        }
    }

    @Test("a body beyond the limit is refused, announced or not", arguments: [true, false])
    func tooLarge(announced: Bool) async throws {
        var configuration = HTTPClient.Configuration()
        configuration.maxBodyBytes = 1_000
        let text = String(repeating: "x", count: 1_001)
        try await withServer(
            { _ in announced ? ScriptedServer.answer(text) : [.send("HTTP/1.1 200 OK\r\n\r\n" + text), .close] },
            configuration: configuration
        ) { server, client in
            let error = await failure(client, server)
            #expect(error?.kind == .tooLarge)
            #expect(error?.isTransient == false)
        }
    }

    @Test("an answer that is not HTTP is an error that nobody retries")
    func garbage() async throws {
        try await withServer { _ in
            [.send("hello\r\n\r\n"), .close]
        } _: { server, client in
            let error = await failure(client, server)
            #expect(error != nil)
            #expect(error?.isTransient == false)
        }
    }

    @Test("a kept connection that has died meanwhile is replaced without an error")
    func staleConnection() async throws {
        try await withServer { request in
            request.number == 0 ? ScriptedServer.answer("a") + [.close] : ScriptedServer.answer("b")
        } _: { server, client in
            #expect(await failure(client, server) == nil)
            try await Task.sleep(for: .milliseconds(50))
            #expect(await failure(client, server) == nil)
            #expect(server.connections == 2)
        }
    }

    @Test("cancelling a request ends it at once and frees its place for the next")
    func cancellation() async throws {
        var configuration = HTTPClient.Configuration()
        configuration.maxConnectionsPerHost = 1
        try await withServer(
            { request in request.number == 0 ? [.hang] : ScriptedServer.answer("next") }, configuration: configuration
        ) { server, client in
            let stuck = Task { await failure(client, server) }
            while server.requests.isEmpty {
                try await Task.sleep(for: .milliseconds(5))
            }
            let queued = Task { try await client.send(HTTPRequest(url: server.url)).body.text }
            stuck.cancel()
            let error = await stuck.value
            #expect(error?.kind == .cancelled)
            #expect(error?.mayHaveBeenSent == true)
            #expect(try await queued.value == "next")
        }
    }

    @Test("a request whose time is over when the client comes to it is not sent")
    func late() async throws {
        let server = try ScriptedServer { _ in ScriptedServer.answer("late") }
        defer { server.stop() }
        let http = HTTPClient()
        var request = HTTPRequest(url: server.url)
        request.notAfter = .now - .milliseconds(1)
        let error = await #expect(throws: CurlError.self) { try await http.send(request) }
        #expect(error?.kind == .late && error?.mayHaveBeenSent == false && error?.isTransient == true)
        #expect(server.requests.isEmpty)
        request.notAfter = .now + .seconds(60)
        #expect(try await http.send(request).status == 200)
        await http.close()
    }

    @Test("a task that is cancelled already sends nothing")
    func cancelledBefore() async throws {
        try await withServer { _ in
            ScriptedServer.answer("x")
        } _: { server, client in
            let task = Task {
                while !Task.isCancelled {
                    await Task.yield()
                }
                return await failure(client, server)
            }
            task.cancel()
            let error = await task.value
            #expect(error?.kind == .cancelled)
            #expect(error?.mayHaveBeenSent == false)
            #expect(server.requests.isEmpty)
        }
    }

    @Test("many requests cancelled at random times all end, and the client still works")
    func cancellationStorm() async throws {
        try await withServer { request in
            [.pause(milliseconds: 3)] + ScriptedServer.answer("x")
        } _: { server, client in
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let task = Task { await failure(client, server) }
                        try? await Task.sleep(for: .microseconds((index * 7919) % 20_000))
                        task.cancel()
                        let kind = await task.value?.kind
                        #expect(kind == nil || kind == .cancelled)
                    }
                }
            }
            // As many as have been stopped: whatever they left behind is used again.
            for _ in 0..<200 {
                #expect(await failure(client, server) == nil)
            }
        }
    }

    @Test("closing ends what is under way, and refuses what comes later")
    func closing() async throws {
        try await withServer { _ in
            [.hang]
        } _: { server, client in
            let stuck = Task { await failure(client, server) }
            while server.requests.isEmpty {
                try await Task.sleep(for: .milliseconds(5))
            }
            await client.close()
            #expect(await stuck.value?.kind == .closed)
            #expect(await failure(client, server)?.kind == .closed)
        }
    }

    @Test("plain HTTP where TLS is asked for fails as TLS")
    func notTLS() async throws {
        try await withServer { _ in
            ScriptedServer.answer("x")
        } _: { server, client in
            let error = await #expect(throws: CurlError.self) {
                try await client.send(
                    HTTPRequest(url: "https://127.0.0.1:\(server.port)/", timeoutMilliseconds: 2_000))
            }
            #expect(error?.kind == .tls || error?.kind == .timedOut)
            #expect(error?.mayHaveBeenSent == false)
        }
    }
}
