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

    /// Letters of other alphabets, and digits, that look like a Latin letter.
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
        // Latin that is told apart by a dot or a dash, and digits.
        "ı": "i", "ł": "l", "ø": "o", "đ": "d", "1": "l", "|": "l", "0": "o",
    ]

    /// What is left of it for the eye: the same for two names that look the same.
    package var skeleton: String {
        let folded = text.precomposedStringWithCompatibilityMapping.lowercased()
        var skeleton = ""
        for character in folded where !character.isWhitespace {
            let visible = character.unicodeScalars.filter { !$0.properties.isDefaultIgnorableCodePoint }
            guard !visible.isEmpty else { continue }
            let shown = Character(String(String.UnicodeScalarView(visible)))
            skeleton.append(Self.looks[shown] ?? shown)
        }
        return skeleton
    }
}
