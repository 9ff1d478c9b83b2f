import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

/// What was paid, and taken back, before the time that a run lists is looked at only where something leads to it. It is
/// called in order, and a finding about it closed, only once Stripe has been asked what was taken back.
@Suite("Old payments that a run comes upon")
struct OldReversalTests {
    static let versions = ReversalCheckTests.versions
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400

    /// Two orders that were paid lately, and whose rows say so.
    private static func paidOrders(_ night: Night) throws -> [CreditOrder] {
        let orders = Array(
            try night.history.orders.filter { order in
                order.plant == nil && order.row?.stripeInvoiceID != nil && order.invoice?.status == .paid
                    && order.invoice?.createdSeconds ?? 0 > Self.now - 30 * Self.day
            })
        try #require(orders.count >= 2)
        return Array(orders.prefix(2))
    }

    /// Two orders that wait for their payment; it comes now.
    private static func pay(_ night: Night) throws -> [CreditOrder] {
        let orders = Array(
            try night.history.orders.filter { order in
                order.plant == nil && order.row?.stripeInvoiceID != nil && order.invoice?.status == .open
            })
        try #require(orders.count >= 2)
        for order in orders.prefix(2) { try night.world.pay(try #require(order.invoice).id) }
        return Array(orders.prefix(2))
    }

    private static func intent(of order: CreditOrder, _ night: Night) throws -> String {
        let invoice = try #require(order.invoice)
        return try #require(night.world.invoice(invoice.id)?.paymentIntentID)
    }

    /// The rows of these orders are for so many credits more.
    private static func add(_ credits: Int64, to orders: [CreditOrder], _ night: Night) async throws {
        for order in orders {
            _ = try await night.query(
                """
                UPDATE task_credit_stripe_invoice SET credits = credits + $2, amount_cents = amount_cents + $3
                WHERE id = $1
                """, order.orderID, credits, credits * 20_000)
        }
    }

    @discardableResult
    private static func run(_ night: Night, day days: Int64, _ job: JobDefinition? = nil) async throws -> RunResult {
        let later = Self.now + days * Self.day
        night.server.clock.set(seconds: later)
        return try await night.run(nowSeconds: later, definition: job)
    }

    /// The kinds of the open findings about a row.
    private static func open(_ row: Int64, _ night: Night) async throws -> [String] {
        try await night.query(
            "SELECT kind FROM trueup.finding WHERE local_id = $1 AND state = 'open' ORDER BY id", String(row)
        ).map { try $0["kind"] }
    }

    /// How often it was asked what was given back of a payment.
    private static func asked(_ intent: String, _ night: Night, since start: Int = 0) -> Int {
        night.requests(since: start).count { $0.path.hasPrefix("/v1/refunds?") && $0.path.contains(intent) }
    }

    @Test("an order whose mismatch is put right shows what was given back while it lasted", arguments: versions)
    func orders(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 71, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let orders = try Self.paidOrders(night)
            let intents = try orders.map { try Self.intent(of: $0, night) }
            try await Self.add(1, to: orders, night)
            try await Self.run(night, day: 0)
            try night.world.refund(intents[0])
            // The mismatch outranks it, so that nobody has to be asked.
            for days in [60, 61] as [Int64] { try await Self.run(night, day: days) }
            for order in orders { #expect(try await Self.open(order.orderID, night) == ["amount_mismatch"]) }
            #expect(intents.map { Self.asked($0, night) } == [0, 0])
            let start = night.requests().count
            try await Self.add(-1, to: orders, night)
            let result = try await Self.run(night, day: 62)
            #expect(result.outcome.state == .drift, "\(result.outcome.problems)")
            #expect(try await Self.open(orders[0].orderID, night) == ["refunded"])
            #expect(try await Self.open(orders[1].orderID, night) == [])
            #expect(intents.map { Self.asked($0, night, since: start) } == [1, 1])
            // Nobody asks of what was found in order, and the other one stays.
            try await Self.run(night, day: 63)
            #expect(try await Self.open(orders[0].orderID, night) == ["refunded"])
            #expect(Self.asked(intents[1], night, since: start) == 1)
        }
    }

    @Test("a charge whose mismatch is put right shows what was disputed while it lasted", arguments: versions)
    func charges(_ version: String) async throws {
        var setup = try NightSetup.charges(seed: 72, charges: 600, invoices: 0, missedNotices: 0, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let job = night.charges()
            let charges = Array(
                try night.agencyHistory.charges.filter { charge in
                    charge.plant == nil && charge.row?.status == "succeeded" && charge.intent?.status == .succeeded
                        && charge.createdSeconds > Self.now - 30 * Self.day
                }
            ).prefix(2)
            try #require(charges.count == 2)
            let rows = charges.map(\.chargeID)
            let intents = charges.compactMap { $0.intent?.id }
            func add(_ cents: Int64) async throws {
                _ = try await night.query(
                    "UPDATE agency_charge SET amount_cents = amount_cents + $2 WHERE id = ANY($1)", rows, cents)
            }
            try await add(1)
            try await Self.run(night, day: 0, job)
            try night.world.dispute(intents[0])
            for days in [60, 61] as [Int64] { try await Self.run(night, day: days, job) }
            for row in rows { #expect(try await Self.open(row, night) == ["amount_mismatch"]) }
            #expect(intents.map { Self.asked($0, night) } == [0, 0])
            try await add(-1)
            try await Self.run(night, day: 62, job)
            #expect(try await Self.open(rows[0], night) == ["disputed"])
            #expect(try await Self.open(rows[1], night) == [])
            #expect(intents.map { Self.asked($0, night) } == [1, 1])
        }
    }

    @Test("an old payment that an event leads to agrees only where nothing was given back", arguments: versions)
    func events(_ version: String) async throws {
        var setup = try NightSetup.charges(
            seed: 73, charges: 600, invoices: 0, missedNotices: 0, plants: [.openYoung: 2])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let charges = Array(try night.agencyHistory.charges.filter { $0.plant == .openYoung })
            let intents = charges.compactMap { $0.intent?.id }
            try #require(intents.count == 2)
            for intent in intents { try night.world.fail(paymentIntent: intent) }
            night.server.clock.set(seconds: Self.now + 60)
            // The last that was heard of them is that they failed; the rows know better.
            for intent in intents { try night.world.succeed(paymentIntent: intent, delivery: .lost) }
            try night.world.refund(intents[0])
            _ = try await night.query(
                """
                UPDATE agency_charge SET status = 'succeeded', succeeded_at = to_timestamp($2::bigint)
                WHERE id = ANY($1)
                """, charges.map(\.chargeID), Self.now + 60)
            try await Self.run(night, day: 10, night.charges())
            for intent in intents {
                #expect(night.requests().contains { $0.path.hasPrefix("/v1/payment_intents/\(intent)") })
            }
            #expect(try await Self.open(charges[0].chargeID, night) == ["refunded"])
            #expect(try await Self.open(charges[1].chargeID, night) == [])
            #expect(intents.map { Self.asked($0, night) } == [1, 1])
        }
    }

    @Test("a replay closes no finding of what was given back since", arguments: versions)
    func replay(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 74, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let orders = try Self.pay(night)
            let intents = try orders.map { try Self.intent(of: $0, night) }
            func replay(afterSeconds: Int64) async throws {
                night.server.clock.set(seconds: Self.now + afterSeconds)
                _ = try await night.run(
                    nowSeconds: Self.now + afterSeconds, definition: night.replay(["invoice.paid"]))
            }
            try await Self.add(1, to: orders, night)
            try await replay(afterSeconds: 600)
            for order in orders { #expect(try await Self.open(order.orderID, night) == ["amount_mismatch"]) }
            #expect(intents.map { Self.asked($0, night) } == [0, 0])
            try night.world.refund(intents[0])
            try await Self.add(-1, to: orders, night)
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET paid = true, paid_at = now() WHERE id = ANY($1)",
                orders.map(\.orderID))
            try await replay(afterSeconds: 1_200)
            #expect(try await Self.open(orders[0].orderID, night) == ["refunded"])
            #expect(try await Self.open(orders[1].orderID, night) == [])
        }
    }

    @Test("all that was given back of an old payment counts, also what no list shows", arguments: versions)
    func amounts(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 75, plants: [:])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let order = try #require(try Self.pay(night).first)
            let intent = try Self.intent(of: order, night)
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET paid = true, paid_at = now() WHERE id = $1", order.orderID)
            try night.world.refund(intent, amount: 5)
            night.server.clock.set(seconds: Self.now + 10 * Self.day - 600)
            try night.world.refund(intent, amount: 7)
            for days in [10, 11] as [Int64] {
                try await Self.run(night, day: days)
                #expect(try await Self.open(order.orderID, night) == ["refunded"])
                let refunded = try await night.query(
                    "SELECT (facts->'reversed'->>'refunded')::bigint AS n FROM trueup.finding WHERE local_id = $1",
                    String(order.orderID)
                ).map { try $0["n"] as Int64 }
                #expect(refunded == [12])
            }
        }
    }

    @Test("old orders that were paid within the look-back are asked about by nobody", arguments: versions)
    func frugal(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 76, plants: [.paidOpenOld: 30, .paidCancelledOld: 3])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            PlantedTests.check(try await night.run(), try night.history)
            PlantedTests.check(try await night.run(), try night.history, repaired: false)
            let asked = night.requests().count {
                $0.path.contains("payment_intent=")
                    && ($0.path.hasPrefix("/v1/refunds?") || $0.path.hasPrefix("/v1/disputes?"))
            }
            #expect(asked == 0)
        }
    }
}
