import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Findings from run to run")
struct FindingLifeTests {
    private struct Life: Equatable {
        var kind: String
        var state: String
        var how: String?
        var seen: Int32
        var reopened: Int32
    }

    /// The findings about an order, oldest first.
    private static func lives(_ night: Night, order: String) async throws -> [Life] {
        try await night.query(
            """
            SELECT kind, state, closed_how, runs_seen, times_reopened FROM trueup.finding WHERE local_id = $1
            ORDER BY id
            """, order
        ).map {
            Life(
                kind: try $0["kind"], state: try $0["state"], how: try $0["closed_how"], seen: try $0["runs_seen"],
                reopened: try $0["times_reopened"])
        }
    }

    /// Everything is only looked at.
    private static func review(_ night: Night) -> (inout ReconcileJob) -> Void {
        { job in for kind in FindingKind.invoiceKinds { job.on[kind] = .review } }
    }

    /// A world with one deviation of a kind, whose findings are all for review, run once.
    private static func lone(
        _ plant: Plant, _ body: (Night, CreditOrder, @escaping () async throws -> RunResult) async throws -> Void
    ) async throws {
        try await Night.with(try NightSetup.credits(seed: 11, orders: 300, plants: [plant: 1])) { night in
            let history = try night.history
            guard let order = history.orders.first(where: { $0.plant == plant }) else {
                throw NightError("nothing was planted")
            }
            let definition = night.definition(review(night))
            let run = { try await night.run(definition: definition) }
            let first = try await run()
            #expect(first.findings.count == 1)
            #expect(first.tallies.repaired.isEmpty)
            try await body(night, order, run)
        }
    }

    @Test("a difference that stays keeps its finding, and the runs that saw it are counted")
    func stays() async throws {
        try await Self.lone(.paidOpen) { night, order, run in
            let id = try await night.number("SELECT id FROM trueup.finding")
            for runs in 2...4 as ClosedRange<Int32> {
                #expect(try await run().findings.map(\.id) == [Int64(id)])
                #expect(
                    try await Self.lives(night, order: String(order.orderID))
                        == [Life(kind: "missed_paid", state: "open", how: nil, seen: runs, reopened: 0)])
            }
        }
    }

    @Test("a webhook that came late closes the finding as such")
    func lateWebhook() async throws {
        try await Self.lone(.paidOpen) { night, order, run in
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET paid = true, paid_at = now() WHERE id = $1", order.orderID)
            #expect(try await run().outcome.state == .clean)
            #expect(
                try await Self.lives(night, order: String(order.orderID))
                    == [Life(kind: "missed_paid", state: "closed", how: "late_webhook", seen: 1, reopened: 0)])
        }
    }

    @Test("a difference that Stripe's side settled is closed as changed at the source")
    func changedAtSource() async throws {
        try await Self.lone(.openPaid) { night, order, run in
            try night.world.pay(try #require(order.invoice).id)
            #expect(try await run().outcome.state == .clean)
            #expect(
                try await Self.lives(night, order: String(order.orderID))
                    == [Life(kind: "unpaid_in_stripe", state: "closed", how: "changed_at_source", seen: 1, reopened: 0)]
            )
        }
    }

    @Test("a difference that the local side settled is closed as changed locally")
    func changedLocally() async throws {
        try await Self.lone(.openCancelled) { night, order, run in
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET cancelled_at = NULL WHERE id = $1", order.orderID)
            #expect(try await run().outcome.state == .clean)
            #expect(
                try await Self.lives(night, order: String(order.orderID))
                    == [Life(kind: "not_voided", state: "closed", how: "changed_locally", seen: 1, reopened: 0)])
        }
    }

    @Test("the same pair as another kind of difference is closed as reclassified")
    func reclassified() async throws {
        try await Self.lone(.openCancelled) { night, order, run in
            try night.world.pay(try #require(order.invoice).id)
            #expect(try await run().findings.map(\.kind) == [.paidAfterCancel])
            #expect(
                try await Self.lives(night, order: String(order.orderID)) == [
                    Life(kind: "not_voided", state: "closed", how: "reclassified", seen: 1, reopened: 0),
                    Life(kind: "paid_after_cancel", state: "open", how: nil, seen: 1, reopened: 0),
                ])
        }
    }

    @Test("a difference that comes back reopens its finding")
    func reopens() async throws {
        try await Self.lone(.paidOpen) { night, order, run in
            for round in 1...2 as ClosedRange<Int32> {
                for paid in [true, false] {
                    _ = try await night.query(
                        "UPDATE task_credit_stripe_invoice SET paid = $2 WHERE id = $1", order.orderID, paid)
                    _ = try await run()
                }
                #expect(
                    try await Self.lives(night, order: String(order.orderID))
                        == [Life(kind: "missed_paid", state: "open", how: nil, seen: 1 + round, reopened: round)])
            }
        }
    }

    /// Kinds whose difference is still there when its invoice is older than what a run lists.
    @Test(
        "a difference that has grown older than the look-back stays open",
        arguments: [
            Plant.paidAbsent, .openAbsent, .paidCancelled, .openCancelled, .voidPaid, .absentPaid, .malformedID,
            .unlinkedOrphan, .credited, .duplicateInStripe, .duplicateLocal, .amountMismatch,
        ])
    func ages(plant: Plant) async throws {
        try await Night.with(try NightSetup.credits(seed: 12, orders: 300, plants: [plant: 1])) { night in
            let definition = night.definition(Self.review(night))
            let first = try await night.run(definition: definition)
            #expect(first.findings.count == plant.findings)
            // An order without an invoice that somebody marked as paid by hand.
            if plant == .unlinkedOrphan {
                _ = try await night.query(
                    "UPDATE task_credit_stripe_invoice SET paid = true WHERE stripe_invoice_id IS NULL")
            }
            let later = NightSetup.nowSeconds + 60 * 86_400
            night.server.clock.set(seconds: later)
            let second = try await night.run(nowSeconds: later, definition: definition)
            let ids = Set(first.findings.compactMap(\.id))
            #expect(ids.isSubset(of: second.findings.compactMap(\.id)))
            let closed: [String] = try await night.query(
                "SELECT closed_how FROM trueup.finding WHERE state = 'closed' AND id = ANY($1)", Array(ids)
            ).map { try $0["closed_how"] }
            #expect(closed.isEmpty)
        }
    }

    @Test("what a stopped run saw and its continuation does not see any more is closed by the continuation")
    func goneBetweenAttempts() async throws {
        try await Night.with(try NightSetup.credits(seed: 13, orders: 300, plants: [.openPaid: 2])) { night in
            let history = try night.history
            let order = try #require(history.orders.first { $0.plant == .openPaid })
            // Stopped after the findings were written.
            await #expect(throws: (any Error).self) {
                try await night.runStopped { if case .repairing = $0 { true } else { false } }
            }
            #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE state = 'open'") == 2)
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET paid = false WHERE id = $1", order.orderID)
            let result = try await night.run()
            #expect(result.findings.count(where: { $0.state == "open" }) == 1)
            #expect(result.outcome.counts[.unpaidInStripe]?.open == 1)
            #expect(try await night.lastRun().attempt == 2)
        }
    }
}
