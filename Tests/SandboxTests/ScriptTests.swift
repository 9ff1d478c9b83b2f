import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000

private let history = SandboxHistory.plain(
    seed: 5, invoices: 200, paymentIntents: 50, fromSeconds: now - 20 * 86_400, toSeconds: now, skew: .even)

@Suite("Scripts and time")
struct ScriptTests {
    private func withScripts(
        _ scripts: [SandboxScript], runs: Bool = false,
        _ body: (SandboxServer, RawClient, World) async throws -> Void
    ) async throws {
        let server = try await SandboxServer.start(
            SandboxConfiguration(
                accounts: [.default(history: history)], clockSeconds: now, clockRuns: runs, scripts: scripts))
        do {
            try await body(server, RawClient(port: server.port), try server.world(of: "default"))
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    @Test("the cursor vanishes after the second page, and not before")
    func cursor() async throws {
        let script = SandboxScript(account: "default", list: "/v1/invoices", page: 2, [.erase(.cursor)])
        try await withScripts([script]) { server, client, world in
            let first = try await client.page("/v1/invoices?limit=5")
            let second = try await client.page("/v1/invoices?limit=5&starting_after=\(first.ids[4])")
            #expect(second.ids.count == 5)
            let third = try await client.get("/v1/invoices?limit=5&starting_after=\(second.ids[4])")
            #expect(third.status == 400)
            #expect(try third.decoded(ErrorBody.self).error.param == "starting_after")
            #expect(world.invoice(second.ids[4]) == nil)
            let done = try #require(server.scripted.first)
            #expect(done.account == "default" && done.list == "/v1/invoices" && done.page == 2)
            #expect(done.id == second.ids[4] && done.refusal == nil && server.scripted.count == 1)
        }
    }

    @Test("pay, void, delete, insert and more, ahead of the reader and behind him")
    func actions() async throws {
        let script = SandboxScript(
            account: "default", list: "/v1/invoices", page: 1, queryContains: "limit=100",
            [
                .pay(.ahead(.open)), .void(.behind(.open)), .delete(.ahead(.draft)),
                .insert(SandboxInvoiceDraft(amount: 700, createdSeconds: now - 86_400)), .void(.ahead(.paid)),
                .run { world, ids in _ = try world.insertPaymentIntent(amount: Int64(ids.count)) },
                .advanceClock(seconds: 60), .finalize(.row(1_000)),
            ])
        try await withScripts([script]) { server, client, world in
            let all = world.allInvoices()
            let edge = all[120].id
            _ = try await client.page("/v1/invoices?limit=10")
            #expect(server.scripted.isEmpty, "another query")
            let page = try await client.page("/v1/invoices?limit=100&starting_after=\(edge)")
            let done = server.scripted
            #expect(done.count == 8)
            let paid = try #require(done[0].id), void = try #require(done[1].id)
            #expect(!page.ids.contains(paid) && world.invoice(paid)?.status == .paid)
            #expect(!page.ids.contains(void) && world.invoice(void)?.status == .void)
            #expect(done[0].refusal == nil && done[1].refusal == nil)
            if let draft = done[2].id, done[2].refusal == nil { #expect(world.invoice(draft) == nil) }
            #expect(done[3].id.flatMap { world.invoice($0) }?.total == 700)
            #expect(done[4].refusal?.contains("cannot be voided") == true)
            #expect(world.allPaymentIntents().contains { $0.amount == 100 })
            #expect(server.clock.nowSeconds == now + 60)
            #expect(done[7].refusal == "there is no such object")
        }
    }

    @Test("the cursor of a list of payment intents vanishes as well")
    func intentCursor() async throws {
        let script = SandboxScript(account: "default", list: "/v1/payment_intents", page: 1, [.erase(.cursor)])
        try await withScripts([script]) { server, client, world in
            // Only an intent of its own can vanish alone.
            let id = try world.insertPaymentIntent(amount: 500)
            let page = try await client.page("/v1/payment_intents?limit=1")
            #expect(page.ids == [id] && world.paymentIntent(id) == nil)
            #expect(try await client.get("/v1/payment_intents?starting_after=\(id)").status == 400)
            #expect(server.scripted.first?.refusal == nil)
        }
    }

    @Test("the same script gives the same end")
    func determinism() async throws {
        let script = SandboxScript(
            account: "default", list: "/v1/payment_intents", page: 3, [.cancel(.first), .succeed(.cursor)])
        var ends: [[SandboxScript.Done]] = []
        for _ in 0..<2 {
            try await withScripts([script]) { server, client, _ in
                for _ in 0..<3 { _ = try await client.page("/v1/payment_intents?limit=4") }
                ends.append(server.scripted)
            }
        }
        #expect(ends[0] == ends[1] && ends[0].count == 2)
    }

    @Test("a script about an account that is not there is refused")
    func stray() async throws {
        let script = SandboxScript(account: "medflyt", list: "/v1/invoices", page: 1, [])
        await #expect(throws: SandboxStartError.self) { try await withScripts([script]) { _, _, _ in } }
    }

    @Test("a draft with auto_advance is finalized after its hour, at its own second")
    func autoAdvance() async throws {
        try await withScripts([]) { server, client, world in
            let draft = try world.insert(SandboxInvoiceDraft(amount: 700, autoAdvance: true))
            let plain = try world.insert(SandboxInvoiceDraft(amount: 700))
            let gone = try world.insert(SandboxInvoiceDraft(amount: 700, autoAdvance: true))
            let expected = "\"automatically_finalizes_at\": \(now + 3_601)"
            var newer = client
            newer.version = "2026-07-29.dahlia"
            #expect(try await newer.get("/v1/invoices/\(draft)").body.contains(expected))
            try world.deleteDraft(gone)
            server.clock.advance(bySeconds: 3_600)
            #expect(world.invoice(draft)?.status == .draft)
            let late = try await client.answer("POST", "/v1/invoices/\(plain)", form: "auto_advance=true")
            #expect(late.status == 200)
            server.clock.advance(bySeconds: 3_600)
            #expect(world.invoice(draft)?.status == .open)
            #expect(world.invoice(draft)?.finalizedSeconds == now + 3_601)
            #expect(world.invoice(plain)?.status == .draft)
            server.clock.advance(bySeconds: 1)
            #expect(world.invoice(plain)?.status == .open && world.invoice(gone) == nil)
            let types = try await client.page("/v1/events?limit=100&created[gte]=\(now + 3_601)").data.compactMap(
                \.type)
            #expect(types.filter { $0 == "invoice.finalized" }.count == 2)
            server.clock.set(seconds: now)
            server.clock.set(seconds: now + 86_400)
            #expect(world.invoice(draft)?.finalizedSeconds == now + 3_601, "once is enough")
        }
    }

    @Test("a clock that runs goes on by itself and lets things happen")
    func runningClock() async throws {
        try await withScripts([], runs: true) { server, _, world in
            let draft = try world.insert(SandboxInvoiceDraft(amount: 700, autoAdvance: true))
            server.clock.advance(bySeconds: 3_596)
            #expect(world.invoice(draft)?.status == .draft)
            let deadline = ContinuousClock.now.advanced(by: .seconds(20))
            while world.invoice(draft)?.status == .draft, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(world.invoice(draft)?.status == .open)
            #expect(server.clock.nowSeconds >= now + 3_601)
        }
    }
}
