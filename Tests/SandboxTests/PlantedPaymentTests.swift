import Foundation
import Sandbox
import Testing

private let now: Int64 = 1_790_000_000
private let day: Int64 = 86_400

/// What the lists of invoices do not show: payments besides those of the invoices, and what only events tell.
@Suite("Planted payments and late events")
struct PlantedPaymentTests {
    private func credits(
        _ seed: UInt64 = 3, payments count: Int = 3, plants: [Plant] = Plant.allCases, orders: Int = 3_000
    ) throws -> CreditHistory {
        try CreditHistory(
            seed: seed, orders: orders, agencies: 20, nowSeconds: now,
            plants: Dictionary(uniqueKeysWithValues: plants.map { ($0, 2) }),
            payments: Dictionary(uniqueKeysWithValues: PaymentPlant.allCases.map { ($0, count) }))
    }

    /// What every payment intent of the period is to the orders, told from both sides alone.
    private func findings(_ history: CreditHistory, _ world: World) -> [String: Int] {
        let rows = Dictionary(
            history.localRows.compactMap { row in row.stripeInvoiceID.map { ($0, row) } }, uniquingKeysWith: { $1 })
        let ofInvoices = world.allInvoices().compactMap(\.paymentIntentID).compactMap { world.paymentIntent($0) }
        let all = (ofInvoices + world.allPaymentIntents()).filter { now - $0.createdSeconds < 35 * day }
        let paid = Dictionary(grouping: all.filter { $0.status == .succeeded }) { $0.invoiceID ?? "" }
            .mapValues(\.count)
        var counts: [String: Int] = [:]
        for intent in all {
            if let kind = kind(intent, intent.invoiceID.flatMap { rows[$0] }, paid: paid[intent.invoiceID ?? ""] ?? 0) {
                counts[kind, default: 0] += 1
            }
        }
        return counts
    }

    private func kind(_ intent: SandboxPaymentIntent, _ row: CreditRow?, paid: Int) -> String? {
        guard intent.invoiceID == nil else {
            guard intent.status == .succeeded, let row else { return nil }
            if paid > 1 { return "duplicate_in_stripe" }
            if intent.currency != row.currency { return "currency_mismatch" }
            return intent.amount == row.amountCents ? nil : "amount_mismatch"
        }
        switch intent.status {
        case .succeeded, .processing, .requiresCapture: return "missing_locally"
        case .requiresPaymentMethod, .requiresConfirmation:
            let isStale = intent.attempts == 0 && now - intent.createdSeconds > 7 * day && !intent.hasCheckoutSession
            return isStale ? "stale_intent" : nil
        case .requiresAction, .canceled: return nil
        }
    }

    @Test("the payments that no order explains are the planted ones", arguments: [1, 2, 3, 77, 1_234] as [UInt64])
    func payments(seed: UInt64) async throws {
        let history = try credits(seed)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
        let world = try server.world(of: "task_health")
        #expect(findings(history, world) == history.expectedPayments)
        #expect(history.expectedPayments["missing_locally"] == 12)
        #expect(history.expectedPayments["duplicate_in_stripe"] == 6)
        #expect(history.expectedPaymentRepairs == ["stale_intent": 6])
        #expect(Set(world.allPaymentIntents()) == Set(history.plantedIntents.values.joined()))
        for intent in world.allPaymentIntents() where intent.invoiceID != nil {
            let invoice = try #require(world.invoice(intent.invoiceID ?? ""))
            #expect(invoice.status == .paid && invoice.amountDue == intent.amount)
            #expect(intent.createdSeconds > invoice.paidSeconds ?? .max)
        }
        await server.stop()
    }

    @Test("payments change nothing about the orders, their expectations and their rows")
    func independent() throws {
        let with = try credits(5), without = try credits(5, payments: 0)
        #expect(with.expected == without.expected && with.staleDraftIDs == without.staleDraftIDs)
        #expect(Array(with.localRows) == Array(without.localRows))
        #expect(Array(with.orders.map(\.invoice)) == Array(without.orders.map(\.invoice)))
        #expect(without.plantedIntents.isEmpty && without.expectedExpiry.intentIDs.isEmpty)
    }

    @Test("what an expiry has to cancel is known, and a Checkout session's intent is refused")
    func expiry() async throws {
        let history = try credits()
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
        let world = try server.world(of: "task_health")
        let stale = (history.plantedIntents[.staleOpen] ?? []) + (history.plantedIntents[.staleConfirmation] ?? [])
        let expected = history.expectedExpiry
        #expect(Set(expected.intentIDs) == Set(stale.map(\.id)) && expected.intentIDs.count == 6)
        #expect(expected.draftIDs == history.staleDraftIDs)
        for id in expected.intentIDs { try world.cancel(paymentIntent: id) }
        for intent in history.plantedIntents[.staleCheckout] ?? [] {
            #expect(throws: SandboxError.self) { try world.cancel(paymentIntent: intent.id) }
        }
        await server.stop()
    }

    @Test("an order that only events show is old, was settled, and changed in the last days")
    func lateOrders() async throws {
        let history = try credits(plants: Plant.eventsOnly, orders: 1_500)
        #expect(
            history.expected == ["paid_after_cancel": 2, "refunded": 2, "disputed": 2, "credited": 2])
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
        let world = try server.world(of: "task_health")
        let types: [Plant: String] = [
            .paidCancelledOld: "invoice.paid", .refundedOld: "charge.refunded", .disputedOld: "charge.dispute.created",
            .creditedOld: "credit_note.created",
        ]
        var client = RawClient(port: server.port)
        client.key = "sk_test_sandbox_task_health"
        for order in history.orders {
            guard let plant = order.plant, let type = types[plant] else { continue }
            let invoice = try #require(order.invoice), row = try #require(order.row)
            #expect(now - invoice.createdSeconds > 35 * day && invoice.status == .paid)
            #expect(row.paid != (plant == .paidCancelledOld) && (row.cancelledSeconds != nil) != row.paid)
            #expect((invoice.refunded > 0) == (plant == .refundedOld))
            #expect(invoice.isDisputed == (plant == .disputedOld))
            #expect((invoice.postPaymentCredit > 0) == (plant == .creditedOld))
            let intent = try #require(world.invoice(invoice.id)?.paymentIntentID)
            let events = try await client.page("/v1/events?limit=100&type=\(type)")
            var found = false
            for event in events.data {
                let body = try await client.get("/v1/events/\(event.id)").body
                found = found || body.contains(invoice.id) || body.contains(intent)
                #expect(now - event.created < 30 * day)
            }
            #expect(found, "no \(type) about the planted \(plant)")
        }
        await server.stop()
    }

    @Test("a charge that only events show is old, was settled, and changed in the last days")
    func lateCharges() async throws {
        let history = try AgencyHistory(
            seed: 3, charges: 3_000, agencies: 20, nowSeconds: now,
            plants: Dictionary(uniqueKeysWithValues: ChargePlant.eventsOnly.map { ($0, 2) }))
        #expect(history.expected == ["paid_after_cancel": 2, "refunded": 2, "disputed": 2])
        #expect(history.expectedRepairs.isEmpty)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.medflyt(history: .agency(history))], clockSeconds: now))
        var client = RawClient(port: server.port)
        client.key = "sk_test_sandbox_medflyt"
        let types: [ChargePlant: String] = [
            .succeededCanceledOld: "payment_intent.succeeded", .refundedOld: "charge.refunded",
            .disputedOld: "charge.dispute.created",
        ]
        for charge in history.charges {
            guard let plant = charge.plant, let type = types[plant] else { continue }
            let intent = try #require(charge.intent), row = try #require(charge.row)
            #expect(now - intent.createdSeconds > 35 * day && intent.status == .succeeded)
            #expect(row.status == (plant == .succeededCanceledOld ? "canceled" : "succeeded"))
            #expect((intent.refunded > 0) == (plant == .refundedOld) && intent.isDisputed == (plant == .disputedOld))
            var cursor = ""
            var found = false
            while !found {
                let page = try await client.get("/v1/events?limit=100&type=\(type)\(cursor)")
                found = page.body.contains(intent.id)
                let last = try page.decoded(Page.self)
                guard last.hasMore, let id = last.ids.last else { break }
                cursor = "&starting_after=\(id)"
            }
            #expect(found, "no \(type) about the planted \(plant)")
        }
        await server.stop()
    }

    @Test("what was taken back after payment is listed with its intent, in both versions, of orders new and old")
    func afterPayment() async throws {
        let history = try credits(plants: Plant.afterPayment + Plant.eventsOnly, orders: 1_500)
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
        let world = try server.world(of: "task_health")
        let intents = Dictionary(grouping: history.orders.filter { $0.plant != nil }) { $0.plant ?? .paidOpen }
            .mapValues { Set($0.compactMap { $0.invoice.flatMap { world.invoice($0.id)?.paymentIntentID } }) }
        func of(_ plants: Plant...) -> Set<String> { plants.reduce(into: []) { $0.formUnion(intents[$1] ?? []) } }
        var client = RawClient(port: server.port)
        client.key = "sk_test_sandbox_task_health"
        for version in ["2023-10-16", "2026-07-29.dahlia"] {
            client.version = version
            for (path, wanted) in [
                ("refunds", of(.refunded, .refundedOld)), ("disputes", of(.disputed, .disputedOld)),
            ] {
                let listed = try await client.get("/v1/\(path)?limit=100").decoded(Reversals.self).data
                #expect(Set(listed.map(\.intent)) == wanted && wanted.count == 4, "\(path) in \(version)")
                for reversal in listed {
                    let one = try await client.get("/v1/\(path)?payment_intent=\(reversal.intent)")
                    #expect(try one.decoded(Reversals.self).data == [reversal])
                }
            }
        }
        await server.stop()
    }

    private struct Reversals: Decodable {
        struct Row: Decodable, Equatable {
            var id: String
            var amount: Int64
            var intent: String

            private enum CodingKeys: String, CodingKey {
                case id, amount
                case intent = "payment_intent"
            }
        }

        var data: [Row]
    }

    @Test("what is undelivered is known from within as it is listed")
    func undelivered() async throws {
        let history = try credits()
        let server = try await SandboxServer.start(
            SandboxConfiguration(accounts: [.taskHealth(history: .credits(history))], clockSeconds: now))
        let world = try server.world(of: "task_health")
        var client = RawClient(port: server.port)
        client.key = "sk_test_sandbox_task_health"
        let listed = try await client.page("/v1/events?delivery_success=false&limit=100")
        #expect(!listed.ids.isEmpty && world.undeliveredEvents().map(\.id) == listed.ids)
        let paid = world.undeliveredEvents(types: ["invoice.paid"])
        #expect(!paid.isEmpty && paid.allSatisfy { world.invoice($0.objectID)?.status == .paid })
        let id = try world.insert(SandboxInvoiceDraft(amount: 900), delivery: .undelivered)
        #expect(world.undeliveredEvents().contains { $0.objectID == id && $0.type == "invoice.created" })
        await server.stop()
    }
}
