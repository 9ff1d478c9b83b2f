import Foundation
import Jobs
import PostgreSQL
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Plans, applied and reverted")
struct PlanFileTests {
    /// What money and orders look like.
    private func orders(_ night: Night) async throws -> [String] {
        try await night.query(
            """
            SELECT concat_ws(' ', 'order', id, paid, paid_at, cancelled_at IS NULL, stripe_invoice_id) AS line
            FROM task_credit_stripe_invoice
            UNION ALL SELECT concat_ws(' ', 'balance', agency_id, balance) FROM task_credit_agency_balance ORDER BY 1
            """
        ).map { try $0["line"] }
    }

    @Test("applying a plan ends in the state of a run that repairs by itself", arguments: [1, 2] as [UInt64])
    func applyEqualsRun(_ seed: UInt64) async throws {
        var direct: [String] = []
        try await Night.with(try .credits(seed: seed)) { night in
            _ = try await night.run()
            direct = try await orders(night)
        }
        try await Night.with(try .credits(seed: seed)) { night in
            let before = try await orders(night)
            let plan = try #require(try await night.run(plan: true).plan)
            #expect(try await orders(night) == before)
            #expect(plan.items.count == (try night.history).expectedRepairs.values.reduce(0, +))
            let result = try await night.apply(plan)
            #expect(result.exitCode == 0 && result.applied == plan.items.count, "\(result)")
            #expect(try await orders(night) == direct)
            #expect(
                try await night.number("SELECT count(*) FROM trueup.repair WHERE plan = '\(plan.id)'") == result.applied
            )
            let again = try await night.apply(plan)
            #expect(
                again.applied == 0 && again.failures.isEmpty && again.doneBefore == plan.items.count, "\(again)")
            #expect(again.leftAlone.isEmpty && again.exitCode == 0)
            #expect(try await orders(night) == direct)
            #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE closed_how <> 'repaired'") == 0)
        }
    }

    @Test("rows that moved since the plan are left alone, all others are done")
    func movedRows() async throws {
        try await Night.with(try .credits(seed: 3)) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let grants = plan.items.filter { $0.effect == "grant" }
            let moved = try #require(grants.first)
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET hosted_invoice_url = 'moved' WHERE id = $1",
                Int64(moved.localID) ?? 0)
            let result = try await night.apply(plan)
            #expect(result.exitCode == 2)
            #expect(result.applied == plan.items.count - 1)
            #expect(result.leftAlone.count == 1 && result.leftAlone[0].contains("\(moved.localID)"))
            let isPaid = try await night.number(
                "SELECT count(*) FROM task_credit_stripe_invoice WHERE paid AND id = \(moved.localID)")
            #expect(isPaid == 0)
        }
    }

    @Test("an invoice that exists by now is not taken for missing")
    func existsByNow() async throws {
        try await Night.with(try .credits(seed: 4)) { night in
            var plan = try #require(try await night.run(plan: true).plan)
            // As if the answer had been a 404 for an invoice that is there.
            let alive = try #require(night.world.allInvoices().first { $0.status == .open })
            let index = try #require(plan.items.firstIndex { $0.kind == "missing_in_stripe" })
            plan.items[index].stripeID = alive.id
            let result = try await night.apply(plan)
            #expect(result.leftAlone.contains { $0.contains(alive.id) && $0.contains("exists by now") })
        }
    }

    @Test("a plan file is read back as it was, and refused when a letter of it was changed")
    func edited() async throws {
        try await Night.with(try .credits(seed: 5, orders: 300, plants: [.paidOpen: 2, .amountMismatch: 1])) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let text = try plan.text()
            #expect(try Plan(text: text, path: "p") == plan)
            for (old, new) in [("\"grant\"", "\"cancel\""), ("\"credits\" : ", "\"credits\" : 1"), ("tests", "Tests")] {
                #expect(throws: PlanError.edited("p")) { try Plan(text: text.replacing(old, with: new), path: "p") }
            }
            #expect(throws: PlanError.self) { try Plan(text: "{}", path: "p") }
            #expect(throws: PlanError.self) { try Plan(text: String(text.dropLast(40)), path: "p") }
            var other = night.definition()
            other.hash = "another"
            await #expect(throws: PlanError.otherDefinition("plan.json", job: Night.job)) {
                _ = try await night.apply(plan, definition: other)
            }
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
            #expect(plan.summary.hasPrefix("Plan: 2 to grant (+"))
            #expect(plan.summary.hasSuffix("· 1 needs review"))
        }
    }

    @Test("over a limit the plan waits, and can be applied")
    func waiting() async throws {
        var setup = try NightSetup.credits(seed: 6)
        setup.limits = RepairLimits(maxRepairs: 3, maxRepairShare: 1)
        try await Night.with(setup) { night in
            let before = try await orders(night)
            let result = try await night.run()
            #expect(result.exitCode == 2)
            #expect(try await orders(night) == before)
            let plan = try #require(result.plan)
            #expect(try await night.apply(plan).exitCode == 0)
            #expect(try await orders(night) != before)
        }
    }

    @Test("a revert takes back what the run did, and the next run does not do it again", arguments: [7, 8] as [UInt64])
    func reverts(_ seed: UInt64) async throws {
        try await Night.with(try .credits(seed: seed)) { night in
            let before = try await orders(night)
            let run = try await night.run()
            let repaired = try await orders(night)
            let plan = try await night.revert(run.run.id)
            #expect(try await orders(night) == repaired)
            let drafts = run.findings.count { $0.kind.rawValue == "stale_draft" && $0.closedHow == .repaired }
            #expect(plan.impossible.count == drafts && drafts > 0)
            let result = try await night.apply(plan)
            #expect(result.exitCode == 0 && result.applied == plan.items.count, "\(result)")
            // Only the orders of the deleted drafts differ: those stay cancelled.
            let after = try await orders(night)
            let open = try await night.number(
                "SELECT count(*) FROM trueup.repair WHERE kind = 'stale_draft' AND effect = 'cancel'")
            #expect(Set(after).symmetricDifference(before).count == 2 * open)
            let next = try await night.run()
            #expect(try await orders(night) == after)
            #expect(next.findings.allSatisfy { $0.closedHow != .repaired })
            await #expect(throws: PlanError.nothingToRevert(next.run.id)) { _ = try await night.revert(next.run.id) }
            // A second revert finds nothing that is still as the run left it.
            let second = try await night.revert(run.run.id)
            #expect(second.items.isEmpty && second.impossible.count == plan.items.count + plan.impossible.count)
        }
    }

    @Test("a plan whose repairs were taken back is not done again")
    func revertedPlan() async throws {
        try await Night.with(try .credits(seed: 11, orders: 300, plants: [.paidOpen: 3, .voidOpen: 2])) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let first = try await night.apply(plan)
            #expect(first.applied == 5)
            #expect(try await night.apply(try await night.revert(first.runID)).applied == 5)
            let taken = try await orders(night)
            let again = try await night.apply(plan)
            #expect(again.applied == 0 && again.leftAlone.count == 5 && again.exitCode == 2)
            #expect(try await orders(night) == taken)
        }
    }

    @Test("a plan is not applied with the key of another account")
    func swappedKey() async throws {
        try await Night.with(try .credits(seed: 12, orders: 300, plants: [.paidOpen: 1, .absentOpen: 1])) { night in
            let plan = try #require(try await night.run(plan: true).plan)
            let before = try await orders(night)
            _ = try await night.query(
                "INSERT INTO trueup.account (name, account_id) VALUES ('task_health', 'acct_other')")
            await #expect(throws: AccountChanged.self) { _ = try await night.apply(plan) }
            #expect(try await orders(night) == before)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 0)
        }
    }

    @Test("a row that was changed after its repair, and credits that are spent, are not taken back")
    func cannotBeReverted() async throws {
        try await Night.with(try .credits(seed: 9, orders: 300, plants: [.paidOpen: 3])) { night in
            let run = try await night.run()
            let granted = run.findings.filter { $0.closedHow == .repaired }
            let (changed, spent) = (granted[0], granted[1])
            _ = try await night.query(
                "UPDATE task_credit_stripe_invoice SET hosted_invoice_url = 'x' WHERE id = $1",
                Int64(changed.localID) ?? 0)
            _ = try await night.query(
                "UPDATE task_credit_agency_balance SET balance = 0 WHERE agency_id = $1", spent.agencyID ?? 0)
            let plan = try await night.revert(run.run.id)
            #expect(plan.impossible.contains { $0.contains(changed.localID) && $0.contains("changed since") })
            #expect(plan.impossible.contains { $0.contains(spent.localID) && $0.contains("credits left") })
        }
    }

    @Test("what a person accepted is not repaired and not counted until its facts change")
    func accepted() async throws {
        var setup = try NightSetup.credits(seed: 10, orders: 300, plants: [.paidOpen: 1, .openPaid: 1])
        setup.limits = RepairLimits(maxRepairs: 0, maxRepairShare: 1)
        try await Night.with(setup) { night in
            _ = try await night.run()
            let findings = Findings(pool: night.pool)
            for finding in try await findings.list() {
                #expect(try await findings.accept(finding.id, by: "finance", note: "known"))
                #expect(try await findings.accept(finding.id, by: "finance", note: "known") == false)
            }
            let quiet = try await night.run()
            #expect(quiet.outcome.state == .clean && quiet.exitCode == 0)
            let plan = try await night.run(plan: true)
            #expect(plan.exitCode == 0 && plan.plan?.items.isEmpty == true && plan.plan?.reviews.isEmpty == true)
            let missed = try #require(try await findings.list(state: .accepted).first { $0.action == .apply })
            #expect(try await findings.reopen(missed.id, by: "finance", note: "after all") == [missed.id])
            #expect(try await findings.notes(of: missed.id).map(\.what) == ["accepted", "reopened"])
            #expect(try await night.run().exitCode == 2)
            #expect(try await findings.assign(missed.id, to: "ana", by: "me", note: ""))
            #expect(try await findings.finding(id: missed.id)?.owner == "ana")
            #expect(try await findings.assign(99_999, to: "ana", by: "me", note: "") == false)
        }
    }
}
