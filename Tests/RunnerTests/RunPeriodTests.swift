import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Support
import Testing

@Suite("What a run by hand lists")
struct RunPeriodTests {
    private static let now = NightSetup.nowSeconds
    private static let day: Int64 = 86_400

    /// The look-back of a day, up to a settle delay before a moment.
    private static func lookBack(_ seconds: Int64) -> Window {
        Window(fromSeconds: seconds - 300 - day, toSeconds: seconds - 300)
    }

    private static func run(_ night: Night, _ seconds: Int64, isPlan: Bool = false) async throws -> RunResult {
        night.server.clock.set(seconds: seconds)
        return try await night.run(plan: isPlan, nowSeconds: seconds)
    }

    @Test("after a gap that is longer than its look-back it begins where the last complete run ended")
    func gap() async throws {
        var setup = try NightSetup.credits(seed: 81, orders: 300, plants: [:])
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let first = try await Self.run(night, Self.now)
            #expect(first.run.period == Self.lookBack(Self.now))
            // No order has it, and no event tells of it.
            night.server.clock.set(seconds: Self.now + 5 * Self.day)
            let missed = try night.world.insert(SandboxInvoiceDraft(amount: 20_000), delivery: .lost)
            try night.world.pay(missed, delivery: .lost)
            // Plans leave nothing behind.
            let plan = try await Self.run(night, Self.now + 8 * Self.day, isPlan: true)
            #expect(plan.run.period.fromSeconds == first.run.period.toSeconds)

            let second = try await Self.run(night, Self.now + 10 * Self.day)
            let upTo = Self.lookBack(Self.now + 10 * Self.day).toSeconds
            #expect(second.run.period == Window(fromSeconds: first.run.period.toSeconds, toSeconds: upTo))
            #expect(second.findings.filter { $0.stripeID == missed }.map(\.kind) == [.missingLocally])

            // Within the look-back, and after more than is made up for.
            for seconds in [Self.now + 10 * Self.day + 3_600, Self.now + 60 * Self.day] {
                let next = try await Self.run(night, seconds)
                #expect(next.run.period == Self.lookBack(seconds))
                #expect(next.outcome.state != .incomplete, "\(next.outcome.problems)")
            }
        }
    }

    @Test("what a run that was not complete should have read is read by the next one")
    func incomplete() async throws {
        var setup = try NightSetup.credits(seed: 82, orders: 300, plants: [:])
        setup.lookBackSeconds = Self.day
        try await Night.with(setup) { night in
            let first = try await Self.run(night, Self.now)
            let broken = try await Self.run(night, Self.now + 4 * Self.day)
            _ = try await night.query("UPDATE trueup.run SET state = 'incomplete' WHERE id = $1", broken.run.id)
            let next = try await Self.run(night, Self.now + 7 * Self.day)
            #expect(next.run.period.fromSeconds == first.run.period.toSeconds)
        }
    }
}
