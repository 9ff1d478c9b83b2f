import Runner
import Sandbox
import Store
import Testing

@Suite("Repairs that were taken back and made again")
struct RevertAgainTests {
    @Test("of two grants of one order the first is not taken back in place of the second")
    func grantedAgain() async throws {
        try await Night.with(try .credits(seed: 51, orders: 300, plants: [.paidOpen: 1])) { night in
            let before = try await night.balances()
            let first = try await night.run()
            let granted = try await night.balances()
            #expect(granted != before)
            let plan = try await night.revert(first.run.id)
            #expect(try await night.apply(plan).applied == 1)
            #expect(try await night.balances() == before)
            let id = try #require(first.findings.first?.id)
            #expect(try await Findings(pool: night.pool).reopen(id, by: "finance", note: "after all") == [id])
            let second = try await night.run()
            #expect(try await night.balances() == granted)

            // The row is as the first run left it, and it is the second run's.
            let late = try await night.revert(first.run.id)
            let again = "it was done again, by run \(second.run.id): revert that one"
            #expect(late.items.isEmpty && late.impossible.count == 1)
            #expect(late.impossible.first?.hasSuffix(": \(again)") == true, "\(late.impossible)")
            let old = try await night.apply(plan)
            #expect(old.applied == 0 && old.doneBefore == 0 && old.failures.isEmpty, "\(old)")
            #expect(old.leftAlone.count == 1 && old.leftAlone.first?.hasSuffix(": \(again)") == true, "\(old)")
            #expect(old.exitCode == 2)
            #expect(try await night.balances() == granted)

            let last = try await night.revert(second.run.id)
            let taken = try await night.apply(last)
            #expect(taken.applied == 1 && taken.exitCode == 0, "\(taken)")
            #expect(try await night.balances() == before)
            let over = try await night.revert(first.run.id)
            let undone = "it is undone already, by run \(taken.runID)"
            #expect(over.items.isEmpty && over.impossible.count == 1)
            #expect(over.impossible.first?.hasSuffix(": \(undone)") == true, "\(over.impossible)")
            let twice = try await night.apply(last)
            #expect(twice.applied == 0 && twice.doneBefore == 1 && twice.leftAlone.isEmpty, "\(twice)")
            #expect(try await night.balances() == before)
        }
    }
}
