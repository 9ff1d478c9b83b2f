extension CronExpression {
    /// The schedule in words: `at 02:15 every day`, `every 15 minutes, Monday to Friday`.
    /// - Parameter timeZone: named at the end in parentheses, when given.
    public func describe(timeZone: String? = nil) -> String {
        let zone = timeZone.map { " (\($0))" } ?? ""
        switch rule {
        case .every(let seconds): return "every " + CronWords.interval(seconds)
        case .fields(let fields): return CronWords(fields: fields).sentence + zone
        }
    }
}

/// Fields to words.
struct CronWords {
    let fields: CronFields

    var sentence: String {
        let days = self.days
        let months = self.months
        var text = times
        if !days.isEmpty { text += (isRepeating ? ", " : " ") + days }
        if !months.isEmpty { text += " " + months }
        return text
    }

    static func interval(_ seconds: Int64) -> String {
        var rest = seconds
        var parts: [String] = []
        for (word, size) in [("day", Int64(86_400)), ("hour", 3600), ("minute", 60), ("second", 1)] {
            let count = rest / size
            rest %= size
            guard count > 0 else { continue }
            if count == seconds / size, rest == 0, count == 1 { return word }
            parts.append("\(count) \(word)\(count == 1 ? "" : "s")")
        }
        return parts.joined(separator: " ")
    }

    // MARK: Times of day

    private var seconds: [Int] { values(fields.seconds) }
    private var minutes: [Int] { values(fields.minutes) }
    private var hours: [Int] { values(fields.hours) }

    /// Few enough times to write out.
    private var isList: Bool { seconds.count == 1 && hours.count < 24 && hours.count * minutes.count <= 6 }
    private var isRepeating: Bool { !isList }

    private var times: String {
        if isList {
            let second = seconds[0]
            let all = hours.flatMap { hour in
                minutes.map { minute in
                    padded(hour, 2) + ":" + padded(minute, 2) + (second == 0 ? "" : ":" + padded(second, 2))
                }
            }
            return "at " + CronWords.list(all)
        }
        let perMinute = phrase(seconds, size: 60, unit: "second")
        let perHour = phrase(minutes, size: 60, unit: "minute")
        var text: String
        if seconds == [0] {
            text = perHour
        } else {
            text =
                perMinute
                + (minutes.count == 60 ? "" : " of " + (minutes.count == 1 ? "minute " : "minutes ") + ranges(minutes))
        }
        if hours.count == 24 {
            if text.hasPrefix("at minute") { text += " of every hour" }
        } else {
            text += " " + hourPhrase
        }
        return text
    }

    /// `every minute`, `every 15 minutes`, `at minute 5`, `at minutes 0-10 and 30`
    private func phrase(_ values: [Int], size: Int, unit: String) -> String {
        if values.count == size { return "every \(unit)" }
        if values.count > 1, let step = step(values), size % step == 0, values[0] == 0, values.count == size / step {
            return "every \(step) \(unit)s"
        }
        return "at \(unit)\(values.count == 1 ? "" : "s") " + ranges(values)
    }

    private var hourPhrase: String {
        if let first = hours.first, let last = hours.last, last - first == hours.count - 1, hours.count > 1 {
            return "from \(padded(first, 2)):00 to \(padded(last, 2)):59"
        }
        if let step = step(hours), 24 % step == 0, hours[0] == 0, hours.count == 24 / step {
            return "of every \(CronWords.ordinal(step)) hour"
        }
        return (hours.count == 1 ? "of hour " : "of hours ") + CronWords.list(hours.map { padded($0, 2) })
    }

    /// The distance between neighbours, where all have the same.
    private func step(_ values: [Int]) -> Int? {
        guard values.count > 1 else { return nil }
        let step = values[1] - values[0]
        return zip(values, values.dropFirst()).allSatisfy { $1 - $0 == step } ? step : nil
    }

    // MARK: Days

    private var allDays: Bool { fields.days.bits == 0xFFFF_FFFE }
    private var allWeekdays: Bool { fields.weekdays.bits == 0x7F }

    private var days: String {
        switch (allDays, allWeekdays) {
        case (true, true): return isRepeating ? "" : "every day"
        case (false, true) where fields.weekdays.hasStar: return monthDays
        case (true, false) where fields.days.hasStar: return weekdays
        // Without a star either of the two suffices, and one of them holds every day.
        case (true, false), (false, true): return isRepeating ? "" : "every day"
        case (false, false):
            return fields.days.hasStar || fields.weekdays.hasStar
                ? monthDays + ", if that is " + oneWeekday : monthDays + " and " + weekdays
        }
    }

    private var monthDays: String {
        var parts: [String] = []
        let plain = values(fields.days.bits)
        if plain.count > 4, let step = step(plain), step > 1, plain[0] <= step, plain[0] + plain.count * step > 31 {
            // A long list says less than its rule.
            parts.append("every \(CronWords.ordinal(step)) day from day \(plain[0])")
        } else if !plain.isEmpty {
            parts.append("day\(plain.count == 1 ? "" : "s") " + ranges(plain))
        }
        for day in values(fields.days.nearestWeekdays) {
            parts.append("the weekday nearest to day \(day)")
        }
        if fields.days.hasLastWeekday { parts.append("the last weekday") }
        if fields.days.hasLast { parts.append("the last day") }
        return "on " + CronWords.list(parts) + (fields.isEveryMonth ? " of the month" : "")
    }

    private static let names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    private var weekdays: String {
        var parts: [String] = []
        let plain = values(fields.weekdays.bits)
        if plain == [1, 2, 3, 4, 5] {
            parts.append("Monday to Friday")
        } else {
            // The week of people begins on Monday.
            parts += (plain.filter { $0 > 0 } + plain.filter { $0 == 0 }).map { "every " + CronWords.names[$0] }
        }
        for bit in values(fields.weekdays.nth) {
            parts.append("the \(CronWords.ordinal(bit / 7 + 1)) \(CronWords.names[bit % 7])")
        }
        parts += values(fields.weekdays.last).map { "the last \(CronWords.names[$0])" }
        let text = CronWords.list(parts)
        return text.hasPrefix("every ") || text.hasPrefix("Monday to") ? text : "on " + text
    }

    /// What a single day can be: `a Monday or Tuesday`, `the 2nd Friday`.
    private var oneWeekday: String {
        var parts: [String] = []
        let plain = values(fields.weekdays.bits)
        if plain == [1, 2, 3, 4, 5] {
            parts.append("a day from Monday to Friday")
        } else {
            parts += (plain.filter { $0 > 0 } + plain.filter { $0 == 0 }).map { "a " + CronWords.names[$0] }
        }
        for bit in values(fields.weekdays.nth) {
            parts.append("the \(CronWords.ordinal(bit / 7 + 1)) \(CronWords.names[bit % 7])")
        }
        parts += values(fields.weekdays.last).map { "the last \(CronWords.names[$0])" }
        return CronWords.list(parts, "or")
    }

    private static let monthNames = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    private var months: String {
        let months = values(fields.months)
        guard months.count < 12 else { return "" }
        if months.count > 2, let first = months.first, let last = months.last, last - first == months.count - 1 {
            return "from \(CronWords.monthNames[first - 1]) to \(CronWords.monthNames[last - 1])"
        }
        return "in " + CronWords.list(months.map { CronWords.monthNames[$0 - 1] })
    }

    // MARK: Lists

    private func values(_ bits: UInt64) -> [Int] {
        (0..<64).filter { bits >> UInt64($0) & 1 == 1 }
    }

    /// `0-10, 20 and 30`
    private func ranges(_ values: [Int]) -> String {
        var parts: [String] = []
        var index = 0
        while index < values.count {
            var end = index
            while end + 1 < values.count, values[end + 1] == values[end] + 1 { end += 1 }
            if end - index >= 2 {
                parts.append("\(values[index])-\(values[end])")
            } else {
                parts += values[index...end].map(String.init)
            }
            index = end + 1
        }
        return CronWords.list(parts)
    }

    private static func list(_ parts: [String], _ word: String = "and") -> String {
        guard let last = parts.last, parts.count > 1 else { return parts.first ?? "" }
        return parts.dropLast().joined(separator: ", ") + " \(word) " + last
    }

    private static func ordinal(_ number: Int) -> String {
        switch (number % 10, number % 100) {
        case (_, 11...13): "\(number)th"
        case (1, _): "\(number)st"
        case (2, _): "\(number)nd"
        case (3, _): "\(number)rd"
        default: "\(number)th"
        }
    }
}

extension CronFields {
    var isEveryMonth: Bool { months.nonzeroBitCount == 12 }
}
