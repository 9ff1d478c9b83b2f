import Foundation
import Sandbox
import Support
import Testing

private let now: Int64 = 1_790_000_000

@Suite("Webhooks")
struct WebhookTests {
    /// A sandbox and an endpoint that hears of invoices.
    private func withEndpoint(
        _ policy: SandboxDeliveryPolicy = SandboxDeliveryPolicy(), events: [String] = ["invoice.*"],
        history: SandboxHistory = .empty, apiVersion: SandboxAPIVersion? = nil,
        status: @escaping @Sendable (Int, RawReceiver.Taken) -> Int = { _, _ in 200 },
        _ body: (SandboxServer, RawClient, World, RawReceiver) async throws -> Void
    ) async throws {
        let receiver = try RawReceiver(status: status)
        defer { receiver.stop() }
        try await withSandbox(history) { server, client, world in
            try world.subscribe(
                SandboxWebhook(url: receiver.url, events: events, apiVersion: apiVersion, policy: policy))
            try await body(server, client, world, receiver)
        }
    }

    /// Events of invoices, oldest first, in the order in which they were written.
    private func events(_ client: RawClient, _ query: String = "") async throws -> [String] {
        try await client.page("/v1/events?limit=100&type=invoice.*\(query)").data.reversed().map(\.id)
    }

    @Test("every wanted event arrives once, in order, and counts as delivered")
    func prompt() async throws {
        try await withEndpoint { _, client, world, receiver in
            let draft = try world.insert(SandboxInvoiceDraft(amount: 700))
            try world.pay(draft)
            _ = try world.insertPaymentIntent(amount: 700)
            #expect(await world.settleWebhooks())
            let ids = try await events(client)
            #expect(ids.count > 5 && receiver.all.map(\.id) == ids)
            #expect(receiver.all.allSatisfy { $0.headers["stripe-signature"]?.hasPrefix("t=") == true })
            #expect(receiver.all.allSatisfy { $0.path == "/hook" && $0.body.contains("\"pending_webhooks\": 1") })
            #expect(try await events(client, "&delivery_success=true") == ids)
            #expect(try await client.get("/v1/events/\(ids[0])").body.contains("\"pending_webhooks\": 0"))
            #expect(world.deliveries.allSatisfy { $0.status == 200 && $0.wasSent && $0.attempt == 0 })
        }
    }

    @Test("an endpoint gets its own version, whatever the account has")
    func version() async throws {
        try await withEndpoint(apiVersion: .dahlia) { _, client, world, receiver in
            try world.pay(try world.insert(SandboxInvoiceDraft(amount: 700)))
            await world.settleWebhooks()
            let paid = try #require(receiver.all.first { $0.type == "invoice.paid" })
            #expect(paid.body.contains("\"api_version\": \"2026-07-29.dahlia\""))
            #expect(paid.body.contains("\"parent\": null") && !paid.body.contains("\"payment_intent\""))
            let listed = try await client.get("/v1/events/\(paid.id)").body
            #expect(listed.contains("\"api_version\": \"2023-10-16\"") && listed.contains("\"payment_intent\""))
        }
    }

    @Test("a failing endpoint is tried again; until it answers, the event is undelivered")
    func retries() async throws {
        let policy = SandboxDeliveryPolicy(retryMilliseconds: [20, 40])
        let statuses: @Sendable (Int, RawReceiver.Taken) -> Int = { number, _ in [500, 0, 204][min(number, 2)] }
        try await withEndpoint(policy, events: ["invoice.created"], status: statuses) { _, client, world, receiver in
            _ = try world.insert(SandboxInvoiceDraft(amount: 700))
            await world.settleWebhooks()
            #expect(world.deliveries.map(\.status) == [500, 0, 204])
            #expect(world.deliveries.map(\.attempt) == [0, 1, 2])
            #expect(Set(receiver.all.map(\.id)).count == 1)
            #expect(try await events(client, "&delivery_success=false").isEmpty)
        }
        let never: @Sendable (Int, RawReceiver.Taken) -> Int = { _, _ in 500 }
        try await withEndpoint(policy, status: never) { _, client, world, receiver in
            let id = try world.insert(SandboxInvoiceDraft(amount: 700))
            await world.settleWebhooks()
            let failed = try await events(client, "&delivery_success=false")
            #expect(failed.count == 1 && receiver.all.count == 3)
            #expect(world.resend(failed) == 1)
            await world.settleWebhooks()
            #expect(receiver.all.count == 6 && world.invoice(id)?.status == .draft)
        }
    }

    /// Eight drafts, so eight events.
    private func fill(_ world: World) throws {
        for amount in 1...8 { _ = try world.insert(SandboxInvoiceDraft(amount: Int64(amount))) }
    }

    @Test("what is dropped never leaves, and what comes after the stop neither")
    func losses() async throws {
        for policy in [SandboxDeliveryPolicy(dropRate: 1), SandboxDeliveryPolicy(stopAfter: 3)] {
            try await withEndpoint(policy) { _, client, world, receiver in
                try fill(world)
                await world.settleWebhooks()
                let sent = policy.stopAfter ?? 0
                #expect(receiver.all.count == sent)
                let ids = try await events(client)
                #expect(try await events(client, "&delivery_success=false") == Array(ids.dropFirst(sent)))
                #expect(world.deliveries.filter { !$0.wasSent }.count == 8 - sent)
            }
        }
    }

    @Test("duplicates come twice and count once")
    func duplicates() async throws {
        try await withEndpoint(SandboxDeliveryPolicy(duplicateRate: 1)) { _, client, world, receiver in
            try fill(world)
            await world.settleWebhooks()
            #expect(receiver.all.map(\.id) == (try await events(client)).flatMap { [$0, $0] })
            #expect(try await events(client, "&delivery_success=true").count == 8)
        }
    }

    @Test("an answer that is lost leads to another attempt, though the first one arrived")
    func lostAnswers() async throws {
        let policy = SandboxDeliveryPolicy(lostAnswerRate: 1, retryMilliseconds: [10])
        try await withEndpoint(policy) { _, client, world, receiver in
            try fill(world)
            await world.settleWebhooks()
            #expect(receiver.all.count == 16)
            #expect(try await events(client, "&delivery_success=false").count == 8)
        }
    }

    @Test("order is lost when policy says so, and nothing else")
    func order() async throws {
        for policy in [
            SandboxDeliveryPolicy(reorderRate: 0.5),
            SandboxDeliveryPolicy(delayRate: 0.5, delayMilliseconds: 100...200),
        ] {
            try await withEndpoint(policy) { _, client, world, receiver in
                try fill(world)
                await world.settleWebhooks()
                let ids = try await events(client)
                #expect(receiver.all.map(\.id) != ids && receiver.all.count == 8)
                #expect(Set(receiver.all.map(\.id)) == Set(ids))
                #expect(try await events(client, "&delivery_success=false").isEmpty)
            }
        }
    }

    @Test("the same seed loses the same events, another seed others")
    func determinism() async throws {
        var lost: [[Int]] = []
        for seed in [4, 4, 5] as [UInt64] {
            try await withEndpoint(SandboxDeliveryPolicy(seed: seed, dropRate: 0.4)) { _, client, world, receiver in
                for _ in 0..<3 { try fill(world) }
                await world.settleWebhooks()
                let arrived = Set(receiver.all.map(\.id))
                let ids = try await events(client)
                lost.append(ids.indices.filter { !arrived.contains(ids[$0]) })
            }
        }
        #expect(lost[0] == lost[1] && lost[0] != lost[2])
        #expect((3...18).contains(lost[0].count))
    }

    @Test("an outage is survived by trying again, if it does not last too long")
    func outage() async throws {
        let policy = SandboxDeliveryPolicy(retryMilliseconds: [10, 10, 2_000])
        try await withEndpoint(policy) { _, client, world, receiver in
            world.setWebhookOutage(true)
            try fill(world)
            while world.deliveries.count < 8 { try await Task.sleep(for: .milliseconds(2)) }
            #expect(try await events(client, "&delivery_success=false").count == 8)
            world.setWebhookOutage(false)
            await world.settleWebhooks()
            #expect(receiver.all.count == 8)
            #expect(try await events(client, "&delivery_success=false").isEmpty)
        }
    }

    @Test("what is meant to fail or to be lost is not sent")
    func deliveries() async throws {
        try await withEndpoint { _, client, world, receiver in
            let id = try world.insert(SandboxInvoiceDraft(amount: 700), delivery: .lost)
            try world.finalize(id, delivery: .undelivered)
            await world.settleWebhooks()
            #expect(receiver.all.isEmpty)
            #expect(try await events(client, "&delivery_success=false").count == 2)
        }
    }

    @Test("what the history has in store is sent when the clock gets there")
    func timePasses() async throws {
        let history = SandboxHistory.plain(
            seed: 3, invoices: 40, paymentIntents: 0, fromSeconds: now - 86_400, toSeconds: now + 86_400)
        try await withEndpoint(history: history) { server, client, world, receiver in
            #expect(receiver.all.isEmpty)
            server.clock.advance(bySeconds: 43_200)
            await world.settleWebhooks()
            let ids = try await events(client, "&created[gt]=\(now)&delivery_success=true")
            let undelivered = try await events(client, "&created[gt]=\(now)&delivery_success=false")
            #expect(ids.count > 5 && receiver.all.map(\.id) == ids)
            server.clock.advance(bySeconds: 1)
            server.clock.set(seconds: now)
            server.clock.set(seconds: now + 43_201)
            await world.settleWebhooks()
            #expect(Set(receiver.all.map(\.id)).isDisjoint(with: undelivered))
            #expect(Set(receiver.all.map(\.id)).count == receiver.all.count, "nothing is sent again")
        }
    }

    @Test(
        "webhooks stay on this machine",
        arguments: [
            "https://127.0.0.1:80/", "http://example.com/hook", "http://10.0.0.1:80/", "http://127.0.0.1.example.com/",
            "http://127.0.0.1@example.com/", "http://localhost:0/", "http://[::2]:80/", "ftp://localhost/", "localhost",
            "http://127.0.0.1:80/a b", "http://127.0.0.1:80/\r\nX: y",
        ])
    func loopback(url: String) async throws {
        try await withSandbox { _, _, world in
            #expect(throws: SandboxStartError.self) { try world.subscribe(SandboxWebhook(url: url)) }
        }
        var account = SandboxAccount.default()
        account.webhooks = [SandboxWebhook(url: url)]
        await #expect(throws: SandboxStartError.self) {
            _ = try await SandboxServer.start(SandboxConfiguration(accounts: [account], clockSeconds: now))
        }
    }

    @Test(
        "signature and version of every event are what Stripe's library and specification expect",
        .enabled(if: StripeFiles.areTested, "\(StripeFiles.reason)"))
    func library() async throws {
        let receiver = try RawReceiver()
        defer { receiver.stop() }
        for version in SandboxAPIVersion.allCases {
            var account = SandboxAccount.default()
            account.webhooks = [SandboxWebhook(url: receiver.url, apiVersion: version, secret: "whsec_\(version)")]
            let server = try await SandboxServer.start(
                SandboxConfiguration(accounts: [account], clockSeconds: now))
            let world = try server.world(of: "default")
            let invoice = try world.insert(SandboxInvoiceDraft(amount: 900, metadata: ["a": "Zoë \"x\""]))
            try world.pay(invoice)
            try world.credit(invoice, amount: 100, refunds: true)
            let intent = try world.insertPaymentIntent(amount: 500)
            try world.confirm(paymentIntent: intent, .declined(.lostCard))
            try world.confirm(paymentIntent: intent, .succeeds)
            try world.dispute(intent)
            #expect(await server.settleWebhooks())
            await server.stop()
        }
        #expect(receiver.all.count > 30)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("webhooks-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        try JSONEncoder().encode(receiver.all).write(to: file)
        let report = try await Python.run(
            "check_webhooks.py",
            environment: ["WEBHOOKS": file.path, "STRIPE_SHARED": try StripeFiles.path()])
        #expect(report.status == 0, "\(report.output)")
    }
}
