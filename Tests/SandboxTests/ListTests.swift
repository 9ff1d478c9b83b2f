import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000

/// A server with one account, for the time of a test.
func withSandbox(
    _ history: SandboxHistory = .empty, nowSeconds: Int64 = now, limits: SandboxLimits = .none,
    latency: SandboxLatency = .none, faults: SandboxFaults = .none, records: Bool = false,
    _ body: (SandboxServer, RawClient, World) async throws -> Void
) async throws {
    let server = try await SandboxServer.start(
        SandboxConfiguration(
            accounts: [.default(history: history)], clockSeconds: nowSeconds, limits: limits, latency: latency,
            faults: faults, recordsRequests: records))
    do {
        try await body(server, RawClient(port: server.port), try server.world(of: "default"))
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

private func plain(_ invoices: Int, intents: Int = 0, days: Int64 = 40, skew: SandboxSkew = .bursts) -> SandboxHistory {
    .plain(
        seed: 11, invoices: invoices, paymentIntents: intents, fromSeconds: now - days * 86_400, toSeconds: now,
        skew: skew)
}

@Suite("Lists")
struct ListTests {
    /// Every id of a list, in the given direction.
    private func walk(
        _ client: RawClient, _ path: String, limit: Int, query: String = "", backFrom oldest: String? = nil
    ) async throws -> [String] {
        var ids: [String] = []
        var cursor = oldest
        for _ in 0..<10_000 {
            let name = oldest == nil ? "starting_after" : "ending_before"
            let place = cursor.map { "&\(name)=\($0)" } ?? ""
            let page = try await client.page("\(path)?limit=\(limit)\(query)\(place)")
            ids = oldest == nil ? ids + page.ids : page.ids + ids
            guard page.hasMore else { return ids }
            cursor = oldest == nil ? page.ids.last : page.ids.first
        }
        throw SandboxTestError("the list never ends")
    }

    /// Adds, deletes and moves invoices, some within one second of generated ones.
    private func disturb(_ world: World) throws {
        let all = world.allInvoices()
        for position in stride(from: 3, to: all.count, by: 17) {
            _ = try world.insert(SandboxInvoiceDraft(amount: 100, createdSeconds: all[position].createdSeconds))
        }
        for invoice in all where invoice.status == .draft && !invoice.isSubscription {
            try world.deleteDraft(invoice.id)
        }
        for invoice in all.filter({ $0.status == .open }).prefix(5) { try world.pay(invoice.id) }
    }

    @Test("paging gives every object exactly once, whatever the limit", arguments: [3, 10, 99, 100])
    func completeness(limit: Int) async throws {
        try await withSandbox(plain(420)) { _, client, world in
            try disturb(world)
            let expected = world.allInvoices().map(\.id)
            #expect(expected.count > 400)
            let forward = try await walk(client, "/v1/invoices", limit: limit)
            #expect(Array(forward.reversed()) == expected)
            let backward = try await walk(client, "/v1/invoices", limit: limit, backFrom: forward[forward.count - 1])
            #expect(backward == Array(forward.dropLast()))
        }
    }

    @Test("windows that meet make up the whole, however they are written")
    func windows() async throws {
        try await withSandbox(plain(300)) { _, client, world in
            try disturb(world)
            let invoices = world.allInvoices()
            let cuts = [now - 41 * 86_400, invoices[40].createdSeconds, invoices[150].createdSeconds, now + 1]
            var found: [String] = []
            for (from, to) in zip(cuts, cuts.dropFirst()) {
                let query = "&created[gte]=\(from)&created[lt]=\(to)"
                let other = "&created%5Bgt%5D=\(from - 1)&created%5Blte%5D=\(to - 1)"
                let ids = try await walk(client, "/v1/invoices", limit: 100, query: query)
                #expect(try await walk(client, "/v1/invoices", limit: 100, query: other) == ids)
                found += ids.reversed()
            }
            #expect(found == invoices.map(\.id))
            let second = invoices[150].createdSeconds
            let exact = try await walk(client, "/v1/invoices", limit: 100, query: "&created=\(second)")
            #expect(Set(exact) == Set(invoices.filter { $0.createdSeconds == second }.map(\.id)))
        }
    }

    @Test("due dates narrow a list of invoices as creation times do")
    func dueDates() async throws {
        try await withSandbox(plain(300)) { _, client, world in
            let due = world.allInvoices().filter { $0.dueSeconds != nil }
            let middle = try #require(due[due.count / 2].dueSeconds)
            let late = try await walk(client, "/v1/invoices", limit: 100, query: "&due_date[gt]=\(middle)")
            let early = try await walk(client, "/v1/invoices", limit: 100, query: "&due_date[lte]=\(middle)")
            #expect(Set(late) == Set(due.filter { $0.dueSeconds ?? 0 > middle }.map(\.id)))
            #expect(Set(early).union(late) == Set(due.map(\.id)) && early.count + late.count == due.count)
            #expect(try await client.get("/v1/invoices?due_date[around]=1").status == 400)
        }
    }

    @Test("payment intents of invoices and of their own are one list without gaps")
    func intents() async throws {
        try await withSandbox(plain(120, intents: 90)) { _, client, world in
            try disturb(world)
            let inserted = try world.insertPaymentIntent(amount: 5_000, createdSeconds: now - 86_400)
            let draft = try world.insert(SandboxInvoiceDraft(amount: 700))
            try world.finalize(draft)
            let ids = try await walk(client, "/v1/payment_intents", limit: 7)
            let ofInvoices = world.allInvoices().compactMap(\.paymentIntentID)
            #expect(Set(ids).count == ids.count)
            #expect(ids.count == 90 + 1 + ofInvoices.count)
            #expect(Set(ofInvoices).isSubset(of: ids))
            #expect(ids.contains(inserted))
            let backward = try await walk(client, "/v1/payment_intents", limit: 9, backFrom: ids[ids.count - 1])
            #expect(backward == Array(ids.dropLast()))
        }
    }

    @Test("events come once each, and filters take out what they say")
    func events() async throws {
        try await withSandbox(plain(150, intents: 40, days: 20)) { _, client, world in
            try disturb(world)
            let ids = try await walk(client, "/v1/events", limit: 23)
            #expect(Set(ids).count == ids.count)
            let backward = try await walk(client, "/v1/events", limit: 100, backFrom: ids[ids.count - 1])
            #expect(backward == Array(ids.dropLast()))
            var parts: [String] = []
            for success in [true, false] {
                parts += try await walk(client, "/v1/events", limit: 100, query: "&delivery_success=\(success)")
            }
            #expect(Set(parts) == Set(ids) && parts.count == ids.count)
            for query in [
                "&types[]=invoice.paid&types[]=invoice.voided", "&types[0]=invoice.paid&types[1]=invoice.voided",
                "&types%5B%5D=invoice.voided&types%5B%5D=invoice.paid",
            ] {
                let page = try await client.page("/v1/events?limit=100\(query)")
                #expect(Set(page.data.compactMap(\.type)) == ["invoice.paid", "invoice.voided"])
            }
        }
    }

    @Test("the same seed and the same changes give the same bytes")
    func determinism() async throws {
        var pages: [[String]] = []
        for _ in 0..<2 {
            try await withSandbox(plain(150, intents: 30)) { _, client, world in
                try disturb(world)
                var bodies: [String] = []
                for path in ["/v1/invoices", "/v1/payment_intents", "/v1/events"] {
                    bodies.append(try await client.get("\(path)?limit=100").body)
                }
                pages.append(bodies)
            }
        }
        #expect(pages[0] == pages[1])
    }

    @Test("a large history skews as promised, and finds its windows")
    func skew() async throws {
        let history = plain(200_000, days: 400)
        try await withSandbox(history) { _, client, world in
            let count = world.generatedInvoiceCount
            #expect(count == 200_000)
            let dense = now - 400 * 86_400 + Int64(0.8 * 400 * 86_400)
            let ids = try await walk(client, "/v1/invoices", limit: 100, query: "&created=\(dense)")
            #expect(ids.count >= 300 && Set(ids).count == ids.count)
            let minute = now - 400 * 86_400 + Int64(0.3 * 400 * 86_400)
            let query = "&created[gte]=\(minute)&created[lt]=\(minute + 60)"
            #expect(try await walk(client, "/v1/invoices", limit: 100, query: query).count == 5_000)
        }
    }
}
