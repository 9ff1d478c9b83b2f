/// The text of mail headers: plain where it is plain, RFC 2047 and RFC 2231 where it is not.
enum HeaderText {
    /// A header's value or a part of it that would end its line is an attack or a mistake, never wanted.
    static func check(_ text: String, of what: String) throws(MailError) {
        let isFine = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        guard isFine, !text.unicodeScalars.contains(where: { $0 == "\u{2028}" || $0 == "\u{2029}" }) else {
            throw MailError(
                .refusedHeader, "\(MailError.printable(what)) holds a control character or line break", origin: "")
        }
    }

    /// `Name: value`, folded. `structured` is written as it is: it is ASCII and ours.
    static func line(_ name: String, structured value: String) -> String { "\(name): \(value)\r\n" }

    /// `Name: value` of a text for people. What fits in one line of ASCII stays as it is.
    static func line(_ name: String, unstructured value: String) -> String {
        let isPlain =
            name.utf8.count + 2 + value.utf8.count <= 76 && isPrintable(value) && !value.contains("=?")
            && value.first != " " && value.last != " " && !value.isEmpty
        return line(name, structured: isPlain ? value : encodedWords(value, firstLineUsed: name.utf8.count + 2))
    }

    /// A list of mailboxes, one a line.
    static func line(_ name: String, _ mailboxes: [Mailbox]) -> String {
        line(name, structured: mailboxes.map(mailbox).joined(separator: ",\r\n "))
    }

    private static func mailbox(_ box: Mailbox) -> String {
        guard let name = box.name else { return box.address }
        let isPlain = name.utf8.count <= 60 && isPrintable(name) && !name.contains("=?")
        guard isPlain else { return encodedWords(name, firstLineUsed: 10) + "\r\n <\(box.address)>" }
        let quoted = name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"\(quoted)\" <\(box.address)>"
    }

    private static func isPrintable(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } }

    /// RFC 2047, section 2: words of at most 75 characters, lines of at most 76; a word holds whole characters.
    static func encodedWords(_ text: String, firstLineUsed: Int) -> String {
        var words: [String] = []
        var bytes: [UInt8] = []
        // "=?UTF-8?B?" and "?=" are 12 characters; Base64 makes 4 of 3 bytes.
        var room = max(4, (76 - firstLineUsed - 12) / 4 * 3)
        for scalar in text.unicodeScalars {
            let more = Array(String(Character(scalar)).utf8)
            if bytes.count + more.count > room {
                words.append(word(bytes))
                bytes = []
                room = 45
            }
            bytes += more
        }
        words.append(word(bytes))
        return words.joined(separator: "\r\n ")
    }

    private static func word(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(TransferEncoding.base64(bytes))?=" }

    /// `; name="x"`, or RFC 2231's `; name*=UTF-8''x` for what is not plain, on a line of its own.
    static func parameter(_ name: String, _ value: String) -> String {
        if isPrintable(value), !value.utf8.contains(where: { "\"\\".utf8.contains($0) }), value.utf8.count <= 60 {
            return ";\r\n \(name)=\"\(value)\""
        }
        var encoded = ""
        for byte in value.utf8 {
            let isPlain =
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || "-._".utf8.contains(byte)
            encoded += isPlain ? String(UnicodeScalar(byte)) : "%" + TransferEncoding.hex(byte)
        }
        return ";\r\n \(name)*=UTF-8''\(encoded)"
    }

    /// `Mon, 19 Oct 2026 08:56:13 +0000` (RFC 5322, section 3.3), from Unix seconds.
    static func date(_ seconds: Int64) -> String {
        // Years 1970 to 9999, which four digits can write.
        let seconds = min(max(seconds, 0), 253_402_300_799)
        var (year, rest) = (Int64(1970), seconds / 86_400)
        func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
        while rest >= (isLeap(year) ? 366 : 365) {
            rest -= isLeap(year) ? 366 : 365
            year += 1
        }
        let lengths: [Int64] = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var month = 0
        while rest >= lengths[month] {
            rest -= lengths[month]
            month += 1
        }
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let clock = "\(two(seconds / 3_600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
        let weekday = weekdays[Int(seconds / 86_400 % 7)]
        return "\(weekday), \(rest + 1) \(months[month]) \(year) \(clock) +0000"
    }
}
