import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("Expiry that is refused, or cut off from its end")
struct ExpireFaultTests {
    private static let plants: [Plant: Int] = [.draftStaleOpen: 4, .draftStaleCancelled: 2, .draftStaleAbsent: 2]

    /// Orders with stale drafts, and charges with stale intents.
    private static func setup(seed: UInt64) throws -> NightSetup {
        var setup = try NightSetup.credits(seed: seed, orders: 600, plants: plants)
        setup.others = [
            "medflyt": try NightSetup.charges(
                seed: seed, charges: 600, invoices: 0, missedNotices: 0, plants: [.staleOpen: 4, .staleCanceled: 2]
            ).history
        ]
        return setup
    }

    /// Everything is gone, every waiting row cancelled, each change at Stripe and each row audited once.
    private static func expectDone(_ night: Night, drafts: String = "deleted", _ words: String = "") async throws {
        let expected = try ExpireRunTests.expected(night)
        let medflyt = try night.server.world(of: "medflyt")
        for id in expected.drafts {
            let status = night.world.invoice(id)?.status
            #expect(drafts == "deleted" ? status == nil : status == .void, "\(words)")
        }
        #expect(expected.intents.allSatisfy { medflyt.paymentIntent($0)?.status == .canceled }, "\(words)")
        let waiting = try await ExpireRunTests.waiting(night)
        #expect(waiting.isDisjoint(with: expected.drafts.union(expected.intents)), "\(words)")
        #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write WHERE ended_at IS NULL") == 0)
        #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE state <> 'closed'") == 0, "\(words)")
        // Of each object the audit tells that it was taken away, of each row that it was cancelled, once.
        let audited = try await night.query("SELECT DISTINCT stripe_id AS id FROM trueup.repair")
        #expect(Set(try audited.map { try $0["id"] as String }) == expected.drafts.union(expected.intents), "\(words)")
        let twice = try await night.number(
            """
            SELECT count(*) FROM (SELECT FROM trueup.repair WHERE effect IN ('cancel', 'cancel_charge')
                GROUP BY account, local_id HAVING count(*) > 1) rows
            """)
        #expect(twice == 0, "\(words)")
        let cancelled = try await night.number(
            "SELECT count(*) FROM trueup.repair WHERE effect IN ('cancel', 'cancel_charge')")
        #expect(cancelled == 8, "\(words)")
    }

    @Test("a draft that cannot be deleted is finalized and voided")
    func refused() async throws {
        try await Night.with(try Self.setup(seed: 701)) { night in
            for id in try ExpireRunTests.expected(night).drafts { try night.world.refuseDeletion(of: id) }
            let result = try await night.run(definition: night.expire())
            #expect(result.outcome.state == .repaired && result.outcome.problems.isEmpty)
            try await Self.expectDone(night, drafts: "void")
            let statuses = try await night.query(
                "SELECT DISTINCT stripe_status AS status FROM trueup.repair WHERE kind = 'stale_draft'")
            #expect(try statuses.map { try $0["status"] as String } == ["void"])
            #expect(try await night.run(definition: night.expire()).outcome.state == .clean)
        }
    }

    @Test("a draft that was finalized and not voided in the end is voided by the next run")
    func notVoided() async throws {
        var setup = try Self.setup(seed: 702)
        setup.attempts = 1
        setup.faults = SandboxFaults(
            scripts: [
                .init(.rateLimited, occurrence: 1, pathContains: "/void"),
                .init(.cut, occurrence: 2, pathContains: "/void"),
                .init(.unavailable, occurrence: 3, pathContains: "/void"),
            ])
        try await Night.with(setup) { night in
            for id in try ExpireRunTests.expected(night).drafts { try night.world.refuseDeletion(of: id) }
            let first = try await night.run(definition: night.expire())
            #expect(first.outcome.problems.count == 3 && first.outcome.state == .drift, "\(first.outcome.problems)")
            let open = try ExpireRunTests.expected(night).drafts.filter { night.world.invoice($0)?.status == .open }
            #expect(open.count == 2)
            let second = try await night.run(definition: night.expire())
            #expect(second.outcome.problems.isEmpty, "\(second.outcome.problems)")
            _ = try await night.run(definition: night.expire())
            try await Self.expectDone(night, drafts: "void")
        }
    }

    @Test("an invoice that somebody else finalized is not voided")
    func finalizedByOthers() async throws {
        var setup = try Self.setup(seed: 703)
        setup.attempts = 1
        setup.faults = SandboxFaults(scripts: [.init(.unavailable, occurrence: 1, method: "DELETE")])
        try await Night.with(setup) { night in
            let first = try await night.run(definition: night.expire())
            #expect(first.outcome.problems.count == 1, "\(first.outcome.problems)")
            let id = try #require(
                try ExpireRunTests.expected(night).drafts.first { night.world.invoice($0) != nil })
            try night.world.finalize(id)
            _ = try await night.run(definition: night.expire())
            #expect(night.world.invoice(id)?.status == .open)
            #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write WHERE ended_at IS NULL") == 0)
            #expect(try await night.number("SELECT count(*) FROM trueup.repair WHERE stripe_id = '\(id)'") == 0)
        }
    }

    @Test(
        "where Stripe acted and its answer was lost, the next run writes what is missing",
        arguments: Seeds.range(711, 3))
    func lostAnswers(seed: UInt64) async throws {
        var setup = try Self.setup(seed: seed)
        setup.attempts = 1
        setup.faults = SandboxFaults(
            scripts: [1, 3, 4].map { .init(.cut, occurrence: $0, method: "DELETE") }
                + [2, 3, 5].map { .init(.cut, occurrence: $0, pathContains: "/cancel") })
        try await Night.with(setup) { night in
            let first = try await night.run(definition: night.expire())
            #expect(first.outcome.state == .drift && first.outcome.problems.count == 6, "\(first.outcome.problems)")
            #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write WHERE ended_at IS NULL") == 6)
            let second = try await night.run(definition: night.expire())
            #expect(second.outcome.problems.isEmpty, "\(second.outcome.problems)")
            try await Self.expectDone(night)
            #expect(try await night.run(definition: night.expire()).outcome.state == .clean)
        }
    }

    /// How a run ends between Stripe's change and the commit of its audit.
    enum Crash: CaseIterable, Sendable {
        case connections, task
    }

    @Test("a crash right after a change at Stripe loses nothing", arguments: Crash.allCases, Seeds.range(721, 3))
    func crash(_ crash: Crash, seed: UInt64) async throws {
        var setup = try Self.setup(seed: seed)
        setup.latencyMilliseconds = 150
        try await Night.with(setup) { night in
            let number = 1 + Int(seed % 3) * 2
            let run = Task { try await night.run(definition: night.expire()) }
            // What is logged has been done; the answer is on its way for a while.
            while night.requests().count(where: { $0.method != "GET" }) < number {
                try await Task.sleep(for: .milliseconds(1))
            }
            switch crash {
            case .task: run.cancel()
            case .connections:
                for _ in 0..<80 {
                    _ = try await night.query(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                            AND application_name NOT IN ('night') AND pid <> pg_backend_pid()
                        """)
                    try await Task.sleep(for: .milliseconds(4))
                }
            }
            await #expect(throws: (any Error).self) { try await run.value }
            let open = try await night.number("SELECT count(*) FROM trueup.stripe_write WHERE ended_at IS NULL")
            #expect(open > 0, "nothing was cut off")
            let second = try await night.run(definition: night.expire())
            #expect(second.outcome.problems.isEmpty, "\(second.outcome.problems)")
            _ = try await night.run(definition: night.expire())
            try await Self.expectDone(night, "\(crash), seed \(seed), \(open) cut off")
        }
    }
}
