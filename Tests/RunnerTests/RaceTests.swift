import Credits
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Synchronization
import Testing

@Suite("Repairs that meet webhooks")
struct RaceTests {
    /// What a webhook handler does: the same effects on a connection of its own.
    private static func webhook(_ night: Night, _ order: CreditOrder, _ pool: Pool) async throws -> Bool {
        guard let row = order.row, let invoice = order.invoice else { return false }
        return try await pool.transaction { connection in
            let table = try await OrderTable.resolve(
                schema: "public", table: "task_credit_stripe_invoice", columns: [:],
                customerColumn: "taskHealthStripeCustomerId", on: connection)
            let facts = OrderFacts(
                rowID: row.id, invoiceID: row.stripeInvoiceID, agencyID: row.agencyID, credits: row.credits,
                amount: row.amountCents, currency: row.currency, createdSeconds: row.createdSeconds)
            let effect: OrderEffect =
                invoice.status == .paid
                ? .grant(paidAtSeconds: invoice.paidSeconds) : .cancel(atSeconds: invoice.voidedSeconds)
            let outcome = try await CreditEffects(table: table).apply(
                effect, toOrder: row.id, expecting: OrderExpectation(facts), on: connection)
            if case .done = outcome { return true }
            return false
        }
    }

    @Test("repairs at once leave an audit without a gap, and take the same order every time")
    func audit() async throws {
        let plants: [Plant: Int] = [.paidOpen: 40, .paidOpenOld: 10, .voidOpen: 20]
        try await Night.with(try NightSetup.credits(seed: 77, orders: 2_000, plants: plants)) { night in
            let result = try await night.run()
            #expect(result.tallies.repaired.values.reduce(0, +) == 70)
            let steps = """
                SELECT o.agency_id, p.id, p.finding_id, (p.before -> 'balance') AS before,
                    lag(p.after -> 'balance') OVER agency AS last, lag(p.finding_id) OVER agency AS last_finding
                FROM trueup.repair p JOIN task_credit_stripe_invoice o ON o.id::text = p.local_id
                WINDOW agency AS (PARTITION BY o.agency_id ORDER BY p.id)
                """
            #expect(try await night.number("SELECT count(*) FROM (\(steps)) s WHERE last IS NOT NULL") > 10)
            #expect(try await night.number("SELECT count(*) FROM (\(steps)) s WHERE before <> last") == 0)
            #expect(try await night.number("SELECT count(*) FROM (\(steps)) s WHERE finding_id < last_finding") == 0)
        }
    }

    @Test("whenever the webhooks come, every invoice is granted once", arguments: Seeds.range(1_000, 12))
    func oneGrant(seed: UInt64) async throws {
        let plants: [Plant: Int] = [.paidOpen: 16, .paidOpenOld: 4, .voidOpen: 6]
        try await Night.with(try NightSetup.credits(seed: seed, orders: 500, plants: plants)) { night in
            let history = try night.history
            let before = try await night.balances()
            var seeded = Seeded(seed)
            let orders = history.orders.filter { $0.plant != nil }.shuffled(using: &seeded)
            let pauses = orders.map { _ in Int.random(in: 0...400, using: &seeded) }
            let isRepairing = Atomic<Bool>(false)
            let handler = Pool(night.target, size: 4, applicationName: "webhooks")
            async let done = Self.deliver(night, Array(zip(orders, pauses)), handler, when: isRepairing)
            let result = try await night.run {
                if case .repairing = $0 { isRepairing.store(true, ordering: .releasing) }
            }
            let byWebhook = try await done
            await handler.close()
            for (agency, balance) in try await night.balances() {
                #expect(balance - (before[agency] ?? 0) == history.expectedGrants[agency] ?? 0, "agency \(agency)")
            }
            let repairs = try await night.number("SELECT count(*) FROM trueup.repair")
            #expect(repairs + byWebhook == orders.count)
            #expect(result.findings.count == orders.count)
            #expect(result.findings.allSatisfy { $0.closedHow == .repaired || $0.closedHow == .lateWebhook })
            #expect(result.tallies.repaired.values.reduce(0, +) == repairs)
            #expect(try await night.run().findings.isEmpty)
        }
    }

    /// Delivers the webhooks of these orders, each a little after the repairs began, twice.
    /// - Returns: how many did anything.
    private static func deliver(
        _ night: Night, _ orders: [(CreditOrder, Int)], _ pool: Pool, when isRepairing: borrowing Atomic<Bool>
    ) async throws -> Int {
        while !isRepairing.load(ordering: .acquiring) { try await Task.sleep(for: .microseconds(200)) }
        return try await withThrowingTaskGroup(of: Int.self) { group in
            for (order, pause) in orders {
                for _ in 0..<2 {
                    group.addTask {
                        try await Task.sleep(for: .microseconds(pause * 100))
                        return try await webhook(night, order, pool) ? 1 : 0
                    }
                }
            }
            return try await group.reduce(0, +)
        }
    }

    @Test("two processes start the same job at once: one runs it, the other is told")
    func twoProcesses() async throws {
        try await Night.with(try NightSetup.credits(seed: 120)) { night in
            let before = try await night.balances()
            let results = await withTaskGroup(of: Result<RunResult, any Error>.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        do { return .success(try await night.run()) } catch { return .failure(error) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            for case .failure(let error) in results {
                #expect(error as? RunError == .alreadyRunning(Night.job), "\(error)")
            }
            #expect(results.contains { if case .success = $0 { true } else { false } })
            let grants = try night.history.expectedGrants
            for (agency, balance) in try await night.balances() {
                #expect(balance - (before[agency] ?? 0) == grants[agency] ?? 0, "agency \(agency)")
            }
        }
    }

    @Test("a run that lost its lock and the one that came in its place grant once", arguments: Seeds.range(7_000, 3))
    func lostLock(seed: UInt64) async throws {
        var setup = try NightSetup.credits(seed: seed, orders: 2_000)
        setup.latencyMilliseconds = 4
        try await Night.with(setup) { night in
            let before = try await night.balances()
            let history = try night.history
            var seeded = Seeded(seed)
            let moment = Int.random(in: 0..<60, using: &seeded)
            let step = Atomic<Int>(0)
            let second = Mutex<Task<RunResult, any Error>?>(nil)
            // Either may end in an error, as what it works on is taken away from it; neither may do harm.
            let first = try? await night.run { _ in
                guard step.add(1, ordering: .relaxed).oldValue == moment else { return }
                let task = Task {
                    _ = try await night.query(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name LIKE 'trueup lock%'
                        """)
                    try await Task.sleep(for: .milliseconds(3))
                    return try await night.run()
                }
                second.withLock { $0 = task }
            }
            let other = try? await second.withLock { $0 }?.value
            for result in [first, other].compactMap(\.self) { #expect(result.outcome.state != .clean) }
            _ = try await night.run()
            for (agency, balance) in try await night.balances() {
                #expect(balance - (before[agency] ?? 0) == history.expectedGrants[agency] ?? 0, "agency \(agency)")
            }
            #expect(try await night.number("SELECT count(*) FROM trueup.run WHERE state = 'running'") == 0)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair WHERE effect = 'grant'") == 9)
        }
    }

    @Test("the answer to a COMMIT is lost: the outcome is read back", arguments: [true, false], [0, 1, 2, 4, 7])
    func lostCommit(isDelivered: Bool, passing: Int) async throws {
        let plants: [Plant: Int] = [
            .paidOpen: 4, .voidOpen: 3, .absentOpen: 2, .draftStaleOpen: 2, .draftStaleCancelled: 2,
            .unlinkedLinkable: 1,
        ]
        try await Night.with(try NightSetup.credits(seed: 130, orders: 500, plants: plants)) { night in
            let cutter = try AnswerCutter(to: night.target, losesAnswerTo: "COMMIT\0", isDelivered: isDelivered)
            defer { cutter.stop() }
            let before = try await night.balances()
            let result = try await night.run(target: cutter.target) { progress in
                if case .repairing(let count) = progress, count > 1 { cutter.arm(passing: passing) }
            }
            #expect(cutter.losses == 1)
            #expect(result.outcome.problems.isEmpty)
            PlantedTests.check(result, try night.history)
            let grants = try night.history.expectedGrants
            for (agency, balance) in try await night.balances() {
                #expect(balance - (before[agency] ?? 0) == grants[agency] ?? 0, "agency \(agency)")
            }
            #expect(try await night.number("SELECT count(*) FROM trueup.repair") == 14)
            // One note of each change at Stripe, with its end.
            #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write WHERE ended_at IS NOT NULL") == 4)
            #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write") == 4)
        }
    }
}
