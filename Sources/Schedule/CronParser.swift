/// Text to fields. Digits are ASCII digits, names are in any case, and nothing is guessed.
enum CronParser {
    static func rule(_ text: String) throws(CronError) -> CronExpression.Rule {
        guard text.utf8.count <= 1000 else { throw CronError("", "the expression is longer than 1,000 bytes") }
        let words = split(text)
        guard let first = words.first else {
            throw CronError(text, "the expression is empty; \(fiveFields)")
        }
        if first.text.hasPrefix("@") { return try nickname(words, text) }
        if first.text.contains("=") {
            throw CronError(text, "\"\(first.text)\" is not a field; name the zone under time_zone")
        }
        guard words.count == 5 || words.count == 6 else {
            let count = words.count == 1 ? "1 field" : "\(words.count) fields"
            throw CronError(text, "the expression has \(count); \(fiveFields)")
        }
        return .fields(try fields(words, text))
    }

    private static let fiveFields =
        "expected 5: minute, hour, day of month, month, day of week (or 6, with seconds first)"

    struct Word {
        let text: String
        /// In Unicode scalars from the expression's start.
        let offset: Int
    }

    /// The words between spaces and tabs.
    static func split(_ text: String) -> [Word] {
        var words: [Word] = []
        var current = ""
        var start = 0
        var offset = 0
        for scalar in text.unicodeScalars {
            if scalar == " " || scalar == "\t" {
                if !current.isEmpty { words.append(Word(text: current, offset: start)) }
                current = ""
            } else {
                if current.isEmpty { start = offset }
                current.unicodeScalars.append(scalar)
            }
            offset += 1
        }
        if !current.isEmpty { words.append(Word(text: current, offset: start)) }
        return words
    }

    private static func fields(_ words: [Word], _ text: String) throws(CronError) -> CronFields {
        var fields = CronFields()
        fields.words = words.map(\.text)
        var rest = words[...]
        if words.count == 6 {
            fields.seconds = try CronField.second.bits(rest.removeFirst(), text)
        } else {
            fields.words.insert("0", at: 0)
        }
        let base = rest.startIndex
        fields.minutes = try CronField.minute.bits(rest[base], text)
        fields.hours = try CronField.hour.bits(rest[base + 1], text)
        fields.minuteHasStar = rest[base].text.hasPrefix("*")
        fields.hourHasStar = rest[base + 1].text.hasPrefix("*")
        fields.days = try CronField.monthDays(rest[base + 2], text)
        fields.months = try CronField.month.bits(rest[base + 3], text)
        fields.weekdays = try CronField.weekDays(rest[base + 4], text)
        guard fields.firstDay(from: 0) != nil else {
            throw CronError(
                text, field: CronField.monthDay.name, offset: rest[base + 2].offset,
                "no year has such a day, so the expression never fires")
        }
        return fields
    }

    private static let nicknames = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    private static func nickname(_ words: [Word], _ text: String) throws(CronError) -> CronExpression.Rule {
        let name = words[0].text.lowercased()
        if name == "@every" {
            guard words.count == 2 else {
                throw CronError(text, "expected one interval after @every, as in @every 15m")
            }
            return .every(seconds: try interval(words[1], text))
        }
        guard let expression = nicknames[name] else {
            if name == "@reboot" {
                throw CronError(text, "@reboot is no time; give a job that runs by hand no schedule")
            }
            let known = (nicknames.keys.sorted() + ["@every 15m"]).joined(separator: ", ")
            let near =
                nearestWord(to: name, among: nicknames.keys.sorted() + ["@every"]).map { "; did you mean \"\($0)\"?" }
                ?? ""
            throw CronError(text, "unknown nickname \"\(words[0].text)\"; expected one of \(known)\(near)")
        }
        guard words.count == 1 else { throw CronError(text, "nothing may follow \(words[0].text)") }
        return try rule(expression)
    }

    /// `15m`, `1h30m`, `90s`, `1d`: from a second to 366 days.
    private static func interval(_ word: Word, _ text: String) throws(CronError) -> Int64 {
        let wrong = CronError(
            text, offset: word.offset,
            "\"\(word.text)\" is not an interval; expected numbers with units from 1s to 366d, as in 15m or 1h30m")
        var seconds: Int64 = 0
        var digits: [UInt8] = []
        for byte in word.text.utf8 {
            let unit: Int64
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits.append(byte)
                continue
            case UInt8(ascii: "s"): unit = 1
            case UInt8(ascii: "m"): unit = 60
            case UInt8(ascii: "h"): unit = 3600
            case UInt8(ascii: "d"): unit = 86_400
            default: throw wrong
            }
            guard let number = decimal(digits) else { throw wrong }
            seconds += Int64(number) * unit
            digits = []
        }
        guard digits.isEmpty, (1...366 * 86_400).contains(seconds) else { throw wrong }
        return seconds
    }
}
