import Synchronization

/// The buckets of one account: one for everything, one for each endpoint. A request takes a token from both.
package final class TokenBuckets: Sendable {
    private struct Waiter {
        let id: Int
        let endpoint: String
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var account: TokenBucket
        var endpoints: [String: TokenBucket] = [:]
        /// In the order of arrival.
        var waiters: [Waiter] = []
        var nextID = 0
        /// Asked for, and neither granted nor cancelled.
        var pending: Set<Int> = []
        /// Endpoints for which a task sleeps until their next token.
        var alarms: Set<String> = []
        /// Cancelled before they were queued.
        var cancelledEarly: Set<Int> = []
    }

    private let limits: RateLimits
    private let clock: MonotonicClock
    private let state: Mutex<State>

    package init(_ limits: RateLimits, clock: MonotonicClock) {
        self.limits = limits
        self.clock = clock
        state = Mutex(
            State(account: TokenBucket(perSecond: limits.perSecond, share: limits.share, now: clock.now())))
    }

    /// Waits for a token. A cancelled wait takes none and leaves the queue at once.
    package func take(_ endpoint: String) async throws(CancellationError) {
        if Task.isCancelled {
            throw CancellationError()
        }
        let now = clock.now()
        let id: Int? = state.withLock { state in
            prepare(endpoint, &state, now)
            // Nobody of the same endpoint may be overtaken.
            if !state.waiters.contains(where: { $0.endpoint == endpoint }), grant(endpoint, &state, now) {
                return nil
            }
            state.nextID += 1
            state.pending.insert(state.nextID)
            return state.nextID
        }
        guard let id else { return }
        let granted = await withTaskCancellationHandler {
            await withCheckedContinuation { enqueue(Waiter(id: id, endpoint: endpoint, continuation: $0)) }
        } onCancel: {
            cancel(id)
        }
        guard granted else { throw CancellationError() }
    }

    /// Lowers the rate of what the reason is about. Object locks are no question of rate.
    package func slowDown(_ endpoint: String, reason: RateLimitReason) {
        let now = clock.now()
        state.withLock { state in
            prepare(endpoint, &state, now)
            switch reason {
            case .globalRate, .globalConcurrency:
                state.account.slowDown(now)
            case .endpointRate, .endpointConcurrency, .unstated, .unknown:
                state.endpoints[endpoint]?.slowDown(now)
            case .lockTimeout, .resourceSpecific:
                break
            }
        }
    }

    /// How many wait for a token.
    package var waiting: Int {
        state.withLock { $0.waiters.count }
    }

    private func prepare(_ endpoint: String, _ state: inout State, _ now: Int64) {
        if state.endpoints[endpoint] == nil {
            state.endpoints[endpoint] = TokenBucket(perSecond: limits.perEndpoint, share: limits.share, now: now)
        }
    }

    private func readyAt(_ endpoint: String, _ state: borrowing State) -> Int64 {
        max(state.account.readyAt, state.endpoints[endpoint]?.readyAt ?? .min)
    }

    private func grant(_ endpoint: String, _ state: inout State, _ now: Int64) -> Bool {
        guard readyAt(endpoint, state) <= now else { return false }
        state.account.take(now)
        state.endpoints[endpoint]?.take(now)
        return true
    }

    private func enqueue(_ waiter: Waiter) {
        let (isCancelled, mustStart) = state.withLock { state in
            if state.cancelledEarly.remove(waiter.id) != nil {
                return (true, false)
            }
            state.waiters.append(waiter)
            return (false, state.alarms.insert(waiter.endpoint).inserted)
        }
        if isCancelled {
            waiter.continuation.resume(returning: false)
        }
        if mustStart {
            // The alarm outlives the task that set it off: whoever waits behind must still be served.
            Task { await ring(waiter.endpoint) }
        }
    }

    private func cancel(_ id: Int) {
        let waiter: Waiter? = state.withLock { state in
            guard state.pending.remove(id) != nil else { return nil }
            guard let place = state.waiters.firstIndex(where: { $0.id == id }) else {
                state.cancelledEarly.insert(id)
                return nil
            }
            return state.waiters.remove(at: place)
        }
        waiter?.continuation.resume(returning: false)
    }

    /// Serves whoever may go, and sleeps until the endpoint's next token, as long as somebody waits for it.
    private func ring(_ endpoint: String) async {
        while true {
            let now = clock.now()
            let (granted, wakeAt) = state.withLock { state -> ([Waiter], Int64?) in
                let granted = grantOldest(&state, now)
                guard state.waiters.contains(where: { $0.endpoint == endpoint }) else {
                    state.alarms.remove(endpoint)
                    return (granted, nil)
                }
                return (granted, readyAt(endpoint, state))
            }
            for waiter in granted {
                waiter.continuation.resume(returning: true)
            }
            guard let wakeAt else { return }
            // This task is never cancelled.
            try? await clock.sleepUntil(wakeAt)
        }
    }

    private func grantOldest(_ state: inout State, _ now: Int64) -> [Waiter] {
        var granted: [Waiter] = []
        var left: [Waiter] = []
        for waiter in state.waiters {
            if grant(waiter.endpoint, &state, now) {
                granted.append(waiter)
                state.pending.remove(waiter.id)
            } else {
                left.append(waiter)
            }
        }
        state.waiters = left
        return granted
    }
}

/// Tokens at even distances, as the time at which the next one is due (the generic cell rate algorithm), and never more
/// in one second than Stripe allows.
struct TokenBucket {
    private let intervalNanoseconds: Double
    /// How early a token may be taken, so that late wake-ups do not lower the rate.
    private let toleranceNanoseconds: Int64
    private var due: Int64
    /// When the latest tokens were taken, as many as Stripe allows in one second, as a ring.
    private var taken: [Int64]
    private var oldest = 0
    /// 1, or more while Stripe refuses.
    private(set) var slowness: Double = 1
    private var slownessChangedAt: Int64 = .min / 2

    private static let second: Int64 = 1_000_000_000
    private static let maxSlowness: Double = 16
    /// Stripe counts by the second: half of one without refusals says that there is room again.
    private static let recoveryNanoseconds = second / 2
    /// Requests that follow each other closely on the way out may arrive closer still: so much more than a second lies
    /// between the first and the last of as many as Stripe allows, and more after each refusal.
    private var marginNanoseconds: Int64 = 0
    private static let marginStepNanoseconds: Int64 = 5_000_000
    private static let marginMaxNanoseconds: Int64 = 100_000_000
    /// A token that is taken so late was due to somebody who waited for it; the next is not late for that.
    private static let latenessNanoseconds: Int64 = 50_000_000
    /// Above this rate nobody counts single requests.
    private static let countedPerSecondMax = 1_000.0

    init(perSecond: Double, share: Double, now: Int64) {
        let rate = max(0.001, perSecond * share)
        intervalNanoseconds = Double(Self.second) / rate
        // In any second at most rate * (1 + tolerance) + 1 tokens go: that must stay within `perSecond`.
        let tolerance = max(0, min(0.1, 1 / share - 1 - 1 / rate))
        toleranceNanoseconds = Int64(tolerance * Double(Self.second))
        due = now
        let counted = perSecond <= Self.countedPerSecondMax ? Int(max(0, perSecond)) : 0
        taken = [Int64](repeating: .min / 2, count: counted)
    }

    var readyAt: Int64 {
        // While Stripe refuses there is nothing to catch up with.
        let spaced = due - (slowness > 1 ? 0 : toleranceNanoseconds)
        return taken.isEmpty ? spaced : max(spaced, taken[oldest] + Self.second + marginNanoseconds)
    }

    mutating func take(_ now: Int64) {
        if slowness > 1, now - slownessChangedAt >= Self.recoveryNanoseconds {
            slowness = max(1, slowness * 0.75)
            slownessChangedAt = now
        }
        let start = now - due <= Self.latenessNanoseconds && slowness == 1 ? due : max(due, now)
        due = start + Int64(intervalNanoseconds * slowness)
        guard !taken.isEmpty else { return }
        taken[oldest] = now
        oldest = (oldest + 1) % taken.count
    }

    mutating func slowDown(_ now: Int64) {
        // One refusal hits all that is in flight: those count once.
        guard now - slownessChangedAt >= Self.second else { return }
        slowness = min(Self.maxSlowness, slowness * 2)
        slownessChangedAt = now
        marginNanoseconds = min(Self.marginMaxNanoseconds, marginNanoseconds + Self.marginStepNanoseconds)
        due = max(due, now + Int64(intervalNanoseconds * slowness))
    }
}
