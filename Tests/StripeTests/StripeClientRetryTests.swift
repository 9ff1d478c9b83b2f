import Curl
import Stripe
import Support
import Synchronization
import Testing

@Suite struct StripeClientRetryTests {
    @Test(
        "answers and faults that pass are retried, the others not",
        arguments: [
            ("500", 2), ("502 html", 2), ("409", 2), ("429", 2), ("429 lock", 2), ("reset", 2), ("cut", 2),
            ("400 rate_limit", 2), ("400 should", 2), ("500 should not", 1), ("500 replayed", 1), ("400", 1),
            ("401", 1), ("402", 1), ("403", 1), ("404", 1), ("302", 1),
        ])
    func retries(fault: String, attempts: Int) async throws {
        try await ClientRig.run { request in
            request.number == 0 ? Self.script(fault) : ClientRig.invoice
        } _: { rig in
            let error = await rig.failure()
            #expect(rig.server.requests.count == attempts)
            #expect((error == nil) == (attempts == 2))
            #expect(rig.time.sleepsSeconds.count == attempts - 1)
        }
    }

    static func script(_ fault: String) -> [ScriptedServer.Step] {
        let status = Int(fault.prefix(3)) ?? 0
        switch fault {
        case "502 html": return ClientRig.error(502, "<html>Bad Gateway</html>")
        case "429": return ClientRig.error(429, headers(["Stripe-Rate-Limited-Reason": "endpoint-rate"]))
        case "429 lock": return ClientRig.error(429, #"{"error":{"type":"x","code":"lock_timeout"}}"#)
        case "400 rate_limit": return ClientRig.error(400, #"{"error":{"type":"x","code":"rate_limit"}}"#)
        case "400 should": return ClientRig.error(400, headers(["Stripe-Should-Retry": "true"]))
        case "500 should not": return ClientRig.error(500, headers(["Stripe-Should-Retry": "false"]))
        case "500 replayed": return ClientRig.error(500, headers(["Idempotent-Replayed": "true"]))
        case "reset": return [.reset]
        case "cut": return [.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), .close]
        default: return ClientRig.error(status)
        }
    }

    private static func headers(_ headers: [String: String]) -> [String: String] { headers }

    @Test("retries are bounded, and the error says how many there were", arguments: [(500, 4), (429, 8)])
    func bounded(status: Int, attempts: Int) async throws {
        try await ClientRig.run { _ in
            ClientRig.error(status)
        } _: { rig in
            let error = await rig.failure()
            #expect(rig.server.requests.count == attempts)
            #expect(error?.attempts == attempts)
            #expect(error?.status == status)
            #expect(error?.requestID == "req_bad")
        }
    }

    @Test("no wait begins that would end after the total time")
    func totalTime() async throws {
        var policy = RetryPolicy.standard
        policy.maxTotalSeconds = 70
        try await ClientRig.run(retry: policy) { _ in
            ClientRig.error(503, headers: ["Retry-After": "30"])
        } _: { rig in
            _ = await rig.failure()
            #expect(rig.time.sleepsSeconds == [30, 30])
        }
    }

    @Test(
        "a 429 slows the budget down by its reason",
        arguments: [
            ("global-rate", .globalRate), ("endpoint-concurrency", .endpointConcurrency), ("new", .unknown("new")),
            (nil, .unstated),
        ] as [(String?, RateLimitReason)])
    func slowsDown(header: String?, reason: RateLimitReason) async throws {
        try await ClientRig.run { request in
            request.number == 0
                ? ClientRig.error(429, headers: header.map { ["Stripe-Rate-Limited-Reason": $0] } ?? [:])
                : ClientRig.invoice
        } _: { rig in
            _ = try await rig.client.invoice("in_1")
            #expect(rig.slowed.reasons.withLock { $0 } == [reason])
        }
    }

    @Test("each POST has a key, the same in all its attempts, another one in the next call")
    func idempotencyKeys() async throws {
        try await ClientRig.run { request in
            request.number % 2 == 0 ? [.reset] : ClientRig.invoice
        } _: { rig in
            _ = try await rig.client.finalizeInvoice("in_1")
            _ = try await rig.client.voidInvoice("in_1", idempotencyKey: "mine")
            let keys = rig.server.requests.map { $0.headers["idempotency-key"] }
            #expect(keys.count == 4)
            #expect(keys[0] == keys[1])
            #expect(keys[0]?.count == 36)
            #expect(keys[2...] == ["mine", "mine"])
            #expect(rig.server.requests.map(\.body) == ["auto_advance=false", "auto_advance=false", "", ""])
        }
    }

    @Test("the caller's key goes with every attempt of every change that has one, and a deletion has none")
    func callersKey() async throws {
        let canceled =
            #"{"id":"in_1","object":"payment_intent","created":1,"livemode":false,"status":"canceled","#
            + #""currency":"usd","amount":5,"amount_received":0}"#
        try await ClientRig.run { request in
            if request.number % 2 == 0 { return ClientRig.error(503) }
            if request.method == "DELETE" {
                return ScriptedServer.answer(#"{"id":"in_1","object":"invoice","deleted":true}"#)
            }
            return request.target.contains("payment_intents") ? ScriptedServer.answer(canceled) : ClientRig.invoice
        } _: { rig in
            _ = try await rig.client.cancelPaymentIntent("in_1", idempotencyKey: "k1")
            _ = try await rig.client.finalizeInvoice("in_1", idempotencyKey: "k2")
            _ = try await rig.client.voidInvoice("in_1", idempotencyKey: "k3")
            _ = try await rig.client.deleteDraftInvoice("in_1")
            let keys = rig.server.requests.map { $0.headers["idempotency-key"] }
            #expect(keys == ["k1", "k1", "k2", "k2", "k3", "k3", nil, nil])
        }
    }

    @Test("a key that is in use, and an answer that cannot be read, leave a change unknown; a refusal does not")
    func unknownOutcome() async throws {
        let inUse = #"{"error":{"type":"idempotency_error","code":"idempotency_key_in_use","message":"m"}}"#
        let refused = #"{"error":{"type":"invalid_request_error","message":"m"}}"#
        let cases: [([ScriptedServer.Step], Bool)] = [
            (ClientRig.error(409, inUse), true), (ClientRig.error(500), true), (ScriptedServer.answer("<html>"), true),
            (ScriptedServer.answer(#"{"id":"in_1","object":"invoice"}"#), true), (ClientRig.error(400, refused), false),
            (ClientRig.error(429), false),
        ]
        for (answer, isUnknown) in cases {
            try await ClientRig.run(retry: .never) { _ in
                answer
            } _: { rig in
                let client = rig.client
                let voided = await #expect(throws: StripeError.self) { try await client.voidInvoice("in_1") }
                #expect(voided?.outcomeIsUnknown == isUnknown)
                let deleted = await #expect(throws: StripeError.self) { try await client.deleteDraftInvoice("in_1") }
                #expect(deleted?.outcomeIsUnknown == isUnknown)
                #expect(await rig.failure()?.outcomeIsUnknown == false, "a read changes nothing")
            }
        }
    }

    @Test(
        "what Stripe keeps for a key is told from a failure of the call itself, and is not asked for again",
        arguments: [(["500 replayed"], true), (["500", "500 replayed"], false), (["429", "500 replayed"], true)])
    func replayed(faults: [String], isReplayed: Bool) async throws {
        try await ClientRig.run { request in
            request.number < faults.count ? Self.script(faults[request.number]) : ClientRig.invoice
        } _: { rig in
            let error = await #expect(throws: StripeError.self) {
                try await rig.client.voidInvoice("in_1", idempotencyKey: "k")
            }
            #expect(error?.isReplayed == isReplayed && error?.outcomeIsUnknown == true)
            #expect(rig.server.requests.count == faults.count)
        }
    }

    @Test("a request whose permission is over when it can be sent is not sent, is no attempt, and takes another one")
    func late() async throws {
        let server = try ScriptedServer { _ in ScriptedServer.answer(#"{"id":"in_1","object":"invoice"}"#) }
        defer { server.stop() }
        let http = HTTPClient(HTTPClient.Configuration())
        let taken = Mutex(0)
        let client = StripeClient(
            account: Account(name: "rig", secretKey: Secret(ClientRig.canary), apiBase: server.url), http: http,
            budget: RequestBudget(
                take: { _ async throws(CancellationError) in
                    let count = taken.withLock { count in
                        count += 1
                        return count
                    }
                    return count < 3 ? .now - .milliseconds(1) : .now + .seconds(60)
                }, slowDown: { _, _ in }), retry: .never, clock: HastyClock().clock)
        _ = try? await client.invoice("in_1")
        #expect(taken.withLock { $0 } == 3)
        #expect(server.requests.count == 1)
        #expect(client.usage.requests == 1 && client.usage.retries == 0)
        await http.close()
    }

    @Test("a change that is cancelled while it waits for its second turn stays unknown")
    func cancelledBeforeRetry() async throws {
        let server = try ScriptedServer { _ in [.reset] }
        defer { server.stop() }
        let http = HTTPClient(HTTPClient.Configuration())
        let time = HastyClock()
        let client = StripeClient(
            account: Account(name: "rig", secretKey: Secret(ClientRig.canary), apiBase: server.url), http: http,
            budget: RequestBudget(
                take: { _ async throws(CancellationError) in
                    // The first turn is given, the second never.
                    if !server.requests.isEmpty { throw CancellationError() }
                    return nil
                }, slowDown: { _, _ in }), clock: time.clock)
        let error = await #expect(throws: StripeError.self) { try await client.voidInvoice("in_1") }
        #expect(error?.kind == .cancelled && error?.attempts == 1)
        #expect(error?.outcomeIsUnknown == true)
        await http.close()
    }

    @Test("a time-out leaves a change unknown and a read known")
    func timeOut() async throws {
        try await ClientRig.run(retry: .never, timeoutMilliseconds: 150) { _ in
            [.hang]
        } _: { rig in
            let read = await rig.failure()
            #expect(read?.kind == .connection(.timedOut))
            #expect(read?.outcomeIsUnknown == false)
            let change = await #expect(throws: StripeError.self) { try await rig.client.voidInvoice("in_1") }
            #expect(change?.outcomeIsUnknown == true)
            #expect(change?.description.contains("read the object before repeating") == true)
        }
    }

    @Test("a draft whose deletion was answered into the void is found deleted by the next attempt")
    func lostDeletion() async throws {
        let missing =
            #"{"error":{"type":"invalid_request_error","code":"resource_missing","param":"id","message":"No"}}"#
        try await ClientRig.run { request in
            request.number == 0 ? [.reset] : ClientRig.error(404, missing)
        } _: { rig in
            let deletion = try await rig.client.deleteDraftInvoice("in_1").value
            #expect(deletion.wasGoneBefore)
            // Without a lost attempt before, there was nothing to delete.
            let error = await #expect(throws: StripeError.self) { try await rig.client.deleteDraftInvoice("in_1") }
            #expect(error?.kind == .notFound)
        }
    }

    @Test("cancelling ends a call in flight and one that waits to retry")
    func cancellation() async throws {
        try await ClientRig.run { _ in
            [.hang]
        } _: { rig in
            let task = Task { await rig.failure() }
            while rig.server.requests.isEmpty {
                try await Task.sleep(for: .milliseconds(2))
            }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            #expect(rig.server.requests.count == 1)
        }
    }
}

extension ClientRig {
    static func error(_ status: Int, headers: [String: String]) -> [ScriptedServer.Step] {
        error(status, #"{"error":{"type":"api_error","message":"boom"}}"#, headers)
    }

    static func error(_ status: Int, _ headers: [String: String]) -> [ScriptedServer.Step] {
        error(status, headers: headers)
    }
}
