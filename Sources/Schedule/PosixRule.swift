/// The footer of a TZif file: the rule for all years after the table, in the form of the POSIX variable `TZ` with the
/// extensions of RFC 8536 (hours from -167 to 167), as in `EST5EDT,M3.2.0,M11.1.0` or
/// `<+1030>-10:30<+11>-11,M10.1.0,M4.1.0`.
package struct PosixRule: Sendable, Hashable {
    package let standard: Zone.LocalType
    package let daylight: Daylight?

    package struct Daylight: Sendable, Hashable {
        package let type: Zone.LocalType
        package let begins: YearDay
        package let ends: YearDay
    }

    /// A moment of every year: a day, and seconds after its midnight on the clock that is then in force.
    package struct YearDay: Sendable, Hashable {
        package let day: Day
        package let seconds: Int
    }

    package enum Day: Sendable, Hashable {
        /// `Mm.w.d`: the w-th (5: last) weekday d of month m.
        case weekday(month: Int, week: Int, weekday: Int)
        /// `Jn`, 1 to 365: 29 February is never counted.
        case julian(Int)
        /// `n`, 0 to 365: 29 February is counted.
        case ordinal(Int)
    }

    package init?(_ text: String) {
        var scanner = Scanner(bytes: Array(text.utf8))
        guard let name = scanner.name(), let west = scanner.time(hoursMax: 24) else { return nil }
        standard = Zone.LocalType(offsetSeconds: -west, isDaylight: false, abbreviation: name)
        if scanner.isAtEnd {
            daylight = nil
            return
        }
        guard let summerName = scanner.name() else { return nil }
        var summerOffset = 3600 - west
        if scanner.peek != UInt8(ascii: ",") {
            guard let summerWest = scanner.time(hoursMax: 24) else { return nil }
            summerOffset = -summerWest
        }
        guard scanner.eat(","), let begins = scanner.yearDay(), scanner.eat(","), let ends = scanner.yearDay(),
            scanner.isAtEnd
        else { return nil }
        daylight = Daylight(
            type: Zone.LocalType(offsetSeconds: summerOffset, isDaylight: true, abbreviation: summerName),
            begins: begins, ends: ends)
    }

    /// The two changes of a year as instants, in order; where they coincide, the beginning comes last.
    package func changes(year: Int, daylight: Daylight) -> [(seconds: Int64, isDaylight: Bool)] {
        let begins = instant(daylight.begins, year: year, offset: standard.offsetSeconds)
        let ends = instant(daylight.ends, year: year, offset: daylight.type.offsetSeconds)
        return begins < ends ? [(begins, true), (ends, false)] : [(ends, false), (begins, true)]
    }

    private func instant(_ moment: YearDay, year: Int, offset: Int) -> Int64 {
        Int64(moment.day.daysSinceEpoch(year: year)) * 86_400 + Int64(moment.seconds - offset)
    }
}

extension PosixRule.Day {
    func daysSinceEpoch(year: Int) -> Int {
        switch self {
        case .julian(let number):
            let afterFebruary = CivilDate.isLeap(year: year) && number >= 60 ? 1 : 0
            return CivilDate.daysSinceEpoch(year: year, month: 1, day: 1) + number - 1 + afterFebruary
        case .ordinal(let number):
            return CivilDate.daysSinceEpoch(year: year, month: 1, day: 1) + number
        case .weekday(let month, let week, let weekday):
            let first = CivilDate.daysSinceEpoch(year: year, month: month, day: 1)
            var day = (weekday - CivilDate.weekday(daysSinceEpoch: first) + 7) % 7 + (week - 1) * 7
            if day >= CivilDate.days(inMonth: month, year: year) { day -= 7 }
            return first + day
        }
    }
}

extension PosixRule {
    private struct Scanner {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { position == bytes.count }
        var peek: UInt8? { isAtEnd ? nil : bytes[position] }

        mutating func eat(_ character: Unicode.Scalar) -> Bool {
            guard let peek, UInt32(peek) == character.value else { return false }
            position += 1
            return true
        }

        /// Three letters or more, or anything in `<…>`.
        mutating func name() -> String? {
            let isQuoted = eat("<")
            let start = position
            while let byte = peek, isQuoted ? byte != UInt8(ascii: ">") : isLetter(byte) { position += 1 }
            let name = String(decoding: bytes[start..<position], as: UTF8.self)
            guard name.utf8.count >= 3, !isQuoted || eat(">") else { return nil }
            return name
        }

        private func isLetter(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xDF)
        }

        mutating func number(_ range: ClosedRange<Int>) -> Int? {
            let start = position
            while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
            guard let value = decimal(bytes[start..<position]), range.contains(value) else { return nil }
            return value
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time(hoursMax: Int) -> Int? {
            let isNegative = eat("-")
            if !isNegative { _ = eat("+") }
            guard let hours = number(0...hoursMax) else { return nil }
            var seconds = hours * 3600
            if eat(":") {
                guard let minutes = number(0...59) else { return nil }
                seconds += minutes * 60
                if eat(":") {
                    guard let rest = number(0...59) else { return nil }
                    seconds += rest
                }
            }
            return isNegative ? -seconds : seconds
        }

        mutating func yearDay() -> YearDay? {
            let day: Day
            if eat("M") {
                guard let month = number(1...12), eat("."), let week = number(1...5), eat("."),
                    let weekday = number(0...6)
                else { return nil }
                day = .weekday(month: month, week: week, weekday: weekday)
            } else if eat("J") {
                guard let number = number(1...365) else { return nil }
                day = .julian(number)
            } else {
                guard let number = number(0...365) else { return nil }
                day = .ordinal(number)
            }
            guard eat("/") else { return YearDay(day: day, seconds: 7200) }
            return time(hoursMax: 167).map { YearDay(day: day, seconds: $0) }
        }
    }
}
