import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

/// A list that a fresh read proves wrong is not complete, whatever it says of itself.
@Suite("Objects that a list leaves out")
struct LeftOutTests {
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400

    private static func expectIncomplete(_ result: RunResult, about id: String) {
        #expect(result.outcome.state == .incomplete && result.exitCode == 3)
        #expect(
            result.outcome.problems.count == 1 && result.outcome.problems[0].contains("without \(id), ")
                && result.outcome.problems[0].contains("nothing of the list can be called complete"),
            "\(result.outcome.problems)")
    }

    /// Leaves an invoice of such an order out of all lists.
    private static func leaveOut(_ plant: Plant, _ night: Night) throws -> String {
        let order = try #require(try night.history.orders.first { $0.plant == plant })
        let id = try #require(order.invoice).id
        try night.world.leaveOutOfLists(id)
        return id
    }

    @Test(
        "an invoice of the period that only a row names makes the run incomplete, and nothing is repaired",
        arguments: [Plant.paidOpen, .draftStaleOpen, .openPaid], ["2023-10-16", "2026-07-29.dahlia"])
    func invoices(_ plant: Plant, _ version: String) async throws {
        var setup = try NightSetup.credits(
            seed: 101, orders: 400, plants: [.paidOpen: 2, .draftStaleOpen: 1, .openPaid: 1, .voidOpen: 1])
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let id = try Self.leaveOut(plant, night)
            let before = try await night.everything()
            for isPlan in [false, true] { Self.expectIncomplete(try await night.run(plan: isPlan), about: id) }
            let range = Window(fromSeconds: Self.now - 35 * Self.day, toSeconds: Self.now - 600)
            var origin = Night.origin
            origin.trigger = .backfill
            Self.expectIncomplete(try await night.run(range: range, origin: origin), about: id)
            #expect(try await night.everything() == before)
            #expect(night.requests().allSatisfy { $0.method == "GET" })
        }
    }

    @Test("a run that was stopped finds it again when it goes on")
    func resumed() async throws {
        let setup = try NightSetup.credits(seed: 102, orders: 400, plants: [.paidOpen: 2, .voidOpen: 2])
        try await Night.with(setup) { night in
            let id = try Self.leaveOut(.paidOpen, night)
            await #expect(throws: CancellationError.self) {
                try await night.runStopped { if case .confirming = $0 { true } else { false } }
            }
            let result = try await night.run()
            #expect(try await night.lastRun().attempt == 2)
            Self.expectIncomplete(result, about: id)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
        }
    }

    @Test("a payment intent of the period that only a row names makes the run incomplete")
    func intents() async throws {
        let setup = try NightSetup.charges(
            seed: 103, charges: 300, invoices: 0, missedNotices: 0, plants: [.succeededPending: 2, .canceledPending: 1])
        try await Night.with(setup) { night in
            let charge = try #require(
                try night.agencyHistory.charges.first {
                    $0.plant == .succeededPending && $0.createdSeconds > Self.now - 34 * Self.day
                })
            let id = try #require(charge.intent).id
            try night.world.leaveOutOfLists(id)
            let before = try await night.everything()
            Self.expectIncomplete(try await night.run(definition: night.charges()), about: id)
            #expect(try await night.everything() == before)
        }
    }

    @Test("an invoice that a refund leads to, and that its list left out, makes the run incomplete")
    func reversed() async throws {
        let setup = try NightSetup.credits(seed: 104, orders: 400, plants: [.paidAbsent: 1, .voidOpen: 1])
        try await Night.with(setup) { night in
            let id = try Self.leaveOut(.paidAbsent, night)
            try night.world.refund(try #require(night.world.invoice(id)?.paymentIntentID))
            Self.expectIncomplete(try await night.run(), about: id)
        }
    }

    @Test("what was created before the period or after it is no list's to show, nor what is gone by then")
    func legitimate() async throws {
        let plants: [Plant: Int] = [.paidOpenOld: 2, .voidOpenOld: 2, .absentOpen: 2, .paidOpen: 1]
        try await Night.with(try NightSetup.credits(seed: 105, plants: plants)) { night in
            for plant in [Plant.paidOpenOld, .voidOpenOld] { _ = try Self.leaveOut(plant, night) }
            // The row was there before the period's end, its invoice was made after it.
            let order = try #require(try night.history.orders.first { $0.plant == nil && $0.row?.paid == true })
            let late = try night.world.insert(
                SandboxInvoiceDraft(
                    amount: order.amountCents, customerID: try #require(order.invoice).customerID,
                    metadata: ["order_id": "900001", "agency_id": "\(order.agencyID)"]))
            try night.world.leaveOutOfLists(late)
            _ = try await night.query(
                """
                INSERT INTO task_credit_stripe_invoice (id, agency_id, credits, amount_cents, currency,
                    stripe_invoice_id, paid, created_at)
                VALUES (900001, $1, $2, $3, 'usd', $4, false, to_timestamp($5::bigint))
                """, order.agencyID, order.credits, order.amountCents, late, Self.now - 3_600)
            let result = try await night.run()
            #expect(result.outcome.state == .repaired && result.outcome.problems.isEmpty, "\(result.outcome.problems)")
            PlantedTests.check(result, try night.history)
            // One that is gone is missing, and no more than that.
            let open = try #require(
                night.world.allInvoices().first { $0.status == .open && $0.createdSeconds < Self.now - 600 })
            try night.world.erase(open.id)
            let again = try await night.run()
            #expect(again.tallies.found == ["missing_in_stripe": 1], "\(again.tallies) \(again.outcome.problems)")
        }
    }

    @Test("an expiry lists drafts alone: what is none any more is not missing from them")
    func expiry() async throws {
        var setup = try NightSetup.credits(seed: 106, orders: 600, plants: [.draftStaleOpen: 3])
        // They stay findings.
        setup.limits = RepairLimits(maxRepairs: 1, maxRepairShare: 1)
        try await Night.with(setup) { night in
            let first = try await night.run(definition: night.expire())
            let drafts = first.findings.compactMap(\.stripeID).sorted()
            try #require(drafts.count == 3 && drafts.allSatisfy { night.world.invoice($0)?.status == .draft })
            try night.world.finalize(drafts[0])
            let second = try await night.run(definition: night.expire())
            #expect(second.outcome.state == .drift && second.findings.count == 2, "\(second.outcome.problems)")
            try night.world.leaveOutOfLists(drafts[1])
            Self.expectIncomplete(try await night.run(definition: night.expire()), about: drafts[1])
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
        }
    }
}
