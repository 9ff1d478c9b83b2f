import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000

/// What pays invoices besides their own payment intents, and what lists leave out.
@Suite("Payments by charges alone, by intents of several invoices, and elsewhere")
struct InvoiceSourcesTests {
    private struct Row: Decodable {
        struct Payment: Decodable {
            var type: String
            var intent: String?
            var charge: String?
            var record: String?

            private enum CodingKeys: String, CodingKey {
                case type, charge
                case intent = "payment_intent"
                case record = "payment_record"
            }
        }

        var id: String
        var status: String?
        var amount: Int64?
        var amountPaid: Int64?
        var charge: String?
        var invoice: String?
        var intent: String?
        var payment: Payment?

        private enum CodingKeys: String, CodingKey {
            case id, status, amount, charge, invoice, payment
            case amountPaid = "amount_paid"
            case intent = "payment_intent"
        }
    }

    private struct Rows: Decodable {
        var data: [Row]
    }

    static let versions = ["2023-10-16", "2026-07-29.dahlia"]

    private func rows(_ client: RawClient, _ path: String) async throws -> [Row] {
        try await client.get(path).decoded(Rows.self).data
    }

    private func row(_ client: RawClient, _ path: String) async throws -> Row {
        try await client.get(path).decoded(Row.self)
    }

    /// Open invoices over these amounts.
    private func finalized(_ amounts: [Int64], _ world: World) throws -> [String] {
        try amounts.map { amount in
            let id = try world.insert(SandboxInvoiceDraft(amount: amount))
            try world.finalize(id)
            return id
        }
    }

    @Test("a charge alone pays an invoice: no payment intent is there, listed or named", arguments: versions)
    func charge(_ version: String) async throws {
        try await withSandbox { _, client, world in
            var client = client
            client.version = version
            let isOld = version == Self.versions[0]
            let id = try #require(try finalized([900], world).first)
            let intent = try #require(world.invoice(id)?.paymentIntentID)
            let charge = try world.payByCharge(id)
            #expect(throws: SandboxError.self) { try world.payByCharge(id) }
            #expect(world.invoice(id)?.chargeID == charge && world.invoice(id)?.paymentIntentID == nil)
            #expect(world.paymentIntent(intent) == nil)
            #expect(try await client.get("/v1/payment_intents/\(intent)").status == 404)
            #expect(try await client.page("/v1/payment_intents?limit=100").ids.isEmpty)
            let refund = try world.refund(charge, amount: 100)
            let dispute = try world.dispute(charge, amount: 50)
            let whole = try await row(client, "/v1/charges/\(charge)")
            #expect(whole.intent == nil && whole.amount == 900 && whole.invoice == (isOld ? id : nil))
            for (path, made) in [("refunds", refund), ("disputes", dispute)] {
                let listed = try await rows(client, "/v1/\(path)?charge=\(charge)")
                #expect(listed.map(\.id) == [made] && listed[0].charge == charge && listed[0].intent == nil)
                #expect(try await rows(client, "/v1/\(path)?payment_intent=\(intent)").isEmpty)
            }
            let invoice = try await row(client, "/v1/invoices/\(id)")
            #expect(invoice.intent == nil && invoice.charge == (isOld ? charge : nil))
            let events = try await client.page("/v1/events?limit=100").data.compactMap(\.type)
            #expect(!events.contains("payment_intent.succeeded") && events.contains("charge.succeeded"))
            guard !isOld else { return }
            let payments = try await rows(client, "/v1/invoice_payments?invoice=\(id)")
            #expect(payments.map { $0.payment?.charge } == [charge] && payments[0].payment?.type == "charge")
            #expect(payments[0].status == "paid" && payments[0].amountPaid == 900)
            #expect(try await row(client, "/v1/invoice_payments/\(payments[0].id)").payment?.charge == charge)
            // A charge is nothing that can be asked for.
            for query in ["payment[type]=charge", "payment[type]=payment_intent&payment[charge]=\(charge)"] {
                #expect(try await client.get("/v1/invoice_payments?\(query)").status == 400)
            }
            let byIntent = try await rows(client, "/v1/invoice_payments?payment[type]=payment_intent")
            #expect(byIntent.isEmpty)
        }
    }

    @Test("an intent pays several invoices, and what was taken back of it is its own", arguments: versions)
    func together(_ version: String) async throws {
        try await withSandbox { server, client, world in
            var client = client
            client.version = version
            let isOld = version == Self.versions[0]
            let ids = try finalized([300, 500, 700], world)
            server.clock.advance(bySeconds: 10)
            let intent = try world.payTogether(Array(ids.prefix(2)))
            #expect(throws: SandboxError.self) { try world.payTogether([ids[1], ids[2]]) }
            for id in ids.prefix(2) {
                #expect(world.invoice(id)?.status == .paid && world.invoice(id)?.paymentIntentID == intent)
            }
            let made = try await row(client, "/v1/payment_intents/\(intent)")
            #expect(made.amount == 800 && made.status == "succeeded" && made.invoice == (isOld ? ids[0] : nil))
            let charge = try #require(world.paymentIntent(intent)?.latestChargeID)
            try world.refund(intent, amount: 200)
            let refunds = try await rows(client, "/v1/refunds?payment_intent=\(intent)")
            #expect(refunds.map(\.amount) == [200] && refunds[0].charge == charge)
            for id in ids.prefix(2) {
                let invoice = try await row(client, "/v1/invoices/\(id)")
                #expect(invoice.intent == (isOld ? intent : nil) && invoice.charge == (isOld ? charge : nil))
            }
            guard !isOld else { return }
            let query = "payment[type]=payment_intent&payment[payment_intent]=\(intent)"
            let paid = try await rows(client, "/v1/invoice_payments?\(query)")
            #expect(Set(paid.compactMap(\.invoice)) == Set(ids.prefix(2)))
            #expect(Set(paid.compactMap(\.amountPaid)) == [300, 500])
            #expect(paid.allSatisfy { $0.status == "paid" } && Set(paid.map(\.id)).count == 2)
            for payment in paid {
                #expect(try await row(client, "/v1/invoice_payments/\(payment.id)").invoice == payment.invoice)
                let all = try await rows(client, "/v1/invoice_payments?invoice=\(payment.invoice ?? "")")
                #expect(all.count == 2 && Set(all.compactMap(\.status)) == ["canceled", "paid"])
            }
            // One by one, all five payments are there once.
            var walked: [String] = []
            var cursor = ""
            for _ in 0..<6 {
                let page = try await client.page("/v1/invoice_payments?limit=1\(cursor)")
                walked += page.ids
                guard page.hasMore, let last = page.ids.last else { break }
                cursor = "&starting_after=\(last)"
            }
            #expect(walked.count == 5 && Set(walked).count == 5)
        }
    }

    @Test("a payment record is named in later versions, and earlier ones name nothing", arguments: versions)
    func record(_ version: String) async throws {
        try await withSandbox { _, client, world in
            var client = client
            client.version = version
            let id = try #require(try finalized([900], world).first)
            try world.payByRecord(id)
            let invoice = try await row(client, "/v1/invoices/\(id)")
            #expect(invoice.status == "paid" && invoice.intent == nil && invoice.charge == nil)
            #expect(invoice.amountPaid == 900 && world.invoice(id)?.chargeID == nil)
            #expect(try await rows(client, "/v1/charges?limit=100").isEmpty)
            guard version == Self.versions[1] else { return }
            let payments = try await rows(client, "/v1/invoice_payments?invoice=\(id)")
            #expect(payments.count == 1 && payments[0].payment?.type == "payment_record")
            let record = try #require(payments[0].payment?.record)
            let query = "payment[type]=payment_record&payment[payment_record]=\(record)"
            #expect(try await rows(client, "/v1/invoice_payments?\(query)").map(\.id) == [payments[0].id])
        }
    }

    @Test("what is left out of lists is there when it is asked for")
    func leftOut() async throws {
        let history = SandboxHistory.plain(
            seed: 9, invoices: 40, paymentIntents: 40, fromSeconds: now - 20 * 86_400, toSeconds: now, skew: .even)
        try await withSandbox(history) { _, client, world in
            let invoice = world.allInvoices()[20].id
            let intent = world.allPaymentIntents()[20].id
            for (path, id) in [("invoices", invoice), ("payment_intents", intent)] {
                let before = try await client.page("/v1/\(path)?limit=100").ids
                try world.leaveOutOfLists(id)
                let after = try await client.page("/v1/\(path)?limit=100").ids
                #expect(before.contains(id) && after == before.filter { $0 != id })
                #expect(try await client.get("/v1/\(path)/\(id)").status == 200)
            }
            #expect(throws: SandboxError.self) { try world.leaveOutOfLists("in_1none") }
        }
    }

    @Test("an account that ignores expansion names charges by their ids")
    func ignored() async throws {
        var account = SandboxAccount.default()
        account.ignoresExpansion = true
        let server = try await SandboxServer.start(SandboxConfiguration(accounts: [account], clockSeconds: now))
        let world = try server.world(of: "default")
        let client = RawClient(port: server.port)
        let charge = try world.payByCharge(try #require(try finalized([900], world).first))
        try world.refund(charge)
        let listed = try await rows(client, "/v1/refunds?expand[]=data.charge")
        #expect(listed.map(\.charge) == [charge])
        await server.stop()
    }
}
