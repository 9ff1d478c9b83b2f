import PostgreSQL
import Runner
import Sandbox
import Store
import Support
import Testing

/// A person accepts a difference when it is already found and to be repaired.
@Suite("Differences that are accepted while they are repaired")
struct AcceptedMeanwhileTests {
    /// Grants, a cancellation, and an order whose draft is deleted.
    private static func setup(seed: UInt64) throws -> NightSetup {
        try .credits(seed: seed, orders: 300, plants: [.paidOpen: 2, .voidOpen: 1, .draftStaleOpen: 1])
    }

    /// All but the cancellation are accepted as soon as they are written, and so before they are repaired.
    private static func accepting<T: Sendable>(
        _ night: Night, _ body: () async throws -> T
    ) async throws -> T {
        _ = try await night.query(
            """
            CREATE FUNCTION public.accept_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                UPDATE trueup.finding SET state = 'accepted'
                WHERE id = NEW.id AND kind IN ('missed_paid', 'stale_draft'); RETURN NULL; END $$
            """)
        _ = try await night.query(
            "CREATE TRIGGER accept_new AFTER INSERT ON trueup.finding FOR EACH ROW EXECUTE FUNCTION public.accept_new()"
        )
        let result = try await body()
        _ = try await night.query("DROP TRIGGER accept_new ON trueup.finding")
        _ = try await night.query("DROP FUNCTION public.accept_new()")
        return result
    }

    /// Only the order of the void invoice was touched.
    private static func check(_ night: Night, before: [Int64: Int64]) async throws {
        let effects = try await night.query("SELECT effect FROM trueup.repair").map { try $0["effect"] as String }
        #expect(effects == ["cancel"])
        #expect(try await night.balances() == before)
        #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE state = 'accepted'") == 3)
        #expect(try await night.number("SELECT count(*) FROM trueup.finding WHERE closed_how = 'repaired'") == 1)
        #expect(try await night.number("SELECT count(*) FROM trueup.stripe_write") == 0)
        let order = try #require(try night.history.orders.first { $0.plant == .draftStaleOpen })
        let draft = try #require(order.invoice)
        #expect(night.world.invoice(draft.id)?.status == .draft)
    }

    private static let reason = "a person accepted this difference, or took its repair back"

    @Test("a run leaves them alone, says so, and does all others")
    func run() async throws {
        try await Night.with(try Self.setup(seed: 52)) { night in
            let before = try await night.balances()
            let result = try await Self.accepting(night) { try await night.run() }
            let left = result.outcome.problems.filter { $0.hasPrefix("left alone: ") && $0.hasSuffix(Self.reason) }
            #expect(left.count == 3, "\(result.outcome.problems)")
            #expect(result.outcome.state == .repaired && result.accepted == 3)
            try await Self.check(night, before: before)
            #expect(try await night.run().tallies.repaired.isEmpty)
            try await Self.check(night, before: before)
        }
    }

    @Test("a plan that is applied leaves them alone")
    func plan() async throws {
        try await Night.with(try Self.setup(seed: 53)) { night in
            let before = try await night.balances()
            let plan = try #require(try await night.run(plan: true).plan)
            #expect(plan.items.count == 4)
            let result = try await Self.accepting(night) { try await night.apply(plan) }
            #expect(result.applied == 1 && result.failures.isEmpty && result.exitCode == 2, "\(result)")
            #expect(result.leftAlone.count == 3, "\(result)")
            #expect(result.leftAlone.allSatisfy { $0.hasSuffix(Self.reason) }, "\(result)")
            try await Self.check(night, before: before)
        }
    }
}
