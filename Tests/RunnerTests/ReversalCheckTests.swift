import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

/// What no list of a run shows of what was taken back is asked for before anything is granted.
@Suite("Payments that were taken back where a run does not list it")
struct ReversalCheckTests {
    static let versions = ["2023-10-16", "2026-07-29.dahlia"]
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400

    /// Pays the invoices of two orders that wait for it, and gives the first one's money back.
    private static func pay(_ night: Night) throws -> [CreditOrder] {
        let open = Array(
            try night.history.orders.filter { order in
                order.plant == nil && order.invoice?.status == .open && order.row?.stripeInvoiceID != nil
            })
        try #require(open.count >= 2)
        let orders = Array(open.prefix(2))
        for order in orders { try night.world.pay(try #require(order.invoice).id) }
        try refund(orders[0], night)
        return orders
    }

    private static func refund(_ order: CreditOrder, _ night: Night) throws {
        let invoice = try #require(order.invoice)
        try night.world.refund(try #require(night.world.invoice(invoice.id)?.paymentIntentID))
    }

    /// The first order is for a person to look at, and only the second one has its credits.
    private static func check(
        _ result: RunResult, _ orders: [CreditOrder], _ night: Night, before: [Int64: Int64]
    ) async throws {
        #expect(result.outcome.state == .drift, "\(result.outcome.problems)")
        let own = result.findings.filter { $0.localID == String(orders[0].orderID) }
        #expect(own.map(\.kind) == [.refunded] && own.map(\.action) == [.review], "\(own)")
        #expect(own.first?.state == "open")
        let granted = try await night.query("SELECT local_id FROM trueup.repair WHERE effect = 'grant'").map {
            try $0["local_id"] as String
        }
        #expect(granted == [String(orders[1].orderID)])
        var balances = before
        balances[orders[1].agencyID, default: 0] += orders[1].credits
        let expected = balances
        #expect(try await night.balances() == expected)
    }

    @Test("a replay does not grant for an invoice that was refunded after it was paid", arguments: versions)
    func replay(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 61, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let before = try await night.balances()
            let orders = try Self.pay(night)
            let later = Self.now + 600
            night.server.clock.set(seconds: later)
            for _ in 0..<2 {
                let result = try await night.run(nowSeconds: later, definition: night.replay(["invoice.paid"]))
                try await Self.check(result, orders, night, before: before)
            }
        }
    }

    @Test("an open order whose invoice was paid and refunded before the look-back gets no credits", arguments: versions)
    func older(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 62, plants: [:])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let before = try await night.balances()
            let orders = try Self.pay(night)
            let later = Self.now + 10 * Self.day
            night.server.clock.set(seconds: later)
            for _ in 0..<2 {
                let result = try await night.run(nowSeconds: later)
                try await Self.check(result, orders, night, before: before)
            }
        }
    }

    @Test("a backfill does not grant for what was refunded after its range", arguments: versions)
    func afterRange(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 63, orders: 300, plants: [.paidOpen: 2])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let before = try await night.balances()
            let orders = Array(try night.history.orders.filter { $0.plant == .paidOpen })
            try #require(orders.count == 2)
            try Self.refund(orders[0], night)
            let created = orders.compactMap { $0.invoice?.createdSeconds }
            let newest = try #require(created.max())
            let range = Window(fromSeconds: Self.now - 35 * Self.day, toSeconds: newest + 1)
            var origin = Night.origin
            origin.trigger = .backfill
            for _ in 0..<2 {
                let result = try await night.run(range: range, origin: origin)
                try await Self.check(result, orders, night, before: before)
            }
        }
    }

    @Test(
        "a backfill does not grant for a row of its range whose invoice was made after it, and refunded",
        arguments: versions)
    func outsideRange(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 65, orders: 300, plants: [.paidOpen: 2])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let before = try await night.balances()
            let orders = Array(try night.history.orders.filter { $0.plant == .paidOpen })
            try #require(orders.count == 2)
            try Self.refund(orders[0], night)
            // Before anything else was made.
            let at = Self.now - 9_000 * Self.day
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET created_at = to_timestamp($2::bigint) WHERE id = ANY($1)",
                orders.map(\.orderID), at)
            var origin = Night.origin
            origin.trigger = .backfill
            for _ in 0..<2 {
                let range = Window(fromSeconds: at, toSeconds: at + Self.day)
                let result = try await night.run(range: range, origin: origin)
                try await Self.check(result, orders, night, before: before)
                #expect(result.outcome.stripeObjects == 2 && result.outcome.localRows == 2, "\(result.outcome)")
            }
        }
    }

    @Test("a pending charge that was paid and refunded before the look-back does not succeed", arguments: versions)
    func charges(_ version: String) async throws {
        var setup = try NightSetup.charges(
            seed: 64, charges: 600, invoices: 0, missedNotices: 0, plants: [.openYoung: 2])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let charges = Array(try night.agencyHistory.charges.filter { $0.plant == .openYoung })
            let intents = charges.compactMap { $0.intent?.id }
            try #require(intents.count == 2)
            for intent in intents { try night.world.succeed(paymentIntent: intent) }
            try night.world.refund(intents[0])
            let later = Self.now + 10 * Self.day
            night.server.clock.set(seconds: later)
            for _ in 0..<2 {
                let result = try await night.run(nowSeconds: later, definition: night.charges())
                let own = result.findings.filter { $0.localID == String(charges[0].chargeID) }
                #expect(own.map(\.kind) == [.refunded] && own.map(\.action) == [.review], "\(own)")
                let succeeded = try await night.query(
                    "SELECT local_id FROM trueup.repair WHERE effect = 'succeed'"
                ).map { try $0["local_id"] as String }
                #expect(succeeded == [String(charges[1].chargeID)])
            }
        }
    }
}
