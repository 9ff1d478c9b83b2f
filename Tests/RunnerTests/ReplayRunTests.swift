import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Replay of events")
struct ReplayRunTests {
    /// What was lost in the last 30 days and a webhook would have done, by what stands behind it.
    struct Lost {
        var grants: Set<Int64> = []
        var cancelledOrders: Set<Int64> = []
        var succeeded: Set<Int64> = []
        var canceledCharges: Set<Int64> = []
        var notices: Set<String> = []

        var count: Int {
            grants.count + cancelledOrders.count + succeeded.count + canceledCharges.count + notices.count
        }
    }

    private static func isListed(_ seconds: Int64?) -> Bool {
        guard let seconds else { return false }
        let to = NightSetup.nowSeconds - 300
        return seconds >= to - 30 * 86_400 && seconds < to
    }

    static func lost(_ night: Night) throws -> Lost {
        var lost = Lost()
        for order in try night.history.orders {
            switch order.plant {
            case .paidOpen, .paidOpenOld: if isListed(order.invoice?.paidSeconds) { lost.grants.insert(order.orderID) }
            case .voidOpen, .voidOpenOld:
                if isListed(order.invoice?.voidedSeconds) { lost.cancelledOrders.insert(order.orderID) }
            default: break
            }
        }
        for charge in try night.agencyHistory.charges {
            switch charge.plant {
            case .succeededPending, .succeededPendingOld, .succeededFailed:
                if isListed(charge.intent?.succeededSeconds) { lost.succeeded.insert(charge.chargeID) }
            case .canceledPending, .canceledPendingOld:
                if isListed(charge.intent?.canceledSeconds) { lost.canceledCharges.insert(charge.chargeID) }
            default: break
            }
        }
        for account in ["default", "medflyt"] {
            let world = try night.server.world(of: account)
            for id in try NoticeRunTests.missed(night) {
                if let invoice = world.invoice(id), isListed(invoice.finalizedSeconds) { lost.notices.insert(id) }
            }
        }
        return lost
    }

    /// Rows of a query with one number each.
    private static func numbers(_ night: Night, _ sql: String) async throws -> Set<Int64> {
        Set(try await night.query(sql).map { try $0["n"] as Int64 })
    }

    private static func repaired(_ night: Night, _ effect: String) async throws -> Set<Int64> {
        try await numbers(night, "SELECT local_id::bigint AS n FROM trueup.repair WHERE effect = '\(effect)'")
    }

    @Test(
        "lost webhooks of 30 days are made up for by the same effects, and a second replay does nothing",
        arguments: Seeds.range(801, 2), ["2023-10-16", "2026-07-29.dahlia"])
    func makesUp(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.all(seed: seed)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let lost = try Self.lost(night)
            let before = try await night.balances()
            let first = try await night.run(definition: night.replay(), canSend: true)
            #expect(first.outcome.problems.isEmpty, "\(first.outcome.problems)")
            #expect(try await Self.repaired(night, "grant") == lost.grants)
            #expect(try await Self.repaired(night, "cancel") == lost.cancelledOrders)
            #expect(try await Self.repaired(night, "succeed") == lost.succeeded)
            #expect(try await Self.repaired(night, "cancel_charge") == lost.canceledCharges)
            #expect(Set(try await NoticeRunTests.queued(night)) == lost.notices)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == lost.count)
            #expect(!lost.grants.isEmpty && !lost.succeeded.isEmpty && !lost.notices.isEmpty)
            var grants: [Int64: Int64] = [:]
            for order in try night.history.orders where lost.grants.contains(order.orderID) {
                grants[order.agencyID, default: 0] += order.credits
            }
            for (agency, balance) in try await night.balances() {
                #expect(balance - (before[agency] ?? 0) == grants[agency] ?? 0, "agency \(agency)")
            }
            #expect(night.requests().allSatisfy { $0.method == "GET" })
            try Self.expectFrugal(night)
            let tables = try await night.outcome().components(of: "== findings")[0]
            let second = try await night.run(definition: night.replay(), canSend: true)
            #expect(second.tallies.repaired.isEmpty && second.outcome.problems.isEmpty)
            #expect(try await night.outcome().components(of: "== findings")[0] == tables)
        }
    }

    /// Nothing is read whose row says already what its event says.
    private static func expectFrugal(_ night: Night) throws {
        var agreeing: Set<String> = []
        for order in try night.history.orders where try night.history.plant(at: order.index) == nil {
            if let row = order.row, let id = row.stripeInvoiceID { agreeing.insert(id) }
        }
        for charge in try night.agencyHistory.charges where charge.plant == nil {
            if let id = charge.row?.stripePaymentIntentID { agreeing.insert(id) }
        }
        for account in ["default", "medflyt"] {
            let missed = try NoticeRunTests.missed(night)
            for invoice in try night.server.world(of: account).allInvoices() where !missed.contains(invoice.id) {
                agreeing.insert(invoice.id)
            }
        }
        for payment in try night.patientHistory.payments { agreeing.insert(payment.intent.id) }
        let read = night.requests().compactMap { request in
            request.path.split(separator: "?")[0].split(separator: "/").last.map(String.init)
        }
        #expect(agreeing.intersection(read).isEmpty)
    }

    @Test(
        "whichever of replay and reconcile comes first, they end in the same state", arguments: Seeds.range(811, 2))
    func anyOrder(seed: UInt64) async throws {
        var outcomes: [String] = []
        for isReplayFirst in [true, false] {
            try await Night.with(try .all(seed: seed)) { night in
                let reconciles = [night.definition(), night.charges(), night.notices()]
                if isReplayFirst { _ = try await night.run(definition: night.replay(), canSend: true) }
                for job in isReplayFirst ? reconciles : reconciles.reversed() {
                    _ = try await night.run(definition: job, canSend: true)
                }
                let repairs = try await night.number("SELECT count(*) FROM trueup.repair")
                if !isReplayFirst {
                    _ = try await night.run(definition: night.replay(), canSend: true)
                    #expect(try await night.number("SELECT count(*) FROM trueup.repair") == repairs)
                }
                outcomes.append(try await night.outcome().components(of: "== findings")[0])
            }
        }
        let isSame = outcomes[0] == outcomes[1]
        #expect(isSame, "seed \(seed)\n\(TableText.difference(outcomes[0], outcomes[1]))")
    }

    /// The ways in which the events of one object can be listed.
    static let shuffles: [[SandboxDelivery]] = [
        [.delivered, .delivered, .delivered], [.undelivered, .delivered, .undelivered], [.lost, .lost, .undelivered],
        [.delivered, .undelivered, .lost],
    ]

    @Test("events out of order, twice, or missing in between end in the same state", arguments: shuffles.indices)
    func outOfOrder(_ number: Int) async throws {
        let deliveries = Self.shuffles[number]
        var setup = try NightSetup.credits(seed: 821, orders: 300, plants: [.openPaid: 1])
        setup.others = [
            "medflyt": try NightSetup.charges(
                seed: 821, charges: 300, invoices: 0, missedNotices: 0, plants: [.openYoung: 3]
            ).history
        ]
        try await Night.with(setup) { night in
            let medflyt = try night.server.world(of: "medflyt")
            let open = try night.history.orders.filter { order in
                order.plant == nil && order.invoice?.status == .open && order.row?.stripeInvoiceID != nil
            }
            let (paid, void) = (try #require(open.first), try #require(open.last))
            // All within one second: which event is the last of its object is not to be told.
            try night.world.pay(try #require(paid.invoice).id, delivery: deliveries[0])
            try night.world.markUncollectible(try #require(void.invoice).id, delivery: deliveries[1])
            try night.world.void(try #require(void.invoice).id, delivery: deliveries[2])
            let charges = Array(try night.agencyHistory.charges.filter { $0.plant == .openYoung })
            let intents = charges.compactMap { $0.intent?.id }
            try medflyt.fail(paymentIntent: intents[0], delivery: deliveries[0])
            try medflyt.succeed(paymentIntent: intents[0], delivery: deliveries[1])
            try medflyt.fail(paymentIntent: intents[1], delivery: deliveries[2])
            try medflyt.cancel(paymentIntent: intents[1], delivery: deliveries[0])
            let later = NightSetup.nowSeconds + 600
            night.server.clock.set(seconds: later)
            let all = Night.replayed + ["invoice.marked_uncollectible", "payment_intent.payment_failed"]
            for _ in 0..<2 { _ = try await night.run(nowSeconds: later, definition: night.replay(all)) }
            let known: [Bool] = [
                deliveries[0] != .lost, deliveries[1] != .lost || deliveries[2] != .lost,
                deliveries[0] != .lost || deliveries[1] != .lost, deliveries[2] != .lost || deliveries[0] != .lost,
            ]
            let words: [String] = [
                try await night.query(
                    "SELECT paid::text AS word FROM task_credit_stripe_invoice WHERE id = $1", paid.orderID)[0]["word"],
                try await night.query(
                    "SELECT (cancelled_at IS NOT NULL)::text AS word FROM task_credit_stripe_invoice WHERE id = $1",
                    void.orderID)[0]["word"],
                try await night.query("SELECT status AS word FROM agency_charge WHERE id = $1", charges[0].chargeID)[0][
                    "word"],
                try await night.query("SELECT status AS word FROM agency_charge WHERE id = $1", charges[1].chargeID)[0][
                    "word"],
            ]
            let done = ["true", "true", "succeeded", "canceled"]
            let undone = ["false", "false", "pending", "pending"]
            #expect(words == zip(known, zip(done, undone)).map { $0 ? $1.0 : $1.1 }, "\(deliveries)")
            // What no event tells of, the comparison of states finds.
            _ = try await night.run(nowSeconds: later)
            _ = try await night.run(nowSeconds: later, definition: night.charges())
            #expect(
                try await night.number(
                    "SELECT count(*) FROM task_credit_stripe_invoice WHERE id = \(paid.orderID) AND paid")
                    == 1)
            #expect(
                try await night.number(
                    """
                    SELECT count(*) FROM agency_charge WHERE (id = \(charges[0].chargeID) AND status = 'succeeded')
                        OR (id = \(charges[1].chargeID) AND status = 'canceled')
                    """) == 2)
        }
    }

    @Test(
        "event types that no table has to do with are listed and lead to nothing; an account without a table is refused"
    )
    func strangeEvents() async throws {
        try await Night.with(try .credits(seed: 831, orders: 300, plants: [.paidOpen: 2])) { night in
            let before = try await night.everything()
            await #expect(throws: RunError.uncovered("replay-events", account: "task_health")) {
                try await night.run(definition: night.replay(["customer.created", "price.deleted"]))
            }
            #expect(try await night.everything() == before)
            let result = try await night.run(definition: night.replay(["customer.created", "invoice.paid"]))
            #expect(result.outcome.problems.isEmpty)
        }
    }
}
