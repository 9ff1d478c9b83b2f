import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000

private let history = SandboxHistory.plain(
    seed: 9, invoices: 60, paymentIntents: 60, fromSeconds: now - 20 * 86_400, toSeconds: now, skew: .bursts)

/// As much of charges, refunds, disputes and credit notes as these tests look at.
private struct Money: Decodable {
    struct Row: Decodable, Hashable {
        var id: String
        var created: Int64
        var amount: Int64
        var amountRefunded: Int64?
        var disputed: Bool?
        var charge: String?
        var invoice: String?
        var paymentIntent: String?
        var status: String
        var type: String?

        private enum CodingKeys: String, CodingKey {
            case id, created, amount, disputed, charge, invoice, status, type
            case amountRefunded = "amount_refunded"
            case paymentIntent = "payment_intent"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case data
        case hasMore = "has_more"
    }

    var data: [Row]
    var hasMore: Bool
}

@Suite("Payments")
struct PaymentTests {
    /// All rows of a list, newest first.
    private func walk(
        _ client: RawClient, _ path: String, limit: Int, query: String = ""
    ) async throws -> [Money.Row] {
        var rows: [Money.Row] = []
        var cursor = ""
        while true {
            let page = try await client.get("\(path)?limit=\(limit)\(query)\(cursor)").decoded(Money.self)
            rows += page.data
            guard page.hasMore, let last = page.data.last else { return rows }
            cursor = "&starting_after=\(last.id)"
        }
    }

    /// A number from a seeded stream, the same on every machine.
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % sides
        }
    }

    /// Does something by chance; what the state does not allow is refused and changes nothing.
    private func disturb(_ world: World, _ intents: inout [String], _ invoices: inout [String], _ dice: inout Dice) {
        let intent = intents[dice.roll(intents.count)]
        let invoice = invoices[dice.roll(invoices.count)]
        let amount = Int64(1 + dice.roll(900))
        do {
            switch dice.roll(12) {
            case 0: intents.append(try world.insertPaymentIntent(amount: 1_000))
            case 1: try world.confirm(paymentIntent: intent, .declined(.expiredCard))
            case 2: try world.confirm(paymentIntent: intent, .processes)
            case 3: try world.succeed(paymentIntent: intent)
            case 4: try world.cancel(paymentIntent: intent)
            case 5, 6: try world.refund(intent, amount: dice.roll(3) == 0 ? nil : amount)
            case 7: try world.dispute(intent)
            case 8:
                invoices.append(try world.insert(SandboxInvoiceDraft(amount: 5_000)))
                try world.finalize(invoices[invoices.count - 1])
            case 9: try world.pay(invoice)
            case 10: try world.credit(invoice, amount: amount, refunds: dice.roll(2) == 0)
            default:
                if let paid = world.invoice(invoice)?.paymentIntentID { try world.refund(paid, amount: amount) }
            }
        } catch {
            #expect((400..<500).contains(error.status), "not one of Stripe's refusals: \(error)")
        }
    }

    @Test(
        "whatever happens to payments, the lists are whole and their sums agree",
        arguments: Array(1...8) as [UInt64])
    func balance(seed: UInt64) async throws {
        try await withSandbox(history) { server, client, world in
            var client = client
            client.version = "2026-07-29.dahlia"
            var dice = Dice(state: seed)
            var intents = world.allPaymentIntents().map(\.id)
            var invoices = world.allInvoices().map(\.id)
            for _ in 0..<300 {
                server.clock.advance(bySeconds: Int64(dice.roll(3)))
                disturb(world, &intents, &invoices, &dice)
            }
            let charges = try await walk(client, "/v1/charges", limit: 7)
            let refunds = try await walk(client, "/v1/refunds", limit: 100)
            let disputes = try await walk(client, "/v1/disputes", limit: 3)
            let notes = try await walk(client, "/v1/credit_notes", limit: 100)
            #expect(refunds.count > 10 && notes.count > 3 && !disputes.isEmpty)
            for rows in [charges, refunds, disputes, notes] {
                #expect(Set(rows.map(\.id)).count == rows.count)
                #expect(rows.map(\.created) == rows.map(\.created).sorted(by: >))
            }
            try await expectWhole(charges, world, intents, invoices)
            for charge in charges {
                let given = refunds.filter { $0.charge == charge.id }.reduce(0) { $0 + $1.amount }
                #expect(charge.amountRefunded == given && given <= charge.amount)
                #expect(charge.disputed == disputes.contains { $0.charge == charge.id })
            }
            for invoice in invoices.compactMap({ world.invoice($0) }) {
                let credited = notes.filter { $0.invoice == invoice.id }
                let before = credited.filter { $0.type == "pre_payment" }.reduce(0) { $0 + $1.amount }
                #expect(invoice.amountDue == invoice.total - before)
                #expect(credited.reduce(0) { $0 + $1.amount } <= invoice.total)
            }
            let middle = charges[charges.count / 2].created
            let halves =
                try await walk(client, "/v1/charges", limit: 100, query: "&created[gte]=\(middle)")
                + walk(client, "/v1/charges", limit: 100, query: "&created[lt]=\(middle)")
            #expect(halves == charges)
        }
    }

    /// Every attempt of every intent is one charge.
    private func expectWhole(
        _ charges: [Money.Row], _ world: World, _ intents: [String], _ invoices: [String]
    ) async throws {
        let ofInvoices = invoices.compactMap { world.invoice($0)?.paymentIntentID }
        let known = (intents + ofInvoices).compactMap { world.paymentIntent($0) }
        let counts = Dictionary(grouping: charges) { $0.paymentIntent ?? "" }.mapValues(\.count)
        for intent in known { #expect(counts[intent.id, default: 0] == intent.attempts) }
        #expect(charges.count == known.reduce(0) { $0 + $1.attempts })
        let ids = Set(charges.map(\.id))
        for intent in known { #expect(intent.latestChargeID.map { ids.contains($0) } ?? true) }
    }

    @Test("what becomes of an intent writes its events in order")
    func events() async throws {
        try await withSandbox { _, client, world in
            let id = try world.insertPaymentIntent(amount: 900)
            try world.confirm(paymentIntent: id, .requiresAction)
            try world.confirm(paymentIntent: id, .declined(.insufficientFunds))
            #expect(world.paymentIntent(id)?.isDeclined == true)
            try world.confirm(paymentIntent: id, .processes)
            #expect(world.paymentIntent(id)?.isDeclined == false)
            try world.fail(paymentIntent: id)
            try world.confirm(paymentIntent: id, .succeeds)
            let dispute = try world.dispute(id)
            #expect(throws: SandboxError.self) { try world.refund(id) }
            try world.setDispute(dispute, .won)
            try world.refund(id, amount: 100)
            let types = try await client.page("/v1/events?limit=100").data.reversed().compactMap(\.type)
            #expect(
                types == [
                    "payment_intent.created", "payment_intent.requires_action", "charge.failed",
                    "payment_intent.payment_failed", "charge.pending", "payment_intent.processing", "charge.failed",
                    "payment_intent.payment_failed", "charge.succeeded", "payment_intent.succeeded",
                    "charge.dispute.created", "charge.dispute.closed", "refund.created", "charge.refunded",
                ])
        }
    }

    @Test("an intent of a Checkout session, of an invoice, or with money under way is not cancelled")
    func refusedCancels() async throws {
        try await withSandbox { _, client, world in
            let session = try world.insertPaymentIntent(amount: 900, hasCheckoutSession: true)
            let transfer = try world.insertPaymentIntent(amount: 900, status: .processing)
            let draft = try world.insert(SandboxInvoiceDraft(amount: 900))
            try world.finalize(draft)
            let ofInvoice = try #require(world.invoice(draft)?.paymentIntentID)
            for id in [session, transfer, ofInvoice] {
                let answer = try await client.answer("POST", "/v1/payment_intents/\(id)/cancel", form: "")
                #expect(answer.status == 400)
                #expect(try answer.decoded(ErrorBody.self).error.code == "payment_intent_unexpected_state")
                #expect(world.paymentIntent(id)?.status != .canceled)
            }
            let sessions = try await client.get("/v1/checkout/sessions?payment_intent=\(session)")
            #expect(sessions.status == 200 && sessions.body.contains("\"payment_intent\": \"\(session)\""))
            let none = try await client.page("/v1/checkout/sessions?payment_intent=\(transfer)")
            #expect(none.data.isEmpty)
            let free = try world.insertPaymentIntent(amount: 900)
            #expect(try await client.answer("POST", "/v1/payment_intents/\(free)/cancel", form: "").status == 200)
        }
    }

    @Test("a deleted cursor of a list of charges is refused as every other")
    func cursors() async throws {
        try await withSandbox(history) { _, client, world in
            for (path, noun) in [
                ("charges", "charge"), ("refunds", "refund"), ("disputes", "dispute"), ("credit_notes", "credit note"),
            ] {
                let answer = try await client.get("/v1/\(path)?starting_after=xx_1")
                #expect(answer.status == 400)
                let fault = try answer.decoded(ErrorBody.self).error
                #expect(fault.param == "starting_after" && fault.message == "No such \(noun): 'xx_1'")
            }
        }
    }
}
