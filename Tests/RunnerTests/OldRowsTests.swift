import Reconciliation
import Runner
import Sandbox
import Support
import Testing

@Suite("Rows that are older than what a run lists")
struct OldRowsTests {
    @Test(
        "many old open orders close together take fewer requests than rows, and every one is judged right",
        arguments: Seeds.range(1_101, 2), ["2023-10-16", "2026-07-29.dahlia"])
    func orders(seed: UInt64, version: String) async throws {
        // About two orders a day: a page of a hundred holds several of the old open ones.
        let plants: [Plant: Int] = [.paidOpenOld: 60, .voidOpenOld: 30, .absentOpen: 8, .paidOpen: 2]
        var setup = try NightSetup.credits(seed: seed, plants: plants)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let result = try await night.run()
            PlantedTests.check(result, try night.history)
            let single = night.requests().count { $0.path.hasPrefix("/v1/invoices/") }
            let lists = night.requests().count { $0.path.hasPrefix("/v1/invoices?") }
            #expect(single + lists < 50, "\(single) single reads and \(lists) pages for 100 old and recent orders")
        }
    }

    @Test("how many may be read is a matter of requests; what is left is for a person, and nothing is done about it")
    func limits() async throws {
        let plants: [Plant: Int] = [.paidOpenOld: 60, .voidOpenOld: 30]
        var limits = ComparisonLimits()
        // Fewer than there are rows, and more than that takes.
        limits.requests = 50
        try await Night.with(try .credits(seed: 1_103, plants: plants)) { night in
            PlantedTests.check(try await night.run(comparisons: limits), try night.history)
        }
        limits.requests = 2
        try await Night.with(try .credits(seed: 1_103, plants: plants)) { night in
            let result = try await night.run(comparisons: limits)
            #expect(result.outcome.state == .drift)
            #expect(result.outcome.problems.contains { $0.contains("were not confirmed by a fresh read") })
            let repaired = result.outcome.counts.values.map(\.repaired).reduce(0, +)
            let left = result.outcome.counts.values.map(\.open).reduce(0, +)
            #expect(repaired < 90 && left > 0 && repaired + left >= 90, "\(repaired) repaired, \(left) left")
            for finding in result.findings where finding.action == .review {
                #expect(finding.explanation.hasPrefix("Not confirmed: "), "\(finding.explanation)")
            }
            // The next night, with room for all, puts the rest right.
            let next = try await night.run().outcome.counts.values.map(\.repaired).reduce(0, +)
            #expect(repaired + next == 90)
            PlantedTests.check(try await night.run(), try night.history, repaired: false)
        }
    }

    @Test("what was not read is called neither agreed nor missing, also where its row says that nothing was paid")
    func unread() async throws {
        var limits = ComparisonLimits()
        limits.requests = 0
        let setup = try NightSetup.charges(
            seed: 1_104, charges: 400, invoices: 0, missedNotices: 0, plants: [:])
        try await Night.with(setup) { night in
            // Their intents are older than what is listed, and nobody asks for them.
            _ = try await night.query(
                """
                UPDATE agency_charge SET status = 'failed', created_at = to_timestamp($1)
                WHERE id IN (SELECT id FROM agency_charge WHERE created_at < to_timestamp($2) ORDER BY id LIMIT 3)
                """, Double(NightSetup.nowSeconds - 86_400), Double(NightSetup.nowSeconds - 60 * 86_400))
            let result = try await night.run(definition: night.charges(), comparisons: limits)
            #expect(result.outcome.state == .drift, "\(result.outcome.problems)")
            #expect(result.findings.count == 3)
            for finding in result.findings {
                #expect(finding.explanation.hasPrefix("Not confirmed: "), "\(finding.explanation)")
                #expect(finding.action == .review)
            }
        }
    }

    @Test("a few old open orders far from each other are read by their ids")
    func few() async throws {
        try await Night.with(try .credits(seed: 1_111, orders: 12_000, plants: [.paidOpenOld: 4])) { night in
            let result = try await night.run()
            PlantedTests.check(result, try night.history)
            let old = try night.history.orders.filter { $0.plant != nil }.compactMap { $0.invoice?.id }
            for id in old { #expect(night.requests().contains { $0.path.hasPrefix("/v1/invoices/\(id)") }) }
        }
    }

    @Test(
        "old pending charges are listed where that takes fewer requests",
        arguments: Seeds.range(1_121, 1), ["2023-10-16", "2026-07-29.dahlia"])
    func charges(seed: UInt64, version: String) async throws {
        let plants: [ChargePlant: Int] = [.canceledPendingOld: 80, .absentPending: 4]
        var setup = try NightSetup.charges(seed: seed, charges: 900, invoices: 0, missedNotices: 0, plants: plants)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let result = try await night.run(definition: night.charges())
            ChargeRunTests.check(result, try night.agencyHistory)
            let reads = night.requests().count { $0.path.hasPrefix("/v1/payment_intents") }
            #expect(reads < 50, "\(reads) requests for 84 pending charges")
        }
    }

    @Test("rows that were made at other times than their objects are found all the same")
    func shifted() async throws {
        let plants: [Plant: Int] = [.paidOpenOld: 40, .voidOpenOld: 20]
        try await Night.with(try .credits(seed: 1_131, plants: plants)) { night in
            _ = try await night.query(
                """
                UPDATE task_credit_stripe_invoice SET created_at = created_at - interval '3 days'
                WHERE NOT paid AND cancelled_at IS NULL AND created_at < to_timestamp($1)
                """, Double(NightSetup.nowSeconds - 40 * 86_400))
            PlantedTests.check(try await night.run(), try night.history)
        }
    }
}
