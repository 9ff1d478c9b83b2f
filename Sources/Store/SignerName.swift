import Foundation

/// A typed name of somebody who signs. It proves no person; but two names that look the same on paper have to be one.
package struct SignerName: Sendable, Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// Alphabets that have letters of the same look: ranges of scalars, from <https://www.unicode.org/charts/>.
    private static let alphabets: [(name: String, ranges: [ClosedRange<UInt32>])] = [
        ("Latin", [0x41...0x5A, 0x61...0x7A, 0xC0...0x24F, 0x250...0x2AF, 0x1E00...0x1EFF, 0xA720...0xA7FF]),
        ("Greek", [0x370...0x3FF, 0x1F00...0x1FFF]),
        ("Cyrillic", [0x400...0x52F, 0x1C80...0x1C8F, 0xA640...0xA69F]),
        ("Armenian", [0x531...0x58F]), ("Cherokee", [0x13A0...0x13FF, 0xAB70...0xABBF]),
        ("Coptic", [0x2C80...0x2CFF]), ("Georgian", [0x10A0...0x10FF]), ("Lisu", [0xA4D0...0xA4FF]),
    ]

    /// The alphabets of its letters, where they are of more than one that can be taken for another; else none.
    package var mixedAlphabets: [String] {
        let scalars = text.precomposedStringWithCompatibilityMapping.unicodeScalars.filter(\.properties.isAlphabetic)
        let names = Self.alphabets.filter { alphabet in
            scalars.contains { scalar in alphabet.ranges.contains { $0.contains(scalar.value) } }
        }.map(\.name)
        return names.count > 1 ? names : []
    }

    /// Letters of other alphabets, small capitals, and digits, that look like a Latin letter: those of
    /// <https://www.unicode.org/reports/tr39/#Confusable_Detection> that a name can be written with.
    private static let looks: [Character: Character] = [
        // Cyrillic
        "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ё": "e", "һ": "h", "н": "h", "і": "i", "ї": "i", "ј": "j",
        "к": "k", "ӏ": "l", "м": "m", "п": "n", "о": "o", "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "т": "t", "у": "y",
        "ү": "y", "ѵ": "v", "ԝ": "w", "х": "x",
        // Greek
        "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "m", "ν": "v", "ο": "o", "ρ": "p", "τ": "t",
        "υ": "u", "χ": "x", "ζ": "z", "γ": "y",
        // Armenian
        "օ": "o", "ո": "n", "ս": "u", "հ": "h", "ց": "g", "զ": "q",
        // Latin that is told apart by a dot or a dash, or is a letter in another hand.
        "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "ɑ": "a", "ɡ": "g", "ɩ": "i", "ɾ": "r", "ɼ": "r",
        "ʋ": "v", "ƿ": "p", "ƽ": "s", "ș": "ş", "ț": "ţ", "ɫ": "l", "ꞁ": "l",
        // Small capitals, which have no capitals of their own.
        "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ꜰ": "f", "ɢ": "g", "ʜ": "h", "ɪ": "I", "ᴊ": "j", "ᴋ": "k",
        "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p", "ꞯ": "q", "ʀ": "r", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v",
        "ᴡ": "w", "ʏ": "y", "ᴢ": "z",
        // Strokes and digits.
        "1": "l", "|": "l", "ǀ": "l", "∣": "l", "0": "o",
    ]

    /// Two letters that are read as one, in small letters.
    private static let pairs: [(two: String, one: String)] = [("rn", "m"), ("vv", "w")]

    /// What stands between the parts of a name, and is a blank to the eye or nothing.
    private static let marks: Set<Character> = [
        "'", "’", "‘", "ʼ", "`", "´", ".", ",", "-", "\u{2010}", "\u{2011}", "–", "—", "_", "·",
    ]

    /// Whether it could be taken for another name: written in small and capital letters alike, or by the look of each
    /// letter as it is, in which a capital I is a stroke.
    package func looksLike(_ other: SignerName) -> Bool {
        if skeleton == other.skeleton { return true }
        let (own, others) = (Self.letters(text), Self.letters(other.text))
        return own.count == others.count && zip(own, others).allSatisfy { !$0.isDisjoint(with: $1) }
    }

    /// Without blanks, in small letters of the usual width.
    package var plain: String {
        String(text.precomposedStringWithCompatibilityMapping.lowercased().filter { !$0.isWhitespace })
    }

    /// What is left of it for the eye, whether it is written in small letters or in capitals.
    package var skeleton: String {
        let letters = Self.letters(text.precomposedStringWithCompatibilityMapping.lowercased())
        return letters.compactMap { $0.min() }.map(String.init).joined()
    }

    /// What each letter can be taken for: a capital I is an i or a stroke, every other one thing.
    private static func letters(_ text: String) -> [Set<Character>] {
        var shown = ""
        for character in text.precomposedStringWithCompatibilityMapping where !character.isWhitespace {
            let visible = character.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint }
            guard !visible.isEmpty else { continue }
            let letter = Character(String(String.UnicodeScalarView(visible)))
            if !marks.contains(letter) { shown.append(looks[letter] ?? letter) }
        }
        for pair in pairs { shown = shown.replacing(pair.two, with: pair.one) }
        return shown.flatMap { letter -> [Set<Character>] in
            if letter == "I" || letter == "\u{0406}" || letter == "\u{0399}" { return [["i", "l"]] }
            return letter.lowercased().map { [looks[$0] ?? $0] }
        }
    }
}
