import Synchronization

/// The time of the sandbox, in Unix seconds. It stands still until it is moved.
public final class SandboxClock: Sendable {
    private let seconds: Atomic<Int64>

    init(seconds: Int64) { self.seconds = Atomic(seconds) }

    /// The time, in Unix seconds.
    public var nowSeconds: Int64 { seconds.load(ordering: .acquiring) }

    /// Sets the time, forwards or backwards.
    public func set(seconds: Int64) { self.seconds.store(seconds, ordering: .releasing) }

    /// Moves the time by this many seconds.
    public func advance(bySeconds delta: Int64) { seconds.add(delta, ordering: .acquiringAndReleasing) }
}
