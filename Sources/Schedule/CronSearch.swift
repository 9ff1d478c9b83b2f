// The search works field by field in local seconds: months by their bits, days by the bits of a month, then hours,
// minutes and seconds. A zone enters only where its offset changes.

extension CronExpression {
    /// Instants beyond these years are neither searched nor found.
    package static let earliestSeconds: Int64 = -62_135_596_800
    package static let latestSeconds: Int64 = 253_402_300_799

    /// The first instant strictly after `seconds` at which the expression is due, or `nil` when that lies after the
    /// year 9999.
    public func next(after seconds: Int64, in zone: Zone) -> Int64? {
        guard seconds < CronExpression.latestSeconds else { return nil }
        let seconds = max(seconds, CronExpression.earliestSeconds)
        switch rule {
        case .every(let interval): return (floorDivide(seconds, interval).quotient + 1) * interval
        case .fields(let fields) where fields.isWildcard: return fields.nextInRealTime(after: seconds, in: zone)
        case .fields(let fields): return fields.nextFixed(after: seconds, in: zone)
        }
    }

    /// The last instant strictly before `seconds` at which the expression was due, or `nil` when that lies before the
    /// year 1.
    public func previous(before seconds: Int64, in zone: Zone) -> Int64? {
        guard seconds > CronExpression.earliestSeconds else { return nil }
        let seconds = min(seconds, CronExpression.latestSeconds)
        switch rule {
        case .every(let interval): return floorDivide(seconds - 1, interval).quotient * interval
        case .fields(let fields) where fields.isWildcard: return fields.previousInRealTime(before: seconds, in: zone)
        case .fields(let fields): return fields.previousFixed(before: seconds, in: zone)
        }
    }

    /// The next `count` instants after `seconds`, ascending; fewer where the calendar ends.
    public func next(_ count: Int, after seconds: Int64, in zone: Zone) -> [Int64] {
        var found: [Int64] = []
        var last = seconds
        while found.count < count, let instant = next(after: last, in: zone) {
            found.append(instant)
            last = instant
        }
        return found
    }

    /// The span that the occurrence at `nominal` covers: from the previous nominal time to this one, half-open. The
    /// spans of successive occurrences meet without gap or overlap, whatever the clocks on the wall do.
    public func window(ofOccurrenceAt nominal: Int64, in zone: Zone) -> OccurrenceWindow? {
        previous(before: nominal, in: zone).map { OccurrenceWindow(fromSeconds: $0, toSeconds: nominal) }
    }
}

/// What one occurrence covers: `[fromSeconds, toSeconds)` in Unix seconds.
public struct OccurrenceWindow: Sendable, Hashable {
    public let fromSeconds: Int64
    public let toSeconds: Int64

    public init(fromSeconds: Int64, toSeconds: Int64) {
        self.fromSeconds = fromSeconds
        self.toSeconds = toSeconds
    }
}

extension CronFields {
    /// Every matching local time stands for one instant: the first pass in an overlap, the end of a gap. That map
    /// never goes backwards, so the first match behind the wall clock's reading is the answer, unless the clock shows
    /// an overlap for the second time: what was due on the first pass is then passed over.
    func nextFixed(after seconds: Int64, in zone: Zone) -> Int64? {
        let span = zone.span(at: seconds)
        var local = seconds + span.offset + 1
        while let match = nextLocal(from: local) {
            // Far from any change of the clock, which is nearly always, the offset at hand is the right one.
            let instant = match - span.offset
            if instant >= span.from + 172_800, instant < span.to.subtractingClamped(172_800) { return instant }
            let resolved = zone.instants(ofLocal: match).first
            if resolved > seconds { return resolved }
            local = match + 1
        }
        return nil
    }

    func previousFixed(before seconds: Int64, in zone: Zone) -> Int64? {
        let span = zone.span(at: seconds - 1)
        var local = seconds - 1 + span.offset
        if span.from > CronExpression.earliestSeconds {
            local = max(local, span.from + zone.span(at: span.from - 1).offset - 1)
        }
        while let match = previousLocal(to: local) {
            let resolved = zone.instants(ofLocal: match).first
            if resolved < seconds { return resolved }
            local = match - 1
        }
        return nil
    }

    /// Every instant whose wall clock matches.
    func nextInRealTime(after seconds: Int64, in zone: Zone) -> Int64? {
        var from = seconds + 1
        while true {
            let span = zone.span(at: from)
            guard let match = nextLocal(from: from + span.offset) else { return nil }
            let instant = match - span.offset
            if instant < span.to { return instant }
            from = span.to
        }
    }

    func previousInRealTime(before seconds: Int64, in zone: Zone) -> Int64? {
        var to = seconds - 1
        while to >= CronExpression.earliestSeconds {
            let span = zone.span(at: to)
            guard let match = previousLocal(to: to + span.offset) else { return nil }
            let instant = match - span.offset
            if instant >= span.from { return instant }
            to = span.from - 1
        }
        return nil
    }

    /// The first matching local time at or after `local`.
    func nextLocal(from local: Int64) -> Int64? {
        let (day, rest) = floorDivide(local, 86_400)
        if let time = nextTime(from: Int(rest)) {
            guard let match = firstDay(from: Int(day)) else { return nil }
            if match == Int(day) { return day * 86_400 + Int64(time) }
            return Int64(match) * 86_400 + Int64(firstTime)
        }
        return firstDay(from: Int(day) + 1).map { Int64($0) * 86_400 + Int64(firstTime) }
    }

    /// The last matching local time at or before `local`.
    func previousLocal(to local: Int64) -> Int64? {
        let (day, rest) = floorDivide(local, 86_400)
        if let time = previousTime(to: Int(rest)) {
            guard let match = lastDay(to: Int(day)) else { return nil }
            if match == Int(day) { return day * 86_400 + Int64(time) }
            return Int64(match) * 86_400 + Int64(lastTime)
        }
        return lastDay(to: Int(day) - 1).map { Int64($0) * 86_400 + Int64(lastTime) }
    }

    /// The first matching day at or after one, in days since 1970-01-01. 400 years hold every combination of date and
    /// weekday, so a search that leaves them empty is over.
    func firstDay(from start: Int) -> Int? {
        let date = CivilDate(daysSinceEpoch: start)
        var (year, month) = (date.year, date.month)
        var mask = ~UInt64(0) << UInt64(date.day)
        for _ in 0...4800 {
            guard year <= 9999 else { return nil }
            if months >> UInt64(month) & 1 == 1 {
                let bits = dayBits(year: year, month: month) & mask
                if bits != 0 {
                    return CivilDate.daysSinceEpoch(year: year, month: month, day: bits.trailingZeroBitCount)
                }
            }
            mask = ~0
            (year, month) = month == 12 ? (year + 1, 1) : (year, month + 1)
        }
        return nil
    }

    func lastDay(to end: Int) -> Int? {
        let date = CivilDate(daysSinceEpoch: end)
        var (year, month) = (date.year, date.month)
        var mask = (UInt64(2) << UInt64(date.day)) - 1
        for _ in 0...4800 {
            guard year >= 1 else { return nil }
            if months >> UInt64(month) & 1 == 1 {
                let bits = dayBits(year: year, month: month) & mask
                if bits != 0 {
                    let day = 63 - bits.leadingZeroBitCount
                    return CivilDate.daysSinceEpoch(year: year, month: month, day: day)
                }
            }
            mask = ~0
            (year, month) = month == 1 ? (year - 1, 12) : (year, month - 1)
        }
        return nil
    }

    private var firstTime: Int {
        hours.trailingZeroBitCount * 3600 + minutes.trailingZeroBitCount * 60 + seconds.trailingZeroBitCount
    }

    private var lastTime: Int {
        highest(hours) * 3600 + highest(minutes) * 60 + highest(seconds)
    }

    /// The first matching second of the day at or after one.
    private func nextTime(from time: Int) -> Int? {
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60)
        if hours >> UInt64(hour) & 1 == 1 {
            if minutes >> UInt64(minute) & 1 == 1, let found = lowest(seconds, from: second) {
                return hour * 3600 + minute * 60 + found
            }
            if let found = lowest(minutes, from: minute + 1) {
                return hour * 3600 + found * 60 + seconds.trailingZeroBitCount
            }
        }
        return lowest(hours, from: hour + 1).map {
            $0 * 3600 + minutes.trailingZeroBitCount * 60 + seconds.trailingZeroBitCount
        }
    }

    private func previousTime(to time: Int) -> Int? {
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60)
        if hours >> UInt64(hour) & 1 == 1 {
            if minutes >> UInt64(minute) & 1 == 1, let found = highest(seconds, to: second) {
                return hour * 3600 + minute * 60 + found
            }
            if let found = highest(minutes, to: minute - 1) {
                return hour * 3600 + found * 60 + highest(seconds)
            }
        }
        return highest(hours, to: hour - 1).map { $0 * 3600 + highest(minutes) * 60 + highest(seconds) }
    }

    private func lowest(_ bits: UInt64, from: Int) -> Int? {
        let rest = from < 64 ? bits & (~0 << UInt64(from)) : 0
        return rest == 0 ? nil : rest.trailingZeroBitCount
    }

    private func highest(_ bits: UInt64) -> Int { 63 - bits.leadingZeroBitCount }

    private func highest(_ bits: UInt64, to: Int) -> Int? {
        guard to >= 0 else { return nil }
        let rest = bits & (to >= 63 ? ~0 : (1 << UInt64(to + 1)) - 1)
        return rest == 0 ? nil : highest(rest)
    }
}

extension Int64 {
    func subtractingClamped(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? .min : value
    }
}
