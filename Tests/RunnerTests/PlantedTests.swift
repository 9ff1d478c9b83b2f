import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Runs over planted worlds")
struct PlantedTests {
    /// Holds findings and repairs against the plantings, one by one.
    /// - Parameter repaired: `false` for a run after the one that repaired.
    static func check(_ result: RunResult, _ history: CreditHistory, repaired isRepaired: Bool = true) {
        let (found, repaired) = result.tallies
        guard isRepaired else {
            #expect(repaired.isEmpty)
            let left = history.expected.merging(history.expectedRepairs) { $0 - $1 }.filter { $0.value > 0 }
            #expect(found == left)
            return
        }
        #expect(found == history.expected)
        #expect(repaired == history.expectedRepairs)
        var plantOf: [String: Plant] = [:]
        for order in history.orders {
            guard let plant = history.plant(at: order.index) else { continue }
            if let invoice = order.invoice { plantOf["invoice \(invoice.id)"] = plant }
            if let row = order.row { plantOf["order \(row.id)"] = plant }
        }
        for finding in result.findings {
            let plant = plantOf["order \(finding.localID)"] ?? plantOf["invoice \(finding.stripeID)"]
            #expect(plant?.kind == finding.kind.rawValue, "\(finding.explanation)")
            #expect((finding.closedHow == .repaired) == (plant?.action == .apply), "\(finding.explanation)")
        }
    }

    @Test(
        "everything planted is found and repaired exactly, and a second run repairs nothing",
        arguments: [1, 2, 3] as [UInt64], ["2023-10-16", "2026-07-29.dahlia"])
    func exact(seed: UInt64, version: String) async throws {
        var setup = try NightSetup.credits(seed: seed, orders: seed == 3 ? 3_000 : 900)
        setup.apiVersion = version
        try await Night.with(setup) { night in
            let history = try night.history
            let before = try await night.balances()
            let first = try await night.run()
            Self.check(first, history)
            #expect(first.outcome.state == .drift)
            let after = try await night.balances()
            for (agency, balance) in after {
                #expect(balance - (before[agency] ?? 0) == history.expectedGrants[agency] ?? 0, "agency \(agency)")
            }
            let tables = try await night.outcome()
            let second = try await night.run()
            #expect(second.tallies.repaired.isEmpty)
            #expect(try await night.balances() == after)
            let left = Set(first.findings.filter { $0.closedHow == nil }.map { "\($0.kind) \($0.id ?? 0)" })
            #expect(Set(second.findings.map { "\($0.kind) \($0.id ?? 0)" }) == left)
            let orders = { (text: String) in text.components(of: "== findings")[0] }
            #expect(orders(try await night.outcome()) == orders(tables))
            #expect(night.requests().allSatisfy { $0.version == version })
        }
    }

    @Test("a small world without deviations is clean")
    func clean() async throws {
        try await Night.with(try NightSetup.credits(seed: 7, orders: 300, plants: [:])) { night in
            let before = try await night.everything()
            let result = try await night.run()
            #expect(result.outcome.state == .clean)
            #expect(result.exitCode == 0)
            #expect(result.findings.isEmpty)
            #expect(try await night.everything() == before)
            #expect(result.outcome.requests == Int64(night.server.statistics.total))
        }
    }

    @Test("where all is repaired the run says so")
    func repaired() async throws {
        let plants: [Plant: Int] = [.paidOpen: 3, .voidOpen: 2, .absentOpen: 2, .draftStaleOpen: 2]
        try await Night.with(try NightSetup.credits(seed: 8, orders: 300, plants: plants)) { night in
            let result = try await night.run()
            #expect(result.outcome.state == .repaired)
            #expect(result.exitCode == 0)
            Self.check(result, try night.history)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 9)
            #expect(try await night.run().outcome.state == .clean)
        }
    }

    @Test("the audit tells what the tables held before and after")
    func audit() async throws {
        let plants: [Plant: Int] = [.paidOpen: 4, .paidOpenOld: 2, .voidOpen: 2, .absentOpen: 2]
        try await Night.with(try NightSetup.credits(seed: 9, orders: 600, plants: plants)) { night in
            let rows = try await night.query("SELECT id, to_jsonb(t) AS row FROM task_credit_stripe_invoice t")
            var before: [String: JSONText] = [:]
            for row in rows { before[String(try row["id"] as Int64)] = try row["row"] as JSONText }
            _ = try await night.run()
            let repairs = try await night.query(
                """
                SELECT r.local_id, r.before->'order' AS before, r.effect,
                    (r.after->'order') = to_jsonb(t) AS is_now, r.after->'order' AS after
                FROM trueup.repair r JOIN task_credit_stripe_invoice t ON t.id::text = r.local_id
                """)
            #expect(repairs.count == 10)
            for row in repairs {
                let id: String = try row["local_id"]
                #expect(try row["is_now"] as Bool)
                #expect(try row["before"] as JSONText == before[id])
                #expect(try row["after"] as JSONText != before[id])
            }
            // Of each agency, the balances in the audit end in what the table has.
            let last = try await night.number(
                """
                SELECT count(*) FROM task_credit_agency_balance b WHERE EXISTS (SELECT FROM trueup.repair r
                    WHERE r.effect = 'grant' AND r.before->'order'->>'agency_id' = b.agency_id::text)
                AND b.balance <> (SELECT max((r.after->>'balance')::bigint) FROM trueup.repair r
                    WHERE r.before->'order'->>'agency_id' = b.agency_id::text AND r.effect = 'grant')
                """)
            #expect(last == 0)
        }
    }
}

extension StringProtocol {
    /// The parts between separators.
    func components(of separator: String) -> [String] {
        var parts: [String] = []
        var rest = Substring(self)
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
