import Stripe
import Synchronization

/// Time that moves only when a test says so.
final class ManualClock: Sendable {
    private struct Sleeper {
        let id: Int
        let wakeAt: Int64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var now: Int64 = 0
        var nextID = 0
        var sleepers: [Sleeper] = []
        var cancelledEarly: Set<Int> = []
    }

    private let state = Mutex(State())

    var now: Int64 { state.withLock { $0.now } }
    var sleeping: Int { state.withLock { $0.sleepers.count } }

    var clock: MonotonicClock {
        MonotonicClock(
            now: { self.now },
            sleepUntil: { time async throws(CancellationError) in try await self.sleep(until: time) })
    }

    /// Moves to the next time at which somebody wakes, and wakes them; false when nobody sleeps.
    func advanceToNextSleeper() -> Bool {
        let woken = state.withLock { state -> [Sleeper] in
            guard let next = state.sleepers.map(\.wakeAt).min() else { return [] }
            state.now = max(state.now, next)
            let now = state.now
            defer { state.sleepers.removeAll { $0.wakeAt <= now } }
            return state.sleepers.filter { $0.wakeAt <= now }
        }
        for sleeper in woken {
            sleeper.continuation.resume(returning: true)
        }
        return !woken.isEmpty
    }

    func advance(seconds: Double) {
        let woken = state.withLock { state -> [Sleeper] in
            state.now += Int64(seconds * 1e9)
            let now = state.now
            defer { state.sleepers.removeAll { $0.wakeAt <= now } }
            return state.sleepers.filter { $0.wakeAt <= now }
        }
        for sleeper in woken {
            sleeper.continuation.resume(returning: true)
        }
    }

    private func sleep(until time: Int64) async throws(CancellationError) {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let slept = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let verdict: Bool? = state.withLock { state in
                    if state.cancelledEarly.remove(id) != nil {
                        return false
                    }
                    if time <= state.now {
                        return true
                    }
                    state.sleepers.append(Sleeper(id: id, wakeAt: time, continuation: continuation))
                    return nil
                }
                if let verdict {
                    continuation.resume(returning: verdict)
                }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                guard let place = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelledEarly.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: place)
            }
            sleeper?.continuation.resume(returning: false)
        }
        guard slept else { throw CancellationError() }
    }
}

/// Time that passes at once: each sleep is noted, and over.
final class HastyClock: Sendable {
    private let state = Mutex<(now: Int64, sleeps: [Double])>((0, []))

    /// The lengths of the sleeps so far.
    var sleepsSeconds: [Double] { state.withLock { $0.sleeps } }

    var clock: MonotonicClock {
        MonotonicClock(
            now: { self.state.withLock { $0.now } },
            sleepUntil: { time async throws(CancellationError) in
                if Task.isCancelled {
                    throw CancellationError()
                }
                self.state.withLock { state in
                    state.sleeps.append(Double(time - state.now) / 1e9)
                    state.now = max(state.now, time)
                }
            })
    }
}
