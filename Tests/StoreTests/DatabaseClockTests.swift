import Store
import Support
import Testing

@Suite("The database's clock beside ours")
struct DatabaseClockTests {
    private static let epoch: Int64 = 1_795_435_200_000_000

    /// Our clock, in microseconds since some instant, and the database's, which is `offset` ahead of it.
    private struct World {
        let origin = ContinuousClock.now
        var offset = DatabaseClockTests.epoch
        var clock: DatabaseClock

        init() { clock = DatabaseClock(origin: origin) }

        /// The database is asked at `asked`, looks at its clock at `read` and the answer is here at `answered`.
        mutating func note(asked: Int64, read: Int64, answered: Int64) {
            clock.note(
                read + offset, askedAt: origin + .microseconds(asked), answeredAt: origin + .microseconds(answered))
        }

        /// When a slot that lies at `time` on our clock may be used.
        func span(_ time: Int64) -> (from: Int64, to: Int64) {
            let (from, to) = clock.span(of: time + offset)
            func microseconds(_ instant: ContinuousClock.Instant) -> Int64 {
                let (seconds, attoseconds) = (instant - origin).components
                return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
            }
            return (microseconds(from), microseconds(to))
        }
    }

    @Test(
        "a slot is never used before its time nor after its tolerance, however slow single answers are",
        arguments: Seeds.range(0, 60))
    func bounds(_ seed: UInt64) {
        var random = Seeded(seed)
        var world = World()
        var now: Int64 = 0
        for _ in 0..<200 {
            now += Int64.random(in: 0...300_000, using: &random)
            let asked = now
            let read = asked + Int64.random(in: 50...random.pick([300, 4_000, 60_000]), using: &random)
            now = read + Int64.random(in: 50...random.pick([300, 4_000, 60_000]), using: &random)
            world.note(asked: asked, read: read, answered: now)
            let time = now + Int64.random(in: 0...1_000_000, using: &random)
            let span = world.span(time)
            #expect(span.from >= time, "seed \(seed)")
            #expect(span.to <= max(time + SlotRate.toleranceMicroseconds, span.from + 5_000), "seed \(seed)")
        }
        // What a quick answer told is not forgotten for a slow one.
        world.note(asked: now, read: now + 60, answered: now + 120)
        world.note(asked: now + 1_000, read: now + 31_000, answered: now + 91_000)
        let span = world.span(now + 200_000)
        #expect(span.from - (now + 200_000) <= 120 && span.to - span.from >= SlotRate.toleranceMicroseconds - 120)
    }

    @Test("a clock that is set forward or back counts from its next reading on")
    func isSet() {
        for step: Int64 in [3_600_000_000, -3_600_000_000] {
            var world = World()
            world.note(asked: 0, read: 100, answered: 200)
            world.offset += step
            world.note(asked: 1_000, read: 1_200, answered: 1_400)
            let span = world.span(50_000)
            #expect(span.from >= 50_000 && span.from <= 50_400)
            #expect(span.to <= 50_000 + SlotRate.toleranceMicroseconds)
        }
    }
}
