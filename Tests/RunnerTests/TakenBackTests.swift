import Jobs
import PostgreSQL
import Runner
import Sandbox
import Stripe
import Testing

/// A plan that is applied judges what was taken back of payments as a plan that is made does.
@Suite("What was taken back between a plan and its approval")
struct TakenBackTests {
    /// What happens to a payment, and whether it counts as paid afterwards.
    struct Fate: Sendable {
        var name: String
        var counts: Bool
        /// - Parameters: the world, the payment intent and, where there is one, its invoice.
        var happens: @Sendable (World, String, String?) throws -> Void
    }

    static let fates: [Fate] = [
        Fate(name: "nothing", counts: true) { _, _, _ in },
        Fate(name: "a part is refunded", counts: false) { world, intent, _ in try world.refund(intent, amount: 1) },
        Fate(name: "it is refunded twice", counts: false) { world, intent, _ in
            try world.refund(intent, amount: 5)
            try world.refund(intent)
        },
        Fate(name: "a refund is under way", counts: false) { world, intent, _ in
            try world.setRefund(try world.refund(intent), .pending)
        },
        Fate(name: "a refund waits for the customer", counts: false) { world, intent, _ in
            try world.setRefund(try world.refund(intent), .requiresAction)
        },
        Fate(name: "a refund failed", counts: true) { world, intent, _ in
            try world.setRefund(try world.refund(intent), .failed)
        },
        Fate(name: "a refund was canceled", counts: true) { world, intent, _ in
            try world.setRefund(try world.refund(intent), .canceled)
        },
        Fate(name: "of two refunds one failed", counts: false) { world, intent, _ in
            try world.setRefund(try world.refund(intent), .failed)
            try world.refund(intent, amount: 7)
        },
        Fate(name: "it is disputed", counts: false) { world, intent, _ in try world.dispute(intent) },
        Fate(name: "a part is disputed", counts: false) { world, intent, _ in try world.dispute(intent, amount: 9) },
        Fate(name: "a dispute is lost", counts: false) { world, intent, _ in
            try world.setDispute(try world.dispute(intent), .lost)
        },
        Fate(name: "a dispute is under review", counts: false) { world, intent, _ in
            try world.setDispute(try world.dispute(intent), .underReview)
        },
        Fate(name: "a dispute is won", counts: true) { world, intent, _ in
            try world.setDispute(try world.dispute(intent), .won)
        },
        Fate(name: "the bank asks", counts: false) { world, intent, _ in
            try world.setDispute(try world.dispute(intent), .warningNeedsResponse)
        },
        Fate(name: "the bank asked, and that was all", counts: true) { world, intent, _ in
            try world.setDispute(try world.dispute(intent), .warningClosed)
        },
        Fate(name: "a dispute is won, and a part refunded", counts: false) { world, intent, _ in
            try world.setDispute(try world.dispute(intent), .won)
            try world.refund(intent, amount: 3)
        },
    ]

    static let fatesOfInvoices: [Fate] =
        fates + [
            Fate(name: "it is credited", counts: false) { world, _, invoice in
                _ = try world.credit(try #require(invoice), amount: 2)
            },
            Fate(name: "it is credited and refunded", counts: false) { world, _, invoice in
                _ = try world.credit(try #require(invoice), amount: 2, refunds: true)
            },
        ]

    @Test("credits are granted where a new plan would grant them", arguments: ["2023-10-16", "2026-07-29.dahlia"])
    func orders(_ version: String) async throws {
        let fates = Self.fatesOfInvoices
        var setup = try NightSetup.credits(seed: 21, orders: 600, plants: [.paidOpen: fates.count])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let items = plan.items.filter { $0.effect == "grant" }
            try #require(items.count == fates.count)
            for (fate, item) in zip(fates, items) {
                let intent = try #require(night.world.invoice(item.stripeID)?.paymentIntentID)
                try fate.happens(night.world, intent, item.stripeID)
            }
            let granted = try await Self.planned(night, nil)
            Self.check(fates, items, granted)
            let result = try await night.apply(plan)
            #expect(result.failures.isEmpty && result.applied == granted.count, "\(result)")
            let paid = try await night.query(
                "SELECT id::text FROM task_credit_stripe_invoice WHERE paid AND id = ANY($1)",
                items.compactMap { Int64($0.localID) }
            ).map { try $0["id"] as String }
            #expect(Set(paid) == granted)
        }
    }

    @Test("charges succeed where a new plan would let them")
    func charges() async throws {
        let fates = Self.fates
        let setup = try NightSetup.charges(seed: 22, charges: 900, plants: [.succeededPending: fates.count])
        try await Night.with(setup) { night in
            let job = night.charges()
            let plan = try #require(try await night.run(plan: true, definition: job).plan)
            let items = plan.items.filter { $0.effect == "succeed" }
            try #require(items.count == fates.count)
            for (fate, item) in zip(fates, items) { try fate.happens(night.world, item.stripeID, nil) }
            let granted = try await Self.planned(night, job)
            Self.check(fates, items, granted)
            let result = try await night.apply(plan, definition: job)
            #expect(result.failures.isEmpty && result.applied == granted.count, "\(result)")
            let succeeded = try await night.query(
                "SELECT id::text FROM agency_charge WHERE status = 'succeeded' AND id = ANY($1)",
                items.compactMap { Int64($0.localID) }
            ).map { try $0["id"] as String }
            #expect(Set(succeeded) == granted)
        }
    }

    /// The rows that a plan of an hour later would change, by id.
    private static func planned(_ night: Night, _ job: JobDefinition?) async throws -> Set<String> {
        let later = NightSetup.nowSeconds + 3_600
        night.server.clock.set(seconds: later)
        let plan = try #require(try await night.run(plan: true, nowSeconds: later, definition: job).plan)
        return Set(plan.items.map(\.localID))
    }

    private static func check(_ fates: [Fate], _ items: [Plan.Item], _ granted: Set<String>) {
        for (fate, item) in zip(fates, items) {
            #expect(granted.contains(item.localID) == fate.counts, "\(fate.name)")
        }
    }
}
