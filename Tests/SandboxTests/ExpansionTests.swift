import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000

private let history = SandboxHistory.plain(
    seed: 21, invoices: 60, paymentIntents: 20, fromSeconds: now - 20 * 86_400, toSeconds: now, skew: .even)

@Suite("What a request expands")
struct ExpansionTests {
    private static let versions = ["2023-10-16", "2026-07-29.dahlia"]

    private func object(_ client: RawClient, _ path: String) async throws -> [String: Any] {
        let answer = try await client.get(path)
        guard answer.status == 200 else { throw SandboxTestError("\(path): \(answer.status) \(answer.body)") }
        return try #require(try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
    }

    private func rows(_ client: RawClient, _ path: String) async throws -> [[String: Any]] {
        try #require(try await object(client, path)["data"] as? [[String: Any]])
    }

    /// The same text for the same JSON.
    private func canonical(_ json: Any) throws -> String {
        let data = try JSONSerialization.data(withJSONObject: json, options: [.sortedKeys, .fragmentsAllowed])
        return String(decoding: data, as: UTF8.self)
    }

    @Test("later versions show the payments of an invoice where they are asked for, as their own list has them")
    func payments() async throws {
        try await withSandbox(history) { _, client, world in
            var client = client
            client.version = Self.versions[1]
            let draft = try world.insert(SandboxInvoiceDraft(amount: 20_000))
            let listed = try await rows(client, "/v1/invoices?limit=60&expand[]=data.payments")
            var counts: Set<Int> = []
            for row in listed {
                let id = try #require(row["id"] as? String)
                let payments = try #require(row["payments"] as? [String: Any])
                #expect(payments["object"] as? String == "list" && payments["has_more"] as? Bool == false)
                let data = try #require(payments["data"] as? [[String: Any]])
                counts.insert(data.count)
                let own = try await rows(client, "/v1/invoice_payments?invoice=\(id)")
                #expect(try canonical(data) == canonical(own))
                let alone = try await object(client, "/v1/invoices/\(id)?expand[]=payments")
                #expect(try canonical(alone) == canonical(row))
                let plain = try await object(client, "/v1/invoices/\(id)")
                var rest = row
                rest["payments"] = nil
                #expect(try canonical(plain) == canonical(rest))
            }
            #expect(counts == [0, 1])
            let moved = try await client.answer("POST", "/v1/invoices/\(draft)/finalize", form: "expand[]=payments")
            #expect(moved.status == 200 && moved.body.contains("\"payments\": {"))
        }
    }

    @Test("earlier versions have no payments in an invoice, and refuse to show them")
    func noPayments() async throws {
        try await withSandbox(history) { _, client, world in
            var client = client
            client.version = Self.versions[0]
            let id = try #require(world.allInvoices().first).id
            for path in ["/v1/invoices/\(id)?expand[]=payments", "/v1/invoices?expand[]=data.payments"] {
                let answer = try await client.get(path)
                #expect(try answer.status == 400 && answer.decoded(ErrorBody.self).error.param == "expand")
            }
        }
    }

    @Test("earlier versions count what is on all pages of a list where they are asked to")
    func totals() async throws {
        try await withSandbox(history) { _, client, world in
            var client = client
            client.version = Self.versions[0]
            let all = world.allInvoices()
            for query in ["limit=3", "limit=100", "limit=3&starting_after=\(all[10].id)"] {
                let page = try await object(client, "/v1/invoices?\(query)&expand[]=total_count")
                #expect(page["total_count"] as? Int == all.count, "\(query)")
            }
            let paid = try await object(client, "/v1/invoices?status=paid&limit=1&expand[]=total_count")
            #expect(paid["total_count"] as? Int == all.filter { $0.status == .paid }.count)
            let plain = try await object(client, "/v1/invoices?limit=3")
            #expect(plain["total_count"] == nil)
            let intents = try await object(
                client, "/v1/payment_intents?limit=1&expand[]=total_count&expand[]=data.latest_charge")
            let ofInvoices = all.filter { $0.paymentIntentID != nil }
            #expect(intents["total_count"] as? Int == world.allPaymentIntents().count + ofInvoices.count)
            let lines = try await object(client, "/v1/invoices/\(all[0].id)/lines?limit=1&expand[]=total_count")
            #expect(lines["total_count"] as? Int ?? 0 >= 1)
            let sessions = try await object(client, "/v1/checkout/sessions?payment_intent=pi_1&expand[]=total_count")
            #expect(sessions["total_count"] as? Int == 0)
        }
    }

    @Test("later versions refuse to count, with a code of its own; what is no list refuses it without")
    func noTotals() async throws {
        try await withSandbox(history) { _, client, world in
            let id = try #require(world.allInvoices().first).id
            for version in Self.versions {
                var client = client
                client.version = version
                let alone = try await client.get("/v1/invoices/\(id)?expand[]=total_count")
                #expect(try alone.status == 400 && alone.decoded(ErrorBody.self).error.code == nil)
            }
            var client = client
            client.version = Self.versions[1]
            for path in ["invoices", "events", "refunds", "invoice_payments", "invoices/\(id)/lines"] {
                let answer = try await client.get("/v1/\(path)?expand[]=total_count")
                let error = try answer.decoded(ErrorBody.self).error
                #expect(answer.status == 400 && error.param == "expand", "\(path)")
                #expect(error.code == "property_forbidden", "\(path)")
            }
        }
    }
}
