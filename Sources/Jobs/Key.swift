/// One key of a job file: the parser, the documentation and the JSON Schema all read it here.
package struct Key: Sendable {
    package let name: String
    package let shape: Shape
    /// One sentence for people who write the file.
    package let doc: String
    package let isRequired: Bool
    /// What holds without the key, as it would be written.
    package let fallback: String?

    package init(_ name: String, _ shape: Shape, _ doc: String, required: Bool = false, fallback: String? = nil) {
        self.name = name
        self.shape = shape
        self.doc = doc
        isRequired = required
        self.fallback = fallback
    }
}

/// The keys that a mapping may have.
package struct KeyTable: Sendable {
    package let keys: [Key]
    private let indices: [String: Int]

    /// - Precondition: no two keys have one name.
    package init(_ keys: [Key]) {
        self.keys = keys
        indices = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($0.element.name, $0.offset) })
    }

    package subscript(name: String) -> Key? {
        indices[name].map { keys[$0] }
    }
}

/// What a value may be.
package indirect enum Shape: Sendable {
    case text(TextRule)
    /// A whole number.
    case integer(ClosedRange<Int64>)
    /// A number with or without decimals.
    case number(ClosedRange<Double>)
    case boolean
    /// A number with a unit: `30s`, `5m`, `6h`, `35d`, `2w`; the bounds in seconds.
    case duration(ClosedRange<Int64>)
    /// One of some words, with a remark for those who wrote another.
    case word([String], note: String? = nil)
    /// A list with a least and a greatest length, and no value twice.
    case list(Shape, ClosedRange<Int>)
    case mapping(KeyTable)
    /// A mapping whose keys the user names.
    case dictionary(keys: TextRule, values: KeyTable, ClosedRange<Int>)
    /// The first that fits the node's form (scalar, list or mapping).
    case either([Shape])

    /// For error messages: what stands after "expected".
    package var expectation: String {
        switch self {
        case .text(let rule): rule.expectation
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "a number from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
        case .boolean: "true or false"
        case .duration(let range):
            "a duration from \(Duration.text(range.lowerBound)) to \(Duration.text(range.upperBound))"
                + Duration.examples(range)
        case .word(let words, let note):
            (words.count == 1 ? "" : "one of ") + words.joined(separator: ", ") + (note.map { " (\($0))" } ?? "")
        case .list(let element, _): "a list in which each element is \(element.expectation)"
        case .mapping(let table): "a mapping with keys out of " + table.keys.map(\.name).joined(separator: ", ")
        case .dictionary(let keys, _, _): "a mapping whose keys are \(keys.plural)"
        case .either(let shapes): shapes.map(\.expectation).joined(separator: ", or ")
        }
    }
}

/// `1`, not `1.0`.
func plain(_ number: Double) -> String {
    Int64(exactly: number).map(String.init) ?? String(number)
}

/// Durations as job files write them.
package enum Duration {
    package static let units: [(letter: Character, seconds: Int64)] = [
        ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1),
    ]

    /// Seconds, or `nil` where the text is no number with a unit, or is larger than a number can be.
    package static func seconds(_ text: String) -> Int64? {
        guard let last = text.last, let unit = units.first(where: { $0.letter == last }) else { return nil }
        let digits = text.dropLast().utf8
        guard !digits.isEmpty, digits.count <= 12, digits.allSatisfy({ (48...57).contains($0) }),
            let number = Int64(String(text.dropLast()))
        else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit.seconds)
        return overflow ? nil : seconds
    }

    /// `, such as 30s, 5m, 6h or 35d`, as far as they are within the bounds; one of them at most for each unit.
    static func examples(_ range: ClosedRange<Int64>) -> String {
        let fitting = [["30s"], ["5m"], ["6h", "1h"], ["35d", "7d", "1d"]].compactMap { texts in
            texts.first { seconds($0).map(range.contains) ?? false }
        }
        guard let last = fitting.last else { return "" }
        return ", such as " + (fitting.dropLast().isEmpty ? "" : fitting.dropLast().joined(separator: ", ") + " or ")
            + last
    }

    /// With the largest unit (weeks aside) that needs no fraction: `35d`, `90m`.
    package static func text(_ seconds: Int64) -> String {
        for unit in units.dropFirst() where seconds % unit.seconds == 0 && (seconds != 0 || unit.letter == "s") {
            return "\(seconds / unit.seconds)\(unit.letter)"
        }
        return "\(seconds)s"
    }
}
