import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("A run by hand that loses its lock and does not know it")
struct LostLockTests {
    private static func setup() throws -> NightSetup {
        // Changes at Stripe take long enough for another run to come in between.
        var plants = NightSetup.someOfEach
        plants[.draftStaleOpen] = 60
        var setup = try NightSetup.credits(seed: 811, orders: 4_000, plants: plants)
        setup.latencyMilliseconds = 100
        return setup
    }

    /// Where the first run is when it loses its lock.
    enum Place: String, CaseIterable, Sendable {
        case reading = "SELECT count(*) FROM trueup.window WHERE pages > 0"
        case judged = "SELECT count(*) FROM trueup.finding"
        case repairing = "SELECT count(*) FROM trueup.repair"
    }

    /// What must be the same however a run came to its end. A draft that was deleted at Stripe by the first run is
    /// found by the second as one that Stripe does not know, so the kind of a repair and the deletion are not
    /// part of it.
    private static func state(_ night: Night) async throws -> [String] {
        let rows = try await night.query(
            """
            SELECT concat_ws(' ', 'order', id, stripe_invoice_id, paid, paid_at, cancelled_at IS NOT NULL) AS line
            FROM task_credit_stripe_invoice
            UNION ALL SELECT concat_ws(' ', 'balance', agency_id, balance) FROM task_credit_agency_balance
            UNION ALL SELECT concat_ws(' ', 'open', kind, stripe_id, local_id) FROM trueup.finding WHERE state = 'open'
            UNION ALL SELECT concat_ws(' ', 'repair', effect, stripe_id, local_id) FROM trueup.repair
                WHERE effect <> 'delete_draft'
            UNION ALL SELECT concat_ws(' ', 'unended', stripe_id) FROM trueup.stripe_write WHERE ended_at IS NULL
            ORDER BY 1
            """)
        return try rows.map { try $0["line"] } + night.world.allInvoices().map { "\($0.id) \($0.status)" }.sorted()
    }

    @Test("a second run goes on with it, and the first writes nothing more", arguments: Place.allCases)
    func lost(_ place: Place) async throws {
        nonisolated(unsafe) var expected: [String] = []
        try await Night.with(try Self.setup()) { night in
            _ = try await night.run()
            expected = try await Self.state(night)
        }
        try await Night.with(try Self.setup()) { night in
            let first = Task { try await night.run() }
            while try await night.number(place.rawValue) == 0 { try await Task.sleep(for: .milliseconds(2)) }
            var ended = 0
            while ended == 0 {
                ended = try await night.number(
                    """
                    SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'trueup lock \(Night.job)'
                    """)
                if try await night.lastRun().hasEnded { break }
            }
            try #require(ended == 1, "the run was over before it could lose anything")
            var second: RunResult?
            for _ in 0..<2_000 where second == nil {
                do {
                    second = try await night.run()
                } catch RunError.alreadyRunning {
                    // The server lets go of a lock a moment after its session.
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            #expect(try #require(second).run.attempt == 2)
            let error = await #expect(throws: RunLost.self) { try await first.value }
            #expect(error?.attempt == 1)
            #expect(try await Self.state(night) == expected)
            #expect(try await night.number("SELECT count(*) FROM trueup.run") == 1)
        }
    }
}
