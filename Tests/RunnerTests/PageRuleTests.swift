import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

/// The same as PaymentRuleTests of Store, from Stripe's answers on: what a page keeps of a payment, what the end of a
/// run keeps of it, and what the stand-in itself says.
@Suite("Payments by page and by the end of a run, from Stripe's own answers")
struct PageRuleTests {
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400

    private enum Fate: CaseIterable {
        case draft, open, paid, paidElsewhere, void, uncollectible, uncollectiblePaid, refunded, partlyRefunded
        case disputed, credited, creditedAndRefunded
    }

    private static let agencies = ["7", "007", "", "twelve", "123456789012345678", "1234567890123456789"]

    /// Every fate in several currencies, over nothing and over something; what pays them is of the period as well.
    private static func insertInvoices(_ night: Night) throws {
        let world = night.world
        var number = 0
        night.server.clock.set(seconds: now - 3_600)
        for currency in ["usd", "jpy", "kwd", "eur"] {
            for amount in [0, 50, 20_000, 2_000_000_000] as [Int64] {
                for fate in Fate.allCases {
                    number += 1
                    let id = try world.insert(
                        SandboxInvoiceDraft(
                            amount: amount, currency: currency, createdSeconds: now - day - Int64(number) * 60,
                            metadata: ["agency_id": agencies[number % agencies.count]]))
                    if fate != .draft { try world.finalize(id) }
                    // One over nothing is paid as soon as it is finalized.
                    if world.invoice(id)?.status == .open { try end(id, fate, world) }
                }
            }
        }
        night.server.clock.set(seconds: now)
    }

    private static func end(_ id: String, _ fate: Fate, _ world: World) throws {
        switch fate {
        case .draft, .open: return
        case .paidElsewhere: return try world.pay(id, outOfBand: true)
        case .void: return try world.void(id)
        case .uncollectible: return try world.markUncollectible(id)
        case .uncollectiblePaid: try world.markUncollectible(id)
        default: break
        }
        try world.pay(id, paidSeconds: now - 1_800)
        let intent = try #require(world.invoice(id)?.paymentIntentID)
        switch fate {
        case .refunded: try world.refund(intent)
        case .partlyRefunded: try world.refund(intent, amount: 1)
        case .disputed: try world.dispute(intent)
        case .credited: try world.credit(id, amount: 1)
        case .creditedAndRefunded: try world.credit(id, amount: 1, refunds: true)
        default: break
        }
    }

    private static func insertIntents(_ world: World) throws {
        var number = 0
        for currency in ["usd", "jpy", "kwd", "eur"] {
            for status in SandboxIntentStatus.allCases {
                for wasDeclined in [false, true] {
                    number += 1
                    let id = try world.insertPaymentIntent(
                        amount: Int64(number) * 50, currency: currency, status: status,
                        createdSeconds: now - day - Int64(number) * 60, wasDeclined: wasDeclined,
                        metadata: ["agency_id": agencies[number % agencies.count]])
                    guard status == .succeeded else { continue }
                    if wasDeclined { try world.refund(id, amount: 10) } else { try world.dispute(id) }
                }
            }
        }
    }

    /// What is kept of every payment.
    private static func payments(_ night: Night) async throws -> [String] {
        try await night.query(
            "SELECT to_jsonb(p)::text AS line FROM trueup.stripe_payment p ORDER BY p.id COLLATE \"C\""
        ).map { try $0["line"] }
    }

    /// Reads with pages that write their payments, and ends as a run does whose list was read before.
    private static func expectSame(_ job: JobDefinition, _ ids: Set<String>, _ night: Night) async throws {
        await #expect(throws: CancellationError.self) {
            try await night.runStopped(definition: job) { if case .comparing = $0 { true } else { false } }
        }
        let byPages = try await payments(night)
        let kept: [String] = try await night.query("SELECT id FROM trueup.stripe_payment").map { try $0["id"] }
        #expect(Set(kept) == ids && kept.count == ids.count)
        _ = try await night.query("DELETE FROM trueup.stripe_payment")
        _ = try await night.query("UPDATE trueup.run_list SET writes_payments = false")
        let result = try await night.run(definition: job)
        #expect(try await night.lastRun().attempt == 2, "\(result.outcome.problems)")
        #expect(try await payments(night) == byPages)
    }

    @Test("invoices", arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func invoices(_ version: String) async throws {
        var setup = NightSetup(.empty)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            try Self.insertInvoices(night)
            let paid = night.world.allInvoices().filter { $0.status == .paid }
            try #require(paid.count > 120)
            try await Self.expectSame(night.definition(), Set(paid.map(\.id)), night)
        }
    }

    /// In later versions a list of its own says which intents belong to invoices, and no page knows.
    @Test("payment intents, of which those of invoices are none of their own")
    func intents() async throws {
        try await Night.with(NightSetup(.empty, account: "medflyt")) { night in
            try Self.insertInvoices(night)
            try Self.insertIntents(night.world)
            let paid = night.world.allPaymentIntents().filter { $0.status == .succeeded }
            let ofInvoices = night.world.allInvoices().filter { $0.paymentIntentID != nil }
            try #require(paid.count == 8 && ofInvoices.count > 50)
            try await Self.expectSame(night.charges(), Set(paid.map(\.id)), night)
        }
    }
}
