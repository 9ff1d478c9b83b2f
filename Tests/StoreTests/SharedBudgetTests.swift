import Glibc
import PostgreSQL
import Store
import Support
import Synchronization
import Testing

/// Several processes, as pools of their own, on one database.
@Suite("A rate limit shared through the database", .serialized)
struct SharedBudgetTests {
    private final class Sent: Sendable {
        private let times = Mutex<[String: [Int64]]>([:])
        private static let origin = ContinuousClock.now

        /// - Parameter end: nothing is sent after it, as the client for HTTP sees to.
        func note(_ endpoint: String, notAfter end: ContinuousClock.Instant) {
            let now = ContinuousClock.now
            guard now <= end else { return }
            let (seconds, attoseconds) = (now - Self.origin).components
            let time = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
            times.withLock { $0[endpoint, default: []].append(time) }
        }

        var all: [String: [Int64]] { times.withLock { $0 } }
    }

    private func send(
        _ budget: SharedBudget, _ endpoint: String, workers: Int, until end: ContinuousClock.Instant, _ sent: Sent
    ) async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<workers {
                group.addTask {
                    while ContinuousClock.now < end, let slot = try? await budget.take(endpoint) {
                        sent.note(endpoint, notAfter: slot)
                    }
                }
            }
        }
    }

    @Test("three processes with many tasks stay within it in every second, and use it")
    func exact() async throws {
        let target = try await TestServer.database()
        let pools = (0..<3).map { Pool(target, size: 1, applicationName: "budget \($0)") }
        let budgets = pools.map { SharedBudget(pool: $0, account: "task_health", perSecond: 60, perEndpoint: 25) }
        let sent = Sent()
        let end = ContinuousClock.now + .seconds(7)
        await withTaskGroup(of: Void.self) { group in
            for budget in budgets {
                for endpoint in ["a", "b", "c"] {
                    group.addTask { await send(budget, endpoint, workers: 6, until: end, sent) }
                }
            }
        }
        for (endpoint, times) in sent.all { #expect(SlotCalendarTests.busiestSecond(times) <= 25, "\(endpoint)") }
        let all = sent.all.values.flatMap(\.self)
        #expect(SlotCalendarTests.busiestSecond(all) <= 60)
        // Nobody may send for the first 1.3 s. That nine tenths are used is what the calendar's own test holds: how
        // many slots a busy machine throws away here because it wakes late, nobody knows.
        #expect(all.count >= 20, "\(all.count) requests")
        var leases = 0
        for budget in budgets { leases += await budget.leases }
        // Ten a second for each process and endpoint, however many tasks wait.
        #expect(leases <= 9 * 7 * 10, "\(leases) transactions for \(all.count) requests")
        for pool in pools { await pool.close() }
    }

    @Test("at the documented limits a run of the schedule has its part beside a backfill that wants everything")
    func reserved() async throws {
        let target = try await TestServer.database()
        let pools = (0..<2).map { Pool(target, size: 1, applicationName: "budget \($0)") }
        let shares: [BudgetShare] = [.background, .nightly]
        let budgets = zip(pools, shares).map {
            SharedBudget(pool: $0, account: "task_health", perSecond: 80, perEndpoint: 20, share: $1)
        }
        let (backfill, nightly) = (Sent(), Sent())
        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            for endpoint in ["a", "b", "c", "d", "e", "f"] {
                group.addTask {
                    await send(budgets[0], endpoint, workers: 20, until: start + .seconds(8), backfill)
                }
            }
            group.addTask {
                try? await Task.sleep(until: start + .seconds(3))
                await send(budgets[1], "a", workers: 2, until: start + .seconds(8), nightly)
            }
        }
        for endpoint in ["a", "b", "c", "d", "e", "f"] {
            let times = (backfill.all[endpoint] ?? []) + (nightly.all[endpoint] ?? [])
            #expect(SlotCalendarTests.busiestSecond(times.sorted()) <= 20, "\(endpoint)")
        }
        let others = backfill.all.values.flatMap(\.self)
        let own = nightly.all["a"] ?? []
        #expect(SlotCalendarTests.busiestSecond((others + own).sorted()) <= 80)
        // One of four slots of the endpoint is nobody else's: five a second, of which a busy machine wastes some.
        #expect(own.count >= 10, "\(own.count) beside \(others.count)")
        for pool in pools { await pool.close() }
    }

    @Test("who is alone asks the database a few times a second, and begins at once on a new account")
    func alone() async throws {
        let pool = Pool(try await TestServer.database(), size: 1, applicationName: "budget")
        for share in [BudgetShare.nightly, .background] {
            let account = "account \(share.rawValue)"
            let budget = SharedBudget(
                pool: pool, account: account, perSecond: 10_000, perEndpoint: 10_000, share: share)
            let start = ContinuousClock.now
            try await budget.take("a")
            #expect(ContinuousClock.now - start < .milliseconds(900))
            let counter = Sent()
            let end = ContinuousClock.now + .seconds(2)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        while ContinuousClock.now < end, let slot = try? await budget.take("a") {
                            counter.note("a", notAfter: slot)
                            // A page.
                            try? await Task.sleep(for: .milliseconds(10))
                        }
                    }
                }
            }
            let (sent, leases) = (counter.all["a"]?.count ?? 0, await budget.leases)
            #expect(sent >= leases * 5, "\(sent) requests with \(leases) transactions")
        }
        await pool.close()
    }

    @Test("two that begin together do not wait for each other")
    func together() async throws {
        let target = try await TestServer.database()
        let pools = (0..<2).map { Pool(target, size: 1, applicationName: "budget \($0)") }
        let budgets = pools.map { SharedBudget(pool: $0, account: "medflyt", perSecond: 100, perEndpoint: 25) }
        // Their connections are open, and the account is known.
        for budget in budgets { try await budget.take("other") }
        for endpoint in ["a", "b", "c"] {
            try await budgets[0].take(endpoint)
            let start = ContinuousClock.now
            try await budgets[1].take(endpoint)
            #expect(ContinuousClock.now - start < .milliseconds(500))
        }
        for pool in pools { await pool.close() }
    }

    @Test(
        "who is alone loses no slot by waking late, and stays within the limit; so do those who come then",
        arguments: [25, 10])
    func late(limit: Int) async throws {
        let target = try await TestServer.database()
        let pools = (0..<3).map { Pool(target, size: 1, applicationName: "budget \($0)") }
        let budgets = pools.map {
            SharedBudget(pool: $0, account: "medflyt", perSecond: 100, perEndpoint: Double(limit))
        }
        let sent = Sent()
        let start = ContinuousClock.now
        let end = start + .seconds(9)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Holds up whoever runs on the same thread, as a page that is decoded does.
                var random = Seeded(4)
                while ContinuousClock.now < end {
                    usleep(random.pick([5_000, 20_000, 60_000]))
                    try? await Task.sleep(for: .milliseconds(30))
                }
            }
            group.addTask { await send(budgets[0], "a", workers: 6, until: end, sent) }
            for (budget, milliseconds) in [(budgets[1], 6_000), (budgets[2], 6_100)] {
                group.addTask {
                    let comes = start + .milliseconds(milliseconds)
                    try? await Task.sleep(until: comes)
                    // Behind all that who was alone may still send: also the one who comes third.
                    guard let slot = try? await budget.take("a") else { return }
                    sent.note("a", notAfter: slot)
                    #expect(ContinuousClock.now - comes >= .seconds(1))
                    await send(budget, "a", workers: 6, until: end, sent)
                }
            }
        }
        let times = try #require(sent.all["a"]).sorted()
        #expect(SlotCalendarTests.busiestSecond(times) <= limit)
        #expect(times.count >= 20, "\(times.count) requests")
        let wasted = await budgets[0].wasted
        #expect(wasted * 2 <= times.count, "\(wasted) slots were lost for \(times.count) requests")
        for pool in pools { await pool.close() }
    }

    @Test("rows of the limits that were lost in a crash are waited for, not taken for free")
    func lostRows() async throws {
        let pool = Pool(try await TestServer.database(), size: 1, applicationName: "budget")
        let budget = SharedBudget(pool: pool, account: "medflyt", perSecond: 80, perEndpoint: 20)
        try await budget.take("a")
        try await pool.withConnection { _ = try await $0.execute("TRUNCATE trueup.rate_budget") }
        let start = ContinuousClock.now
        try await budget.take("b")
        #expect(ContinuousClock.now - start >= .seconds(1))
        await pool.close()
    }

    @Test("after a refusal nobody sends for a while, in no process")
    func slowDown() async throws {
        let target = try await TestServer.database()
        let pools = (0..<2).map { Pool(target, size: 1, applicationName: "budget \($0)") }
        let budgets = pools.map { SharedBudget(pool: $0, account: "medflyt", perSecond: 80, perEndpoint: 40) }
        for budget in budgets { try await budget.take("a") }
        await budgets[0].slowDown("a", isAboutAccount: true)
        let start = ContinuousClock.now
        try await budgets[1].take("a")
        #expect(ContinuousClock.now - start >= .milliseconds(800))
        // Of one endpoint the pause is shorter at first, and grows where it is refused again.
        try await budgets[1].take("b")
        for (pauses, microseconds) in [(1, 250_000), (2, 500_000), (3, 1_000_000)] {
            await budgets[1].slowDown("b", isAboutAccount: false)
            let row = try await pools[1].withConnection {
                try await $0.query(
                    """
                    SELECT pauses, paused_until - (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS left
                    FROM trueup.rate_budget WHERE account = 'medflyt' AND endpoint = 'b'
                    """)[0]
            }
            #expect(try row["pauses"] as Int32 == Int32(pauses))
            let left: Int64 = try row["left"]
            #expect(left <= Int64(microseconds))
            let start = ContinuousClock.now
            try await budgets[1].take("b")
            #expect(ContinuousClock.now - start >= .microseconds(left - 50_000))
        }
        for pool in pools { await pool.close() }
    }

    @Test("who is cancelled stops waiting, also while the database is away")
    func cancelled() async throws {
        let pool = Pool(try await TestServer.database(), size: 1, applicationName: "budget")
        let budget = SharedBudget(pool: pool, account: "default", perSecond: 1, perEndpoint: 1)
        await pool.close()
        let waiting = Task { try await budget.take("a") }
        try await Task.sleep(for: .milliseconds(100))
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}
