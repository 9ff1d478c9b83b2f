/// When a job is due: a cron expression of five fields, or six with leading seconds, or a nickname.
///
/// ```swift
/// let nightly = try CronExpression("15 2 * * *")
/// nightly.next(after: now, in: try Zone.load("America/New_York"))
/// ```
/// | field | values | besides `*`, `a`, `a-b`, `*/n`, `a-b/n`, `a/n` and lists of these |
/// |---|---|---|
/// | second (optional) | 0-59 | |
/// | minute | 0-59 | |
/// | hour | 0-23 | |
/// | day of month | 1-31 | `L` last day, `15W` the weekday nearest to the 15th, `LW` last weekday, `?` for `*` |
/// | month | 1-12, JAN-DEC | |
/// | day of week | 0-7, SUN-SAT (0 and 7 are Sunday) | `5L` last Friday, `5#2` second Friday, `?` for `*` |
///
/// When day of month or day of week begins with `*` both must match, else one suffices, as in cronie.
/// `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight` and `@hourly` stand for expressions;
/// `@every 15m` is due at every multiple of 15 minutes of Unix time.
///
/// When clocks change, an expression whose minute or hour begins with `*` runs in real time; any other is of fixed
/// time: what falls into a gap runs once at the gap's end, what falls into an overlap runs on the first pass only.
public struct CronExpression: Sendable, Hashable {
    /// The expression as given.
    public let text: String
    package let rule: Rule

    package enum Rule: Sendable, Hashable {
        case fields(CronFields)
        case every(seconds: Int64)
    }

    /// Parses an expression.
    /// - Throws: ``CronError`` with the field and what is allowed there; also for a day that no year has (30 February).
    public init(_ text: String) throws(CronError) {
        self.text = text
        rule = try CronParser.rule(text)
    }

    /// Whether the minute or the hour begins with `*`, so that the expression runs in real time when clocks change.
    public var isWildcard: Bool {
        switch rule {
        case .every: true
        case .fields(let fields): fields.isWildcard
        }
    }
}

extension CronExpression {
    /// What is allowed and probably not meant: a step so large that only the first value is left, as in `*/90` minutes.
    public var warning: String? {
        guard case .fields(let fields) = rule else { return nil }
        let sizes = [60, 60, 24, 31, 12, 7]
        for (word, size) in zip(fields.words, sizes) {
            for part in word.split(separator: ",") {
                guard let slash = part.lastIndex(of: "/"), let step = Int(part[part.index(after: slash)...]),
                    step >= size
                else { continue }
                return "the step of \"\(part)\" is not smaller than the field, so it fires on the first value only"
            }
        }
        return nil
    }
}

/// The fields of an expression as sets of bits.
package struct CronFields: Sendable, Hashable {
    package var seconds: UInt64 = 1
    package var minutes: UInt64 = 0
    package var hours: UInt64 = 0
    /// Bit 1 is January.
    package var months: UInt64 = 0
    package var days = MonthDays()
    package var weekdays = WeekDays()
    package var minuteHasStar = false
    package var hourHasStar = false
    /// The fields as written, for the description in words.
    package var words: [String] = []

    /// Days of the month: bit 1 is the first.
    package struct MonthDays: Sendable, Hashable {
        package var bits: UInt64 = 0
        package var hasStar = false
        package var hasLast = false
        package var hasLastWeekday = false
        /// Bit n: the weekday nearest to the n-th.
        package var nearestWeekdays: UInt64 = 0
    }

    /// Days of the week: bit 0 is Sunday.
    package struct WeekDays: Sendable, Hashable {
        package var bits: UInt64 = 0
        package var hasStar = false
        /// Bit 0: the last Sunday of the month.
        package var last: UInt64 = 0
        /// Bit 7 × (n - 1) + w: the n-th weekday w of the month.
        package var nth: UInt64 = 0
    }

    package var isWildcard: Bool { minuteHasStar || hourHasStar }
}

extension CronFields {
    /// The days of one month that match, as bits; bit 1 is the first.
    package func dayBits(year: Int, month: Int) -> UInt64 {
        let length = CivilDate.days(inMonth: month, year: year)
        let first = CivilDate.weekday(
            daysSinceEpoch: CivilDate.daysSinceEpoch(year: year, month: month, day: 1))
        let byMonth = days.bits(length: length, firstWeekday: first)
        let byWeek = weekdays.bits(length: length, firstWeekday: first)
        let all = ((1 << UInt64(length)) - 1) << 1 as UInt64
        return (days.hasStar || weekdays.hasStar ? byMonth & byWeek : byMonth | byWeek) & all
    }
}

extension CronFields.MonthDays {
    func bits(length: Int, firstWeekday: Int) -> UInt64 {
        var result = bits
        if hasLast { result |= 1 << UInt64(length) }
        if hasLastWeekday { result |= 1 << UInt64(nearestWeekday(to: length, length: length, first: firstWeekday)) }
        var rest = nearestWeekdays
        while rest != 0 {
            let day = rest.trailingZeroBitCount
            rest &= rest - 1
            guard day <= length else { continue }
            result |= 1 << UInt64(nearestWeekday(to: day, length: length, first: firstWeekday))
        }
        return result
    }

    /// Monday to Friday; never in another month.
    private func nearestWeekday(to day: Int, length: Int, first: Int) -> Int {
        switch (first + day - 1) % 7 {
        case 6: day > 1 ? day - 1 : day + 2
        case 0: day < length ? day + 1 : day - 2
        default: day
        }
    }
}

extension CronFields.WeekDays {
    func bits(length: Int, firstWeekday: Int) -> UInt64 {
        var result: UInt64 = 0
        // Every weekday of the month by repeating the week from the first day on; bit 0 of `week` is day 1.
        let week = ((bits >> UInt64(firstWeekday)) | (bits << UInt64(7 - firstWeekday))) & 0x7F
        for start in stride(from: 1, through: 29, by: 7) { result |= week << UInt64(start) }
        guard last != 0 || nth != 0 else { return result }
        for weekday in 0..<7 {
            let first = (weekday - firstWeekday + 7) % 7 + 1
            if last >> UInt64(weekday) & 1 == 1 { result |= 1 << UInt64(first + (length - first) / 7 * 7) }
            for number in 0..<5 where nth >> UInt64(number * 7 + weekday) & 1 == 1 {
                result |= 1 << UInt64(first + number * 7)
            }
        }
        return result
    }
}
