import NIOCore
import NIOPosix
import Synchronization

/// Measures how late event loops come to their work.
final class DelayWatch: Sendable {
    private let longest = Atomic<Int64>(0)
    private static let stepMilliseconds: Int64 = 5

    var longestSeconds: Double { Double(longest.load(ordering: .relaxed)) / 1e9 }

    /// Asks each loop every five milliseconds whether it is in time, until the loop is shut down.
    func watch(_ group: MultiThreadedEventLoopGroup) {
        for loop in group.makeIterator() { loop.execute { self.look(loop, at: .now()) } }
    }

    private func look(_ loop: any EventLoop, at due: NIODeadline) {
        let late = (NIODeadline.now() - due).nanoseconds
        longest.max(late, ordering: .relaxed)
        let next = NIODeadline.now() + .milliseconds(Self.stepMilliseconds)
        // A loop that is being shut down takes nothing more, and has nothing more to be late for.
        _ = loop.scheduleTask(deadline: next) { [weak self] in self?.look(loop, at: next) }
    }
}
