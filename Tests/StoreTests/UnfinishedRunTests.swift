import PostgreSQL
import Reconciliation
import Store
import Support
import Testing

@Suite("Runs that were stopped before their end")
struct UnfinishedRunTests {
    private static let settle: Int64 = 300

    private static func begin(_ period: Window, _ pool: Pool) async throws -> Run {
        let list = RunList(account: "task_health", object: .invoice)
        return try await Runs(pool: pool).begin(
            job: "orders", definitionHash: "x", isPlan: false, period: period, lists: [list: period], origin: origin)
    }

    private static let origin = RunOrigin(
        trigger: .backfill, requestedBy: "tests", host: "here", processID: 1, programVersion: "0")

    private static func take(
        _ period: Window, settleSeconds: Int64? = nil, _ pool: Pool
    ) async throws -> UnfinishedRuns {
        try await Runs(pool: pool).takeUnfinished(
            job: "orders", definitionHash: "x", isPlan: false, period: period, settleSeconds: settleSeconds,
            origin: origin)
    }

    @Test("a backfill goes on only where both ends of its range are the same; another range gives it up, and says so")
    func otherRange() async throws {
        let pool = Pool(try await TestServer.database(), size: 2, applicationName: "tests")
        let range = Window(fromSeconds: 1_000, toSeconds: 9_000)
        for other in [(1_000, 9_001), (1_000, 5_000), (999, 9_000), (2_000, 9_000)] as [(Int64, Int64)] {
            let run = try await Self.begin(range, pool)
            let same = try await Self.take(range, pool)
            #expect(same.taken?.id == run.id && same.replaced.isEmpty)
            let found = try await Self.take(Window(fromSeconds: other.0, toSeconds: other.1), pool)
            #expect(found.taken == nil, "\(other)")
            #expect(found.replaced.map(\.id) == [run.id], "\(other)")
            #expect(try await Runs(pool: pool).run(id: run.id)?.state == .failed)
        }
        await pool.close()
    }

    @Test("where the end lies ahead, a backfill goes on with one whose end lay ahead as well, and with no other")
    func openEnd() async throws {
        let pool = Pool(try await TestServer.database(), size: 2, applicationName: "tests")
        let now: Int64 = try await pool.withConnection {
            try await $0.query("SELECT floor(extract(epoch FROM now()))::bigint AS now")[0]["now"]
        }
        let asked = Window(fromSeconds: 1_000, toSeconds: now + 86_400)
        // As it was cut when it began.
        let cut = try await Self.begin(Window(fromSeconds: 1_000, toSeconds: now - Self.settle), pool)
        let same = try await Self.take(asked, settleSeconds: Self.settle, pool)
        #expect(same.taken?.id == cut.id && same.replaced.isEmpty)
        // A day that is over is another range.
        let fixed = try await Self.take(Window(fromSeconds: 1_000, toSeconds: now - 7_200), pool)
        #expect(fixed.taken == nil && fixed.replaced.map(\.id) == [cut.id])
        let short = try await Self.begin(Window(fromSeconds: 1_000, toSeconds: now - 7_200), pool)
        let open = try await Self.take(asked, settleSeconds: Self.settle, pool)
        #expect(open.taken == nil && open.replaced.map(\.id) == [short.id])
        await pool.close()
    }
}
