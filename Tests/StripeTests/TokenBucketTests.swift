import Stripe
import Synchronization
import Testing

@Suite struct TokenBucketTests {
    /// Who was served when, in the order of service.
    private final class Log: Sendable {
        let entries = Mutex<[(name: String, at: Int64)]>([])
        var count: Int { entries.withLock { $0.count } }
        func add(_ name: String, _ at: Int64) { entries.withLock { $0.append((name, at)) } }
    }

    private struct Unsettled: Error {}

    /// Waits, in real time, until a condition of the test holds.
    private func settle(_ condition: () -> Bool) async throws {
        for _ in 0..<20_000 {
            if condition() { return }
            try await Task.sleep(for: .microseconds(200))
        }
        throw Unsettled()
    }

    /// Lets all requests through, one wake-up of the clock at a time.
    private func drain(_ buckets: TokenBuckets, _ time: ManualClock, _ log: Log, total: Int) async throws {
        while log.count < total {
            // Each request is either served or queued, and whoever is queued has an alarm that sleeps.
            try await settle {
                log.count + buckets.waiting == total && (buckets.waiting == 0 || time.sleeping > 0)
            }
            if log.count < total {
                _ = time.advanceToNextSleeper()
            }
        }
    }

    private func run(
        _ limits: RateLimits, endpoints: [String], each: Int
    ) async throws -> [(name: String, at: Int64)] {
        let time = ManualClock()
        let buckets = TokenBuckets(limits, clock: time.clock)
        let log = Log()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for endpoint in endpoints {
                for _ in 0..<each {
                    group.addTask {
                        try await buckets.take(endpoint)
                        log.add(endpoint, time.now)
                    }
                }
            }
            try await drain(buckets, time, log, total: endpoints.count * each)
            try await group.waitForAll()
            return log.entries.withLock { $0 }
        }
    }

    /// The most that fall into one second, whenever it begins.
    private func mostInOneSecond(_ times: [Int64]) -> Int {
        let sorted = times.sorted()
        return sorted.map { start in sorted.filter { $0 >= start && $0 < start + 1_000_000_000 }.count }.max() ?? 0
    }

    @Test(
        "no second sees more requests than allowed, for an endpoint or for the account",
        arguments: [
            RateLimits(perSecond: 100, perEndpoint: 25, share: 0.8),
            RateLimits(perSecond: 25, perEndpoint: 25, share: 1),
            RateLimits(perSecond: 40, perEndpoint: 25, share: 0.5),
            RateLimits(perSecond: 3, perEndpoint: 2, share: 0.9),
        ])
    func limits(limits: RateLimits) async throws {
        let endpoints = ["GET /v1/invoices", "GET /v1/events", "POST /v1/invoices", "GET /v1/account", "GET /v1/x"]
        let log = try await run(limits, endpoints: endpoints, each: 24)
        #expect(log.count == 120)
        #expect(mostInOneSecond(log.map(\.at)) <= Int(limits.perSecond))
        for endpoint in endpoints {
            #expect(mostInOneSecond(log.filter { $0.name == endpoint }.map(\.at)) <= Int(limits.perEndpoint))
        }
    }

    @Test("the share that is allowed is also used")
    func throughput() async throws {
        let log = try await run(RateLimits(perSecond: 100, perEndpoint: 25, share: 0.8), endpoints: ["a"], each: 101)
        let seconds = Double(log.map(\.at).max() ?? 0) / 1e9
        #expect(seconds > 4.7 && seconds < 5.1)
    }

    @Test("a slow endpoint does not hold up another one")
    func noHeadOfLine() async throws {
        let time = ManualClock()
        let buckets = TokenBuckets(RateLimits(perSecond: 1_000, perEndpoint: 1, share: 1), clock: time.clock)
        try await buckets.take("a")
        let blocked = Task { try await buckets.take("a") }
        try await settle { buckets.waiting == 1 && time.sleeping == 1 }
        // The account's own next token.
        time.advance(seconds: 0.001)
        try await buckets.take("b")
        #expect(buckets.waiting == 1)
        time.advance(seconds: 1)
        try await blocked.value
    }

    @Test("requests of one endpoint are served in the order in which they came")
    func fifo() async throws {
        let time = ManualClock()
        let buckets = TokenBuckets(RateLimits(perSecond: 10, perEndpoint: 10, share: 1), clock: time.clock)
        let log = Log()
        try await buckets.take("a")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    try await buckets.take("a")
                    log.add("\(number)", time.now)
                }
                try await settle { buckets.waiting == number + 1 }
            }
            try await drain(buckets, time, log, total: 20)
        }
        #expect(log.entries.withLock { $0.map(\.name) } == (0..<20).map { "\($0)" })
    }

    @Test("whoever is cancelled leaves the queue at once and takes no token")
    func cancellation() async throws {
        let time = ManualClock()
        let buckets = TokenBuckets(RateLimits(perSecond: 10, perEndpoint: 10, share: 1), clock: time.clock)
        try await buckets.take("a")
        let first = Task { try await buckets.take("a") }
        try await settle { buckets.waiting == 1 }
        let second = Task { () -> Int64 in
            try await buckets.take("a")
            return time.now
        }
        try await settle { buckets.waiting == 2 && time.sleeping == 1 }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(buckets.waiting == 1)
        time.advance(seconds: 0.1)
        #expect(try await second.value == 100_000_000)
    }

    @Test("a cancelled task gets no token, not even a free one")
    func cancelledBefore() async throws {
        let buckets = TokenBuckets(RateLimits(), clock: ManualClock().clock)
        let task = Task {
            while !Task.isCancelled {
                await Task.yield()
            }
            try await buckets.take("a")
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await buckets.take("a")
    }

    @Test(
        "a refusal halves the rate of what it is about",
        arguments: [
            (RateLimitReason.endpointRate, 0.2, 0.0), (.endpointConcurrency, 0.2, 0.0), (.unstated, 0.2, 0.0),
            (.globalRate, 0.2, 0.2), (.lockTimeout, 0.0, 0.0), (.resourceSpecific, 0.0, 0.0),
        ])
    func slowDown(reason: RateLimitReason, waitSeconds: Double, otherWaitSeconds: Double) async throws {
        for (endpoint, wait) in [("a", waitSeconds), ("b", otherWaitSeconds)] {
            let time = ManualClock()
            let buckets = TokenBuckets(RateLimits(perSecond: 10, perEndpoint: 10, share: 1), clock: time.clock)
            buckets.slowDown("a", reason: reason)
            // What was in flight at the same time counts once.
            buckets.slowDown("a", reason: reason)
            let task = Task {
                try await buckets.take(endpoint)
                return Double(time.now) / 1e9
            }
            if wait > 0 {
                try await settle { time.sleeping == 1 }
                _ = time.advanceToNextSleeper()
            }
            #expect(try await task.value == wait)
        }
    }

    @Test("after a while without refusals the rate comes back")
    func recovery() async throws {
        let time = ManualClock()
        let buckets = TokenBuckets(RateLimits(perSecond: 10, perEndpoint: 10, share: 1), clock: time.clock)
        buckets.slowDown("a", reason: .endpointRate)
        for _ in 0..<4 {
            time.advance(seconds: 6)
            try await buckets.take("a")
        }
        let task = Task {
            try await buckets.take("a")
            return time.now
        }
        let start = time.now
        try await settle { time.sleeping == 1 }
        _ = time.advanceToNextSleeper()
        #expect(try await task.value - start == 100_000_000)
    }
}
