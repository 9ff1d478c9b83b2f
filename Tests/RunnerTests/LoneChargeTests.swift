import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

/// Invoices that were paid by no payment intent: what was taken back of them is found all the same, or is a person's.
@Suite("Invoices that a charge without a payment intent paid")
struct LoneChargeTests {
    static let versions = ReversalCheckTests.versions
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400

    /// Orders that wait for their payment.
    static func open(_ count: Int, _ night: Night) throws -> [CreditOrder] {
        let orders = Array(
            try night.history.orders.filter { order in
                order.plant == nil && order.invoice?.status == .open && order.row?.stripeInvoiceID != nil
            })
        try #require(orders.count >= count)
        return Array(orders.prefix(count))
    }

    /// Of so many orders that a charge pays now, the first is refunded in part, and the second disputed.
    private static func pay(_ night: Night) throws -> [CreditOrder] {
        let orders = try Self.open(3, night)
        for (number, order) in orders.enumerated() {
            let charge = try night.world.payByCharge(try #require(order.invoice).id)
            if number == 0 { try night.world.refund(charge, amount: 5) }
            if number == 1 { try night.world.dispute(charge) }
        }
        return orders
    }

    @discardableResult
    static func run(_ night: Night, at seconds: Int64, range: Window? = nil) async throws -> RunResult {
        night.server.clock.set(seconds: seconds)
        var origin = Night.origin
        if range != nil { origin.trigger = .backfill }
        return try await night.run(nowSeconds: seconds, range: range, origin: origin)
    }

    /// The orders that were granted credits.
    static func granted(_ night: Night) async throws -> [String] {
        try await night.query("SELECT local_id FROM trueup.repair WHERE effect = 'grant' ORDER BY local_id").map {
            try $0["local_id"]
        }
    }

    /// The kinds of the findings about an order, with what is done about them.
    static func found(_ order: CreditOrder, in result: RunResult) -> [String] {
        result.findings.filter { $0.localID == String(order.orderID) }.map { "\($0.kind.rawValue) \($0.action)" }
    }

    private static func check(_ result: RunResult, _ orders: [CreditOrder], _ night: Night) async throws {
        #expect(result.outcome.state == .drift, "\(result.outcome.problems)")
        #expect(found(orders[0], in: result) == ["refunded review"])
        #expect(found(orders[1], in: result) == ["disputed review"])
        #expect(try await granted(night) == [String(orders[2].orderID)])
        let facts = try await night.query(
            """
            SELECT (facts->'reversed'->>'refunded')::bigint AS refunded, facts->'reversed' ? 'shared' AS shared
            FROM trueup.finding WHERE local_id = $1
            """, String(orders[0].orderID))
        #expect(try facts.map { try $0["refunded"] as Int64 } == [5])
        #expect(try facts.map { try $0["shared"] as Bool } == [false])
    }

    @Test("what was taken back before the look-back is asked for by the charge", arguments: versions)
    func older(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 81, plants: [:])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let orders = try Self.pay(night)
            for days in [10, 11] as [Int64] {
                try await Self.check(try await Self.run(night, at: Self.now + days * Self.day), orders, night)
            }
            #expect(night.requests().contains { $0.path.hasPrefix("/v1/refunds?") && $0.path.contains("charge=") })
        }
    }

    @Test("what was taken back in the period leads from the charge to its invoice", arguments: versions)
    func inPeriod(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 82, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let orders = try Self.pay(night)
            // The rows of two say it already.
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET paid = true, paid_at = now() WHERE id = ANY($1) RETURNING id",
                orders.prefix(2).map(\.orderID))
            try await Self.check(try await Self.run(night, at: Self.now + 600), orders, night)
            // The findings lead to them by now.
            let start = night.requests().count
            try await Self.check(try await Self.run(night, at: Self.now + 1_200), orders, night)
            let asked = night.requests(since: start).map(\.path)
            #expect(!asked.contains { $0.hasPrefix("/v1/charges") || $0.contains("customer=") })
            // And still when no list shows the refund any more.
            try await Self.check(try await Self.run(night, at: Self.now + 60 * Self.day), orders, night)
        }
    }

    @Test("an old invoice that was refunded lately is read for the sake of it", arguments: versions)
    func oldInvoice(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 83, plants: [:])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let order = try #require(try Self.open(1, night).first)
            let charge = try night.world.payByCharge(try #require(order.invoice).id)
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET paid = true, paid_at = now() WHERE id = $1 RETURNING id",
                order.orderID)
            let later = Self.now + 10 * Self.day
            night.server.clock.set(seconds: later - 3_600)
            try night.world.refund(charge)
            let result = try await Self.run(night, at: later)
            #expect(Self.found(order, in: result) == ["refunded review"], "\(result.outcome.problems)")
        }
    }

    @Test("a replay grants nothing for what was taken back", arguments: versions)
    func replay(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 84, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let orders = try Self.pay(night)
            night.server.clock.set(seconds: Self.now + 600)
            let result = try await night.run(
                nowSeconds: Self.now + 600, definition: night.replay(["invoice.paid"]))
            try await Self.check(result, orders, night)
        }
    }

    @Test("a plan that waited grants nothing for what was taken back since", arguments: versions)
    func plan(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 85, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let orders = try Self.open(2, night)
            var charges: [String] = []
            for order in orders { charges.append(try night.world.payByCharge(try #require(order.invoice).id)) }
            let later = Self.now + 600
            night.server.clock.set(seconds: later)
            let plan = try #require(try await night.run(plan: true, nowSeconds: later).plan)
            #expect(plan.items.map(\.effect) == ["grant", "grant"])
            try night.world.refund(charges[0])
            let result = try await night.apply(plan)
            #expect(result.applied == 1 && result.leftAlone.count == 1, "\(result)")
            #expect(try await Self.granted(night) == [String(orders[1].orderID)])
        }
    }

    @Test("where the charge does not come in full, it is asked for the invoice that it paid")
    func notInFull() async throws {
        let plants = Dictionary(uniqueKeysWithValues: (Plant.afterPayment + Plant.eventsOnly).map { ($0, 2) })
        var setup = try NightSetup.credits(seed: 86, plants: plants)
        setup.ignoresExpansion = true
        try await Night.with(setup) { night in
            PlantedTests.check(try await night.run(), try night.history)
            let orders = try Self.pay(night)
            let result = try await Self.run(night, at: Self.now + 600)
            #expect(Self.found(orders[0], in: result) == ["refunded review"])
            #expect(Self.found(orders[1], in: result) == ["disputed review"])
            #expect(try await Self.granted(night) == [String(orders[2].orderID)])
            #expect(night.requests().contains { $0.path.hasPrefix("/v1/charges/") })
        }
    }

    @Test("what no list of refunds and disputes knows of is a person's, and nothing is granted", arguments: versions)
    func records(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 87, plants: [:])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let orders = try Self.open(2, night)
            try night.world.payByRecord(try #require(orders[0].invoice).id)
            // Marked as paid by somebody, it is not Stripe's to take back.
            try night.world.pay(try #require(orders[1].invoice).id, outOfBand: true)
            for days in [10, 11] as [Int64] {
                let result = try await Self.run(night, at: Self.now + days * Self.day)
                #expect(result.outcome.state == .drift, "\(result.outcome.problems)")
                #expect(Self.found(orders[0], in: result) == ["missed_paid review"])
                let own = result.findings.first { $0.localID == String(orders[0].orderID) }
                #expect(own?.explanation.contains("neither refunds nor disputes") == true, "\(own?.explanation ?? "")")
                #expect(try await Self.granted(night) == [String(orders[1].orderID)])
            }
            let plan = try #require(
                try await night.run(plan: true, nowSeconds: Self.now + 11 * Self.day).plan)
            #expect(!plan.items.contains { $0.localID == String(orders[0].orderID) })
        }
    }
}
