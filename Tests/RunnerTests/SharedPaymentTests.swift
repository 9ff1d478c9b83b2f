import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

/// What was taken back of a payment reaches every invoice that it paid: whose money it was, nobody can say.
@Suite("A payment intent that paid two invoices")
struct SharedPaymentTests {
    static let versions = ReversalCheckTests.versions
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400

    private struct Payment {
        /// Whose invoices the intent paid.
        var shared: [CreditOrder]
        /// Whose invoice was paid by itself.
        var other: CreditOrder
        var intent: String
    }

    private static func pay(_ night: Night) throws -> Payment {
        let orders = try LoneChargeTests.open(3, night)
        let invoices = try orders.map { try #require($0.invoice).id }
        try night.world.pay(invoices[2])
        return Payment(
            shared: Array(orders.prefix(2)), other: orders[2],
            intent: try night.world.payTogether(Array(invoices.prefix(2))))
    }

    private static func check(
        _ result: RunResult, _ payment: Payment, _ kind: String, _ amount: Int64, _ night: Night
    ) async throws {
        #expect(result.outcome.state == .drift, "\(result.outcome.problems)")
        for order in payment.shared {
            #expect(LoneChargeTests.found(order, in: result) == ["\(kind) review"])
            let own = result.findings.first { $0.localID == String(order.orderID) }
            #expect(own?.explanation.contains("of the payment that paid other invoices too") == true)
            let facts = try await night.query(
                """
                SELECT (facts->'reversed'->>'\(kind)')::bigint AS amount, facts->'reversed'->>'shared' AS shared
                FROM trueup.finding WHERE local_id = $1
                """, String(order.orderID))
            #expect(try facts.map { try $0["amount"] as Int64 } == [amount])
            #expect(try facts.map { try $0["shared"] as String } == ["true"])
        }
        #expect(try await LoneChargeTests.granted(night) == [String(payment.other.orderID)])
    }

    @Test("a partial refund in the period is said of both, and neither gets its credits", arguments: versions)
    func refunded(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 91, plants: [:])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let payment = try Self.pay(night)
            try night.world.refund(payment.intent, amount: 100)
            for seconds in [600, 1_200, 60 * Self.day] as [Int64] {
                let result = try await LoneChargeTests.run(night, at: Self.now + seconds)
                try await Self.check(result, payment, "refunded", 100, night)
            }
        }
    }

    @Test("a dispute from before the look-back is found for both", arguments: versions)
    func disputed(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 92, plants: [:])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let payment = try Self.pay(night)
            try night.world.dispute(payment.intent, amount: 7)
            for days in [10, 11] as [Int64] {
                let result = try await LoneChargeTests.run(night, at: Self.now + days * Self.day)
                try await Self.check(result, payment, "disputed", 7, night)
            }
        }
    }

    @Test("nothing taken back, both are granted", arguments: versions)
    func granted(_ version: String) async throws {
        var setup = try NightSetup.credits(seed: 93, plants: [:])
        setup.apiVersion = version
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let payment = try Self.pay(night)
            let refund = try night.world.refund(payment.intent)
            try night.world.setRefund(refund, .failed)
            _ = try await LoneChargeTests.run(night, at: Self.now + 10 * Self.day)
            let all = (payment.shared + [payment.other]).map { String($0.orderID) }.sorted()
            #expect(try await LoneChargeTests.granted(night).sorted() == all)
        }
    }

    @Test("a plan that waited grants neither")
    func plan() async throws {
        var setup = try NightSetup.credits(seed: 94, plants: [:])
        setup.apiVersion = Self.versions[1]
        try await Night.with(setup) { night in
            let payment = try Self.pay(night)
            let later = Self.now + 600
            night.server.clock.set(seconds: later)
            let plan = try #require(try await night.run(plan: true, nowSeconds: later).plan)
            #expect(plan.items.count == 3)
            try night.world.refund(payment.intent, amount: 100)
            let result = try await night.apply(plan)
            #expect(result.applied == 1 && result.leftAlone.count == 2, "\(result)")
            #expect(result.leftAlone.allSatisfy { $0.contains("of the payment that paid other invoices too") })
            #expect(try await LoneChargeTests.granted(night) == [String(payment.other.orderID)])
        }
    }
}
