import PostgreSQL
import Reconciliation
import Runner
import Sandbox
import Store
import Stripe
import Support
import Testing

@Suite("The time limit of a run", .timeLimit(.minutes(3)))
struct TimeLimitTests {
    struct Trouble: Error {}

    /// A clock on which every sleep is over once a test says so, and what says it.
    private static func clock() -> (clock: MonotonicClock, strike: @Sendable () -> Void) {
        let (over, hand) = AsyncStream<Never>.makeStream()
        let clock = MonotonicClock(
            now: { 0 },
            sleepUntil: { _ async throws(CancellationError) in
                for await _ in over {}
                if Task.isCancelled { throw CancellationError() }
            })
        return (clock, { hand.finish() })
    }

    @Test("work that ends in time says what it comes to, and what it throws")
    func inTime() async throws {
        let limit = TimeLimit(seconds: 60)
        let seven = try await limit.run { 7 }
        #expect(seven == 7)
        await #expect(throws: Trouble.self) { try await limit.run { throw Trouble() } }
    }

    @Test("work that takes longer is cancelled, and its error is the limit; one that ends all the same has ended")
    func tooLong() async throws {
        let (clock, strike) = Self.clock()
        let limit = TimeLimit(seconds: 7, clock: clock)
        let error = await #expect(throws: TimedOut.self) {
            try await limit.run {
                strike()
                try await Task.sleep(for: .seconds(60))
            }
        }
        #expect(error?.seconds == 7)
        let ended = try await limit.run {
            try? await Task.sleep(for: .seconds(60))
            return Task.isCancelled
        }
        #expect(ended)
    }

    @Test("who stops the task hears of the stop, not of the limit")
    func stopped() async throws {
        let task = Task { try await TimeLimit(seconds: 60).run { try await Task.sleep(for: .seconds(60)) } }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("a run that is stopped by it says so in the history, and the next one goes on with it")
    func run() async throws {
        var setup = try NightSetup.credits(seed: 781, orders: 600, plants: [.paidOpen: 3])
        setup.latencyMilliseconds = 100
        try await Night.with(setup) { night in
            let (clock, strike) = Self.clock()
            await #expect(throws: TimedOut.self) {
                try await TimeLimit(seconds: 7, clock: clock).run {
                    try await night.run { if case .began = $0 { strike() } }
                }
            }
            let stopped = try await night.lastRun()
            #expect(stopped.state == "interrupted" && stopped.attempt == 1)
            let problems: [String] = try await night.query("SELECT problems FROM trueup.run")[0]["problems"]
            #expect(
                problems == ["It was stopped after 7 s, the job's timeout; the same command goes on from there."])
            let result = try await night.run()
            #expect(result.run.id == stopped.id && result.run.attempt == 2 && result.outcome.state == .repaired)
        }
    }
}
