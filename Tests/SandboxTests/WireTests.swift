import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000

private let history = SandboxHistory.plain(
    seed: 5, invoices: 120, paymentIntents: 10, fromSeconds: now - 20 * 86_400, toSeconds: now, skew: .even)

@Suite("The wire")
struct WireTests {
    @Test("each fault is seen by a bare client as what it is", arguments: SandboxFault.allCases)
    func faults(fault: SandboxFault) async throws {
        let script = SandboxFaults(scripts: [.init(fault, occurrence: 2, method: "POST", pathContains: "/v1/customers")]
        )
        try await withSandbox(faults: script) { server, client, _ in
            var client = client
            client.timeoutMilliseconds = 300
            #expect(try await client.answer("POST", "/v1/customers", form: "name=first").status == 200)
            let outcome = await client.send("POST", "/v1/customers", form: "name=second")
            switch (fault, outcome) {
            case (.rateLimited, .answer(let answer)):
                #expect(answer.status == 429 && answer.headers["stripe-rate-limited-reason"] == "endpoint-rate")
            case (.lockTimeout, .answer(let answer)):
                #expect(answer.status == 429 && answer.headers["stripe-rate-limited-reason"] == nil)
                #expect(try answer.decoded(ErrorBody.self).error.code == "lock_timeout")
            case (.serverError, .answer(let answer)), (.serverErrorAfter, .answer(let answer)):
                #expect(answer.status == 500)
            case (.unavailable, .answer(let answer)): #expect(answer.status == 503)
            case (.html, .answer(let answer)):
                #expect(answer.status == 502 && answer.body.hasPrefix("<html>"))
                #expect(answer.headers["content-type"] == "text/html")
            case (.timeout, .silence), (.timeoutAfter, .silence), (.reset, .reset), (.resetAfter, .reset): break
            case (.cut, .cut(let announced, let received)): #expect(received == announced / 2)
            case (.unknownURL, .answer(let answer)):
                #expect(try answer.status == 404 && answer.decoded(ErrorBody.self).error.code == nil)
            case (.otherMissing, .answer(let answer)):
                let error = try answer.decoded(ErrorBody.self).error
                #expect(answer.status == 404 && error.code == "resource_missing" && error.param == "account")
            // It is no list.
            case (.emptyPage, .answer(let answer)): #expect(answer.status == 200)
            default: Issue.record("\(fault) was seen as \(outcome)")
            }
            let made = try await client.page("/v1/events?type=customer.created").data.count
            let acts: Set<SandboxFault> = [.timeoutAfter, .resetAfter, .cut, .serverErrorAfter, .emptyPage]
            #expect(made == (acts.contains(fault) ? 2 : 1))
            #expect(server.statistics.accounts["default"]?.faults == [fault: 1])
        }
    }

    @Test("a list can be an empty page that says there is more, once or from then on")
    func emptyPages() async throws {
        let faults = SandboxFaults(scripts: [
            .init(.emptyPage, occurrence: 2, pathContains: "/v1/invoices?"),
            .init(.emptyPage, occurrence: 2, lasts: true, pathContains: "/v1/checkout/sessions?"),
        ])
        try await withSandbox(history, faults: faults) { _, client, _ in
            var counts: [Int] = []
            for _ in 0..<3 {
                let page = try await client.page("/v1/invoices?limit=3")
                #expect(page.hasMore)
                counts.append(page.data.count)
            }
            #expect(counts == [3, 0, 3])
            var more: [Bool] = []
            for _ in 0..<4 {
                more.append(try await client.page("/v1/checkout/sessions?payment_intent=pi_1").hasMore)
            }
            #expect(more == [false, true, true, true])
        }
    }

    @Test("faults by chance come at their rate, and the same ones for the same seed")
    func rates() async throws {
        var seen: [[Int]] = []
        for _ in 0..<2 {
            let faults = SandboxFaults(rates: [.unavailable: 0.2, .serverError: 0.1], seed: 9)
            try await withSandbox(faults: faults) { _, client, _ in
                var statuses: [Int] = []
                for _ in 0..<200 { statuses.append(try await client.get("/v1/account").status) }
                seen.append(statuses)
            }
        }
        #expect(seen[0] == seen[1])
        #expect((20...60).contains(seen[0].filter { $0 == 503 }.count))
        #expect((8...36).contains(seen[0].filter { $0 == 500 }.count))
    }

    @Test("more than 25 a second on one endpoint and 100 on one account are refused with their reason")
    func limits() async throws {
        try await withSandbox(history, limits: .documented) { server, client, _ in
            let paths = ["/v1/account"] + ["/v1/invoices", "/v1/payment_intents", "/v1/events"].map { $0 + "?limit=1" }
            var reasons: [String: Int] = [:]
            for path in paths + ["/v1/customers/cus_x"] {
                try await withThrowingTaskGroup(of: RawAnswer.self) { group in
                    for _ in 0..<30 { group.addTask { try await client.get(path) } }
                    for try await answer in group where answer.status == 429 {
                        reasons[answer.headers["stripe-rate-limited-reason"] ?? "none", default: 0] += 1
                        #expect(answer.headers["retry-after"] == nil)
                    }
                }
            }
            let counts = try #require(server.statistics.accounts["default"])
            #expect(counts.total == 150)
            #expect(counts.refused == reasons.values.reduce(0, +))
            #expect(reasons["endpoint-rate", default: 0] >= 5)
            #expect(counts.maxPerSecond <= 150 && counts.maxPerSecondAndEndpoint <= 30)
            try await Task.sleep(for: .milliseconds(1_100))
            #expect(try await client.get("/v1/account").status == 200)
        }
    }

    @Test("latency is added to every answer")
    func latency() async throws {
        let latency = SandboxLatency(fixedMilliseconds: 80, jitterMilliseconds: 40)
        try await withSandbox(latency: latency) { _, client, _ in
            let clock = ContinuousClock()
            let taken = try await clock.measure { _ = try await client.get("/v1/account") }
            #expect(taken >= .milliseconds(80))
        }
    }

    @Test("an idempotency key is answered once, replayed after, and refused for anything else")
    func idempotency() async throws {
        try await withSandbox { server, client, _ in
            let key = ["Idempotency-Key": "k-1"]
            let first = try await client.answer("POST", "/v1/customers", form: "name=a", headers: key)
            let again = try await client.answer("POST", "/v1/customers", form: "name=a", headers: key)
            #expect(first.body == again.body)
            #expect(first.headers["idempotent-replayed"] == nil && again.headers["idempotent-replayed"] == "true")
            #expect(again.headers["original-request"] == first.headers["request-id"])
            #expect(again.headers["request-id"] != first.headers["request-id"])
            let other = try await client.answer("POST", "/v1/customers", form: "name=b", headers: key)
            #expect(other.status == 400)
            #expect(try other.decoded(ErrorBody.self).error.type == "idempotency_error")
            let bad = try await client.answer(
                "POST", "/v1/customers", form: "colour=red", headers: ["Idempotency-Key": "k-2"])
            #expect(bad.status == 400)
            let fixed = try await client.answer(
                "POST", "/v1/customers", form: "name=c", headers: ["Idempotency-Key": "k-2"])
            #expect(fixed.status == 200, "a refused validation does not use the key up")
            let long = ["Idempotency-Key": String(repeating: "x", count: 256)]
            #expect(try await client.answer("POST", "/v1/customers", form: "name=d", headers: long).status == 400)
            server.clock.advance(bySeconds: 25 * 3_600)
            let late = try await client.answer("POST", "/v1/customers", form: "name=e", headers: key)
            #expect(late.status == 200 && late.body != first.body)
        }
    }

    @Test("two requests with one key at the same time: the second is told so")
    func concurrentKey() async throws {
        try await withSandbox(latency: SandboxLatency(fixedMilliseconds: 4_000)) { server, client, _ in
            let key = ["Idempotency-Key": "k-3"]
            async let first = client.answer("POST", "/v1/customers", form: "name=a", headers: key)
            while server.statistics.total == 0 { try await Task.sleep(for: .milliseconds(5)) }
            async let second = client.answer("POST", "/v1/customers", form: "name=a", headers: key)
            let (one, two) = try await (first, second)
            #expect(one.status == 200)
            #expect(two.status == 409)
            #expect(try two.decoded(ErrorBody.self).error.code == "idempotency_key_in_use")
        }
    }

    @Test("an answer that was lost is found again under its key, a 500 as well")
    func lostAnswer() async throws {
        let faults = SandboxFaults(scripts: [
            .init(.resetAfter, pathContains: "/v1/customers"), .init(.serverError, pathContains: "/v1/invoiceitems"),
        ])
        try await withSandbox(faults: faults) { _, client, _ in
            let key = ["Idempotency-Key": "k-4"]
            #expect(await client.send("POST", "/v1/customers", form: "name=a", headers: key) == .reset)
            let again = try await client.answer("POST", "/v1/customers", form: "name=a", headers: key)
            #expect(again.headers["idempotent-replayed"] == "true")
            #expect(try await client.page("/v1/events?type=customer.created").data.count == 1)
            let item = ["Idempotency-Key": "k-5"]
            for _ in 0..<2 {
                let broken = try await client.answer("POST", "/v1/invoiceitems", form: "amount=1", headers: item)
                #expect(broken.status == 500)
            }
        }
    }

    @Test("keys decide who asks and what he may")
    func keys() async throws {
        try await withSandbox(history) { server, client, _ in
            var other = client
            other.key = ""
            #expect(try await other.get("/v1/account").status == 401)
            other.key = "sk_test_of_somebody_else"
            let refused = try await other.get("/v1/account")
            #expect(refused.status == 401 && refused.headers["request-id"] == nil)
            #expect(refused.headers["www-authenticate"] == "Bearer realm=\"Stripe\"")
            #expect(try refused.decoded(ErrorBody.self).error.message.hasSuffix("************else"))
            other.key = "pk_test_anything_at_all"
            #expect(try await other.get("/v1/account").decoded(ErrorBody.self).error.code == "secret_key_required")
            other.key = "rk_test_sandbox_default"
            #expect(try await other.get("/v1/invoices").status == 200)
            #expect(try await other.answer("POST", "/v1/customers", form: "name=x").status == 403)
            other.key = client.key
            other.version = "1999-01-01"
            #expect(try await other.get("/v1/account").status == 400)
            #expect(server.statistics.unauthenticated == 3)
        }
    }

    @Test("statistics know every request where they are asked to")
    func statistics() async throws {
        try await withSandbox(history, records: true) { server, client, _ in
            _ = try await client.get("/v1/invoices?limit=2")
            _ = try await client.get("/v1/invoices/in_x")
            let log = server.statistics.log
            #expect(log.map(\.path) == ["/v1/invoices?limit=2", "/v1/invoices/in_x"])
            #expect(log.map(\.status) == [200, 404])
            let requests = server.statistics.accounts["default"]?.requests
            #expect(requests == ["GET /v1/invoices": 1, "GET /v1/invoices/{invoice}": 1])
        }
    }

    @Test("flags are read, and a wrong one names what there is")
    func flags() throws {
        var faults = SandboxFaults.none
        try faults.add(flag: "429=0.02")
        try faults.add(flag: "reset_after=0.5")
        #expect(faults.rates == [.rateLimited: 0.02, .resetAfter: 0.5])
        for bad in ["429", "430=0.1", "429=2", "429=x", "500=0.9"] {
            #expect(throws: SandboxFlagError.self) { try faults.add(flag: bad) }
        }
        #expect(try SandboxLimits(flag: "documented") == .documented)
        #expect(throws: SandboxFlagError.self) { try SandboxLimits(flag: "many") }
    }
}
