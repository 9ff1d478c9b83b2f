/// One field's range and names, and how its text becomes bits.
struct CronField {
    let name: String
    let range: ClosedRange<Int>
    /// The name of the first value, then of the second, and so on.
    let names: [String]

    static let second = CronField(name: "second", range: 0...59, names: [])
    static let minute = CronField(name: "minute", range: 0...59, names: [])
    static let hour = CronField(name: "hour", range: 0...23, names: [])
    static let monthDay = CronField(name: "day of month", range: 1...31, names: [])
    static let month = CronField(
        name: "month", range: 1...12,
        names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"])
    static let weekDay = CronField(
        name: "day of week", range: 0...7, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])

    /// A part of a comma-separated list, for errors and parsing.
    private struct Part {
        let word: CronParser.Word
        let expression: String
    }

    private func parts(_ word: CronParser.Word, _ expression: String) -> [Part] {
        var offset = word.offset
        return word.text.split(separator: ",", omittingEmptySubsequences: false).map { piece in
            defer { offset += piece.unicodeScalars.count + 1 }
            return Part(word: CronParser.Word(text: String(piece), offset: offset), expression: expression)
        }
    }

    func bits(_ word: CronParser.Word, _ expression: String) throws(CronError) -> UInt64 {
        var bits: UInt64 = 0
        for part in parts(word, expression) { bits |= try self.bits(part) }
        return bits
    }

    static func monthDays(
        _ word: CronParser.Word, _ expression: String
    ) throws(CronError) -> CronFields.MonthDays {
        var days = CronFields.MonthDays()
        days.hasStar = word.text.hasPrefix("*") || word.text == "?"
        if word.text == "?" {
            days.bits = monthDay.all
            return days
        }
        for part in monthDay.parts(word, expression) {
            switch part.word.text.uppercased() {
            case "L": days.hasLast = true
            case "LW": days.hasLastWeekday = true
            case let text where text.hasSuffix("W"):
                days.nearestWeekdays |= 1 << UInt64(try monthDay.value(String(part.word.text.dropLast()), part))
            default: days.bits |= try monthDay.bits(part)
            }
        }
        return days
    }

    static func weekDays(
        _ word: CronParser.Word, _ expression: String
    ) throws(CronError) -> CronFields.WeekDays {
        var days = CronFields.WeekDays()
        days.hasStar = word.text.hasPrefix("*") || word.text == "?"
        if word.text == "?" {
            days.bits = 0x7F
            return days
        }
        for part in weekDay.parts(word, expression) {
            let text = part.word.text
            let pieces = text.split(separator: "#", omittingEmptySubsequences: false)
            if pieces.count == 2 {
                let day = try weekDay.value(String(pieces[0]), part) % 7
                guard let number = decimal(pieces[1].utf8), (1...5).contains(number) else {
                    throw weekDay.wrong(part, "expected a number from 1 to 5 after #, as in MON#1")
                }
                days.nth |= 1 << UInt64((number - 1) * 7 + day)
            } else if text.utf8.count > 1, text.hasSuffix("L") || text.hasSuffix("l"), pieces.count == 1 {
                days.last |= 1 << UInt64(try weekDay.value(String(text.dropLast()), part) % 7)
            } else {
                let bits = try weekDay.bits(part)
                days.bits |= bits & 0x7F | bits >> 7 & 1
            }
        }
        return days
    }

    private var all: UInt64 {
        range.reduce(0) { $0 | 1 << UInt64($1) }
    }

    /// `*`, `a`, `a-b`, each with or without `/n`.
    private func bits(_ part: Part) throws(CronError) -> UInt64 {
        let pieces = part.word.text.split(separator: "/", omittingEmptySubsequences: false)
        guard pieces.count <= 2 else { throw wrong(part, "expected one step at most, as in 0-30/5") }
        var step: Int?
        if pieces.count == 2 {
            guard let number = decimal(pieces[1].utf8), number > 0 else {
                throw wrong(part, "expected a step of 1 or more after /")
            }
            step = number
        }
        let ends = pieces[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count <= 2 else { throw wrong(part, "expected one range, as in 1-5") }
        var low = range.lowerBound
        // Sunday counts once: a star over the days of the week ends on Saturday.
        var high = names.count == 7 ? 6 : range.upperBound
        if pieces[0] != "*" {
            low = try value(String(ends[0]), part)
            if ends.count == 2 {
                high = try value(String(ends[1]), part)
                guard low <= high else { throw backwards(part, low, high) }
            } else if step == nil {
                high = low
            }
        }
        var bits: UInt64 = 0
        for value in stride(from: low, through: max(low, high), by: step ?? 1) { bits |= 1 << UInt64(value) }
        return bits
    }

    private func value(_ text: String, _ part: Part) throws(CronError) -> Int {
        if let number = decimal(text.utf8) {
            guard range.contains(number) else {
                throw wrong(part, "expected \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        if let index = names.firstIndex(of: text.uppercased()) { return range.lowerBound + index }
        guard !names.isEmpty else { throw wrong(part, "expected \(expectation)") }
        let near = nearestWord(to: String(text.prefix(3)), among: names)
        throw wrong(part, "expected \(expectation)" + (near.map { "; did you mean \"\($0)\"?" } ?? ""))
    }

    private var expectation: String {
        let numbers = "numbers from \(range.lowerBound) to \(range.upperBound)"
        guard let first = names.first, let last = names.last else {
            return name == "day of month" ? numbers + ", L, LW, nW" : numbers
        }
        return "\(numbers) or names from \(first) to \(last)"
    }

    private func backwards(_ part: Part, _ low: Int, _ high: Int) -> CronError {
        let lowest = range.lowerBound
        let highest = names.count == 7 ? 6 : range.upperBound
        // 7 is Sunday as well, with which the week begins: nothing wraps around.
        if low > highest {
            let whole = high == lowest ? "\(high)" : "\(lowest)-\(high)"
            return wrong(part, "the range runs backwards; 7 is Sunday, as 0 is: write \(whole)")
        }
        let tail = low == highest ? "\(low)" : "\(low)-\(highest)"
        let head = high == lowest ? "\(high)" : "\(lowest)-\(high)"
        return wrong(part, "the range runs backwards; to wrap around, write \(tail),\(head)")
    }

    private func wrong(_ part: Part, _ message: String) -> CronError {
        CronError(
            part.expression, field: name, offset: part.word.offset, "\"\(part.word.text.prefix(40))\": \(message)")
    }
}
