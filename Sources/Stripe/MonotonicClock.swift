/// Time for waiting: nanoseconds from an arbitrary origin, which never step back.
///
/// A value with two closures, so that tests bring their own time.
public struct MonotonicClock: Sendable {
    public let now: @Sendable () -> Int64
    /// Returns at that time or later; throws when the task is cancelled before.
    public let sleepUntil: @Sendable (Int64) async throws(CancellationError) -> Void

    public init(
        now: @escaping @Sendable () -> Int64,
        sleepUntil: @escaping @Sendable (Int64) async throws(CancellationError) -> Void
    ) {
        self.now = now
        self.sleepUntil = sleepUntil
    }

    /// The system's `ContinuousClock`.
    public static let system: MonotonicClock = {
        let origin = ContinuousClock.now
        return MonotonicClock(
            now: {
                let (seconds, attoseconds) = (ContinuousClock.now - origin).components
                return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
            },
            sleepUntil: { nanoseconds async throws(CancellationError) in
                do {
                    try await ContinuousClock().sleep(until: origin + .nanoseconds(nanoseconds))
                } catch {
                    throw CancellationError()
                }
            })
    }()
}
