import Jobs
import PostgreSQL
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Limits of a run's repairs")
struct RunLimitsTests {
    @Test("links and what they show count together: what is beyond the limit waits in a plan")
    func bothPasses() async throws {
        var setup = try NightSetup.credits(seed: 71, orders: 300, plants: [.unlinkedLinkable: 3])
        setup.limits = RepairLimits(maxRepairs: 3, maxRepairShare: 1)
        try await Night.with(setup) { night in
            let orders = Array(try night.history.orders.filter { $0.plant == .unlinkedLinkable })
            try #require(orders.count == 3)
            for order in orders { try night.world.pay(try #require(order.invoice).id) }
            let before = try await night.balances()
            let result = try await night.run()
            let effects = try await night.query("SELECT effect FROM trueup.repair").map { try $0["effect"] as String }
            #expect(effects == ["link", "link", "link"])
            #expect(try await night.balances() == before)
            #expect(result.exitCode == 2)
            let reason = "6 repairs are more than limits.max_repairs (3): the 3 that followed were not applied."
            #expect(result.outcome.problems.contains { $0.hasPrefix(reason) }, "\(result.outcome.problems)")

            let plan = try #require(result.plan)
            let rows = Set(orders.map { String($0.orderID) })
            #expect(plan.items.map(\.effect) == ["grant", "grant", "grant"])
            #expect(Set(plan.items.map(\.localID)) == rows)
            let applied = try await night.apply(plan)
            #expect(applied.applied == 3 && applied.exitCode == 0, "\(applied)")
            var balances = before
            for order in orders { balances[order.agencyID, default: 0] += order.credits }
            let expected = balances
            #expect(try await night.balances() == expected)
        }
    }

    @Test("a plan that waits because of a limit leaves out what a person accepted")
    func accepted() async throws {
        var setup = try NightSetup.credits(seed: 72, orders: 300, plants: [.paidOpen: 3])
        setup.limits = RepairLimits(maxRepairs: 1, maxRepairShare: 1)
        try await Night.with(setup) { night in
            let all = try #require(try await night.run().plan)
            #expect(all.items.count == 3)
            let findings = Findings(pool: night.pool)
            let known = try #require(try await findings.list().first)
            #expect(try await findings.accept(known.id, by: "finance", note: "known"))
            let result = try await night.run()
            #expect(result.accepted == 1 && result.exitCode == 2)
            #expect(result.outcome.problems.contains { $0.hasPrefix("2 repairs are more than limits.max_repairs (1)") })
            let plan = try #require(result.plan)
            let others = Set(all.items.map(\.localID)).subtracting([known.identity.localID])
            #expect(plan.items.count == 2 && Set(plan.items.map(\.localID)) == others)
        }
    }
}
