/// How the database's clock stands to this process's: bounds, from readings of the one between two readings of the
/// other.
///
/// One reading says it to within its round trip. What holds for several of them holds to within the shortest, so that a
/// statement that was slow, as on a busy machine, makes nothing less exact.
package struct DatabaseClock: Sendable {
    private struct Reading {
        /// Microseconds of the database's clock minus those of ours: at least, and at most.
        var least: Int64
        var most: Int64
        /// On our clock.
        var at: Int64
    }

    /// Clocks that are set by a time server run up to 500 millionths apart: 2 ms in so many microseconds.
    private static let keptMicroseconds: Int64 = 4_000_000
    /// A round trip that takes nearly all of the tolerance leaves a little time all the same, or a distant database
    /// would stop all requests: then a slot can be used so much too late as the round trip is too long.
    private static let leastSpanMicroseconds: Int64 = 5_000

    private let origin: ContinuousClock.Instant
    private var readings: [Reading] = []

    package init(origin: ContinuousClock.Instant = .now) { self.origin = origin }

    /// Notes that the database's clock showed `databaseNow`, in microseconds of Unix time, at some time between two
    /// instants of ours.
    package mutating func note(
        _ databaseNow: Int64, askedAt: ContinuousClock.Instant, answeredAt: ContinuousClock.Instant
    ) {
        let (asked, answered) = (microseconds(askedAt), microseconds(answeredAt))
        let new = Reading(least: databaseNow - answered, most: databaseNow - asked, at: answered)
        readings.removeAll { $0.at < answered - Self.keptMicroseconds }
        // Bounds that exclude each other are those of a clock that was set meanwhile: only the new ones hold.
        if readings.contains(where: { $0.least > new.most || $0.most < new.least }) { readings = [] }
        // One that is wider on both sides than a later one says nothing more.
        readings.removeAll { $0.least <= new.least && $0.most >= new.most }
        readings.append(new)
    }

    /// When a slot may be used, on our clock: never before it, and never more than the tolerance after it.
    /// - Parameters:
    ///   - slot: microseconds of Unix time on the database's clock.
    ///   - tolerance: microseconds.
    package func span(
        of slot: Int64, tolerance: Int64 = SlotRate.toleranceMicroseconds
    ) -> (from: ContinuousClock.Instant, to: ContinuousClock.Instant) {
        let least = readings.map(\.least).max() ?? 0
        let most = readings.map(\.most).min() ?? 0
        let from = slot - least
        let to = max(slot + tolerance - most, from + Self.leastSpanMicroseconds)
        return (origin + .microseconds(from), origin + .microseconds(to))
    }

    private func microseconds(_ instant: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = (instant - origin).components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
