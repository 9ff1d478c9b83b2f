/// What is done to words that come from data before they reach a reader: names and notes are written by strangers.
package enum ReportText {
    /// A spreadsheet's cell holds so many UTF-16 units.
    package static let cellUnitsMax = 32_767
    /// What a page or a terminal shows of one text.
    package static let shownCharactersMax = 600

    /// The text without what a reader cannot see and a program may obey: control characters (NUL, escapes) and the
    /// marks that reorder text (embeddings, overrides, isolates) become U+FFFD, so that their presence shows. Tabs and
    /// line ends stay when `keepsLines`, else they become blanks.
    ///
    /// Line ends become `\n` alike.
    package static func visible(_ text: String, keepsLines: Bool = false) -> String {
        // Most texts are printable ASCII: one pass over their bytes is all they need.
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
        guard text.unicodeScalars.contains(where: { isHidden($0) || isLineOrTab($0) }) else { return text }
        var result = String.UnicodeScalarView()
        var last: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            defer { last = scalar }
            if isLineOrTab(scalar) {
                if scalar == "\n", last == "\r" { continue }
                result.append(!keepsLines ? " " : scalar == "\r" ? "\n" : scalar)
            } else {
                result.append(isHidden(scalar) ? "\u{FFFD}" : scalar)
            }
        }
        return String(result)
    }

    private static func isLineOrTab(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\t" || scalar == "\n" || scalar == "\r"
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D: false
        case 0x00...0x1F, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069, 0xFFFE, 0xFFFF: true
        default: false
        }
    }

    /// The text without the people in mail addresses: `dana@example.com` becomes `…@example.com`. A report goes to more
    /// readers than the tables have.
    package static func withoutAddresses(_ text: String) -> String {
        guard text.utf8.contains(64) else { return text }
        return text.replacing(/[^\s“”"'<>(),;:@]+@(?=[^\s@])/, with: "…@")
    }

    /// At most `count` characters; what is cut is said.
    package static func shown(_ text: String, _ count: Int = shownCharactersMax) -> String {
        // One pass over the bytes of a short text, none over the graphemes of a long one.
        guard text.utf8.count > count, let end = text.index(text.startIndex, offsetBy: count, limitedBy: text.endIndex),
            end != text.endIndex
        else { return text }
        return text[..<end] + "… [cut: \(text.utf8.count) bytes in full]"
    }

    /// What fits into a spreadsheet's cell, counted in UTF-16 units as the format does; what is cut is said.
    package static func cell(_ text: String) -> String {
        guard text.utf8.count > cellUnitsMax, text.utf16.count > cellUnitsMax else { return text }
        let note = "… [cut: \(text.utf8.count) bytes in full]"
        var units = 0
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            units += scalar.value > 0xFFFF ? 2 : 1
            if units > cellUnitsMax - note.utf16.count { break }
            result.append(scalar)
        }
        return String(result) + note
    }

    /// Whether a spreadsheet that opens a CSV file may take the text for a formula.
    package static func looksLikeFormula(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first else { return false }
        switch first {
        case "=", "+", "-", "@", "\t", "\r", "\n", "\u{0}", "＝", "＋", "－", "＠": return true
        default: return false
        }
    }

    /// For HTML text and quoted attributes.
    package static func html(_ text: String) -> String {
        let needsEscape = text.utf8.contains { byte in
            byte == 38 || byte == 60 || byte == 62 || byte == 34 || byte == 39
        }
        guard needsEscape else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + 16)
        for byte in text.utf8 {
            switch byte {
            case 38: result.append(contentsOf: "&amp;".utf8)
            case 60: result.append(contentsOf: "&lt;".utf8)
            case 62: result.append(contentsOf: "&gt;".utf8)
            case 34: result.append(contentsOf: "&quot;".utf8)
            case 39: result.append(contentsOf: "&#39;".utf8)
            default: result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
