import Runner
import Testing

@Suite("How many requests are on their way")
struct ReadingPaceTests {
    /// A pace after so many pages, each of which took `latencyMilliseconds`, `perSecond` of them in a second.
    private static func pace(
        allowed: Double, latencyMilliseconds: Int64, perSecond: Double, pages: Int = 64
    ) -> ReadingPace {
        var now = ContinuousClock.now
        var pace = ReadingPace(allowedPerSecond: allowed, now: now)
        for _ in 0..<pages {
            now += .seconds(1 / perSecond)
            pace.note(transferMicroseconds: latencyMilliseconds * 1_000, now: now)
        }
        return pace
    }

    @Test(
        "requests in flight follow the rate limit times the latency",
        arguments: [
            (25.0, 300, 8...13), (20, 300, 6...11), (25, 1_000, 26...36), (25, 20, 2...4), (100, 5_000, 64...64),
        ])
    func littlesLaw(allowed: Double, latency: Int64, expected: ClosedRange<Int>) {
        let pace = Self.pace(allowed: allowed, latencyMilliseconds: latency, perSecond: allowed)
        #expect(expected.contains(pace.requestsInFlight))
    }

    @Test("without a limit they follow what is delivered, and stay few on a machine that is its own limit")
    func unlimited() {
        #expect(Self.pace(allowed: 10_000, latencyMilliseconds: 5, perSecond: 300).requestsInFlight <= 6)
        #expect(Self.pace(allowed: 10_000, latencyMilliseconds: 5_000, perSecond: 300).requestsInFlight == 12)
    }

    @Test("a latency that has grown for good is believed after a while, a single slow answer never")
    func adapts() {
        var now = ContinuousClock.now
        var pace = ReadingPace(allowedPerSecond: 25, now: now)
        func note(_ milliseconds: Int64, _ times: Int) {
            for _ in 0..<times {
                now += .milliseconds(40)
                pace.note(transferMicroseconds: milliseconds * 1_000, now: now)
            }
        }
        note(100, 300)
        let before = pace.requestsInFlight
        note(2_000, 1)
        #expect(pace.requestsInFlight == before)
        note(800, 300)
        #expect(pace.requestsInFlight > 3 * before)
    }

    @Test("before the first page there is next to nothing on its way")
    func start() {
        #expect(ReadingPace(allowedPerSecond: 25).requestsInFlight == 2)
    }
}
