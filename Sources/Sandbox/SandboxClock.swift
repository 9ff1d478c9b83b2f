import Synchronization

/// The time of the sandbox, in Unix seconds. It stands still until it is moved, unless it runs.
public final class SandboxClock: Sendable {
    private let seconds: Atomic<Int64>
    private let start: ContinuousClock.Instant?
    private let observers = Mutex<[@Sendable () -> Void]>([])

    init(seconds: Int64, runs: Bool = false) {
        self.seconds = Atomic(seconds)
        start = runs ? ContinuousClock.now : nil
    }

    /// Whether a second passes here when one passes outside.
    public var runs: Bool { start != nil }

    private var elapsedSeconds: Int64 { start.map { ($0.duration(to: .now)).components.seconds } ?? 0 }

    /// The time, in Unix seconds.
    public var nowSeconds: Int64 { seconds.load(ordering: .acquiring) + elapsedSeconds }

    /// Sets the time, forwards or backwards; a clock that runs goes on from there. What is due by then, such as drafts
    /// with `auto_advance`, has happened when this returns.
    public func set(seconds: Int64) {
        self.seconds.store(seconds - elapsedSeconds, ordering: .releasing)
        tick()
    }

    /// Moves the time by this many seconds.
    public func advance(bySeconds delta: Int64) {
        seconds.add(delta, ordering: .acquiringAndReleasing)
        tick()
    }

    func onTick(_ body: @escaping @Sendable () -> Void) { observers.withLock { $0.append(body) } }

    /// Lets happen what is due.
    func tick() {
        for body in observers.withLock({ $0 }) { body() }
    }
}
