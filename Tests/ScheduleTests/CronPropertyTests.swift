import Schedule
import Testing

/// Expressions made up from a seed, held against an oracle that walks through time minute by minute.
@Suite("cron expressions against brute force")
struct CronPropertyTests {
    /// An expression together with the sets that it stands for, made without the parser.
    struct Made {
        var text: String
        var minutes: Set<Int>
        var hours: Set<Int>
        var days: Set<Int>
        var months: Set<Int>
        var weekdays: Set<Int>
        var isWild: Bool
        var needsBoth: Bool

        func matches(_ local: Int64) -> Bool {
            let day = Int((Double(local) / 86_400).rounded(.down))
            let minute = Int(local - Int64(day) * 86_400) / 60
            let date = CivilDate(daysSinceEpoch: day)
            let byMonth = days.contains(date.day)
            let byWeek = weekdays.contains(date.weekday)
            return minutes.contains(minute % 60) && hours.contains(minute / 60) && months.contains(date.month)
                && (needsBoth ? byMonth && byWeek : byMonth || byWeek)
        }
    }

    static func field(_ low: Int, _ high: Int, _ random: inout Seeded, star: Int = 3) -> (String, Set<Int>) {
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<star: return ("*", Set(low...high))
        case 3:
            let step = Int.random(in: 1...(high - low), using: &random)
            return ("*/\(step)", Set(stride(from: low, through: high, by: step)))
        case 4:
            let from = Int.random(in: low...high, using: &random)
            let to = Int.random(in: from...high, using: &random)
            return ("\(from)-\(to)", Set(from...to))
        case 5:
            let from = Int.random(in: low...high, using: &random)
            let step = Int.random(in: 1...7, using: &random)
            return ("\(from)/\(step)", Set(stride(from: from, through: high, by: step)))
        default:
            let values = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                Int.random(in: low...high, using: &random)
            }
            return (values.map(String.init).joined(separator: ","), Set(values))
        }
    }

    static func make(_ random: inout Seeded) -> Made {
        let minute = field(0, 59, &random, star: 1)
        let hour = field(0, 23, &random)
        let day = field(1, 31, &random)
        let month = field(1, 12, &random)
        let week = field(0, 6, &random)
        return Made(
            text: [minute.0, hour.0, day.0, month.0, week.0].joined(separator: " "), minutes: minute.1,
            hours: hour.1, days: day.1, months: month.1, weekdays: week.1,
            isWild: minute.0.hasPrefix("*") || hour.0.hasPrefix("*"),
            needsBoth: day.0.hasPrefix("*") || week.0.hasPrefix("*"))
    }

    /// Every instant in `[from, to)` at which the expression is due, found by looking at every minute.
    static func due(_ made: Made, _ zone: Zone, from: Int64, to: Int64) -> [Int64] {
        var found: Set<Int64> = []
        var seen: Set<Int64> = []
        var before = zone.localSeconds(at: from - 86_400 * 2 - 60)
        for instant in stride(from: from - 86_400 * 2, to: to, by: 60) {
            let local = zone.localSeconds(at: instant)
            if made.isWild {
                if made.matches(local) { found.insert(instant) }
            } else {
                // What the clock jumped over is due now, and what it shows for the second time was due before.
                for skipped in stride(from: before + 60, to: local, by: 60) where made.matches(skipped) {
                    found.insert(instant)
                }
                if seen.insert(local).inserted, made.matches(local) { found.insert(instant) }
            }
            before = local
        }
        return found.filter { $0 >= from }.sorted()
    }

    /// Places in time where something happens to the clock: zone, and an instant within a day of it.
    static let moments: [(String, String)] = [
        ("America/New_York", "2026-03-08T06:00:00Z"), ("America/New_York", "2026-11-01T06:00:00Z"),
        ("Australia/Lord_Howe", "2025-10-04T15:30:00Z"), ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
        ("Antarctica/Troll", "2025-03-30T01:00:00Z"), ("Antarctica/Troll", "2025-10-26T01:00:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z"), ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z"), ("America/St_Johns", "2010-11-07T02:31:00Z"),
        ("Atlantic/Azores", "2026-03-29T01:00:00Z"), ("Africa/Cairo", "2026-04-23T22:00:00Z"),
        ("Europe/Dublin", "2026-10-25T01:00:00Z"), ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
        ("Asia/Pyongyang", "2018-05-04T15:00:00Z"), ("Europe/Berlin", "2095-03-27T01:00:00Z"),
        ("UTC", "2028-02-29T00:00:00Z"),
    ]

    @Test("next and previous give exactly what brute force finds", arguments: moments)
    func bruteForce(_ moment: (String, String)) throws {
        let zone = try Zone.load(moment.0)
        let middle = try #require(ISOTime.seconds(moment.1))
        let (from, to) = (middle - 2 * 86_400, middle + 2 * 86_400)
        for seed in 0..<40 as Range<UInt64> {
            var random = Seeded(seed &* 7919 &+ UInt64(bitPattern: middle))
            let made = Self.make(&random)
            guard let expression = try? CronExpression(made.text) else { continue }
            #expect(expression.isWildcard == made.isWild)
            let expected = Self.due(made, zone, from: from, to: to)
            var found: [Int64] = []
            var last = from - 1
            while let next = expression.next(after: last, in: zone), next < to {
                #expect(next > last)
                found.append(next)
                last = next
            }
            #expect(found == expected, "seed \(seed): \(made.text) in \(moment.0)")
            var backwards: [Int64] = []
            last = to
            while let previous = expression.previous(before: last, in: zone), previous >= from {
                backwards.append(previous)
                last = previous
            }
            #expect(backwards.reversed() == expected, "seed \(seed), backwards: \(made.text) in \(moment.0)")
            // From anywhere, not only from a time at which it is due.
            for _ in 0..<20 {
                let start = Int64.random(in: from..<to - 86_400, using: &random)
                let next = expected.first { $0 > start }
                if let next { #expect(expression.next(after: start, in: zone) == next, "\(made.text) after \(start)") }
                if let previous = expected.last(where: { $0 < start }) {
                    #expect(expression.previous(before: start, in: zone) == previous, "\(made.text) before \(start)")
                }
            }
        }
    }

    @Test("next ascends over centuries, and previous leads back the same way", arguments: 0..<60 as Range<UInt64>)
    func ascends(_ seed: UInt64) throws {
        var random = Seeded(seed)
        let made = Self.make(&random)
        guard let expression = try? CronExpression(made.text) else { return }
        let names = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
        let zone = try Zone.load(names[Int(seed) % names.count])
        var instant = Int64.random(in: -2_000_000_000...6_000_000_000, using: &random)
        for _ in 0..<200 {
            guard let next = expression.next(after: instant, in: zone) else { break }
            #expect(next > instant)
            #expect(expression.next(after: next - 1, in: zone) == next)
            #expect(expression.previous(before: next + 1, in: zone) == next)
            let window = try #require(expression.window(ofOccurrenceAt: next, in: zone))
            #expect(window.toSeconds == next)
            #expect(expression.next(after: window.fromSeconds, in: zone) == next)
            instant = next + Int64.random(in: 0...40 * 86_400, using: &random)
        }
    }

    @Test("random text is refused or fires, and never crashes")
    func randomText() throws {
        var random = Seeded(42)
        let letters = Array("0123456789*/-,#LW? @evrydailMONsun\tⅣ")
        var accepted = 0
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...16, using: &random)
            let text = String((0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] })
            guard let expression = try? CronExpression(text) else { continue }
            accepted += 1
            #expect(expression.next(after: 1_700_000_000, in: .utc) != nil, "\(text)")
        }
        #expect(accepted < 20_000)
        for _ in 0..<3000 {
            let fields = (0..<5).map { _ in
                ["*", "1", "L", "5#2", "?", "3W", "*/5", "1-3", "5L", "29", "FEB"].randomElement(using: &random) ?? "*"
            }
            guard let expression = try? CronExpression(fields.joined(separator: " ")) else { continue }
            accepted += 1
            #expect(expression.next(after: 1_700_000_000, in: .utc) != nil)
            #expect(!expression.describe().isEmpty)
        }
        #expect(accepted > 100)
    }
}
