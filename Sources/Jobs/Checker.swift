import Schedule
import Yams

/// Holds nodes against shapes: gives checked values and reports everything else.
package struct Checker {
    let source: SourceText
    /// `is`; `holds` for the elements of a list.
    private var verb = "is"

    package init(_ source: SourceText) {
        self.source = source
    }

    /// The mapping's values, without those that are wrong. Unknown, missing and misplaced keys are reported. Of a key
    /// that stands twice, which is reported already, both values are looked at and the later one counts.
    package func fields(_ node: Node, _ table: KeyTable) -> Fields {
        var fields = Fields(table: table, place: node.place)
        guard case .mapping(let mapping) = node else { return fields }
        for (key, value) in mapping {
            guard let name = name(key) else { continue }
            guard let known = table[name] else {
                reportUnknown(name, at: key.place, value, table)
                continue
            }
            fields.keyPlaces[name] = key.place
            fields.entries[name] = field(value, known.shape, key: name, keyPlace: key.place)
        }
        for key in table.keys where key.isRequired && !fields.has(key.name) {
            source.report(
                "the key \"\(key.name)\" is missing", at: node.place,
                expected: "\(key.name): \(key.shape.expectation)")
        }
        return fields
    }

    private func name(_ key: Node) -> String? {
        guard case .scalar(let scalar) = key else {
            source.report("\(Document.form(key)) stands where a key should", at: key.place)
            return nil
        }
        return scalar.string
    }

    private func reportUnknown(_ name: String, at place: SourceText.Place?, _ value: Node, _ table: KeyTable) {
        if name == "<<" {
            source.report("YAML's merge key << is not supported", at: place, expected: "the keys written out")
            return
        }
        let known = table.keys.map(\.name)
        source.report(
            "unknown key \(quoted(name))", at: place, found: name.count > 60 ? nil : Redaction.redacted(name),
            expected: (known.count == 1 ? "" : "one of ") + known.joined(separator: ", "),
            suggestion: nearestWord(to: name, among: known))
    }

    /// The value, or `nil` after reporting what is wrong with it.
    func field(_ node: Node, _ shape: Shape, key: String, keyPlace: SourceText.Place?) -> Field? {
        // An empty value has its place where the next token begins: the key says more.
        let place = node.scalar?.string == "" ? keyPlace : node.place
        switch shape {
        case .mapping(let table):
            guard case .mapping = node else { return mismatch(node, shape, key, place) }
            return Field(value: .mapping(fields(node, table)), place: place)
        case .dictionary(let keys, let values, let count):
            return dictionary(node, shape, keys, values, count, key, place)
        case .list(let element, let count):
            return list(node, shape, element, count, key, place)
        case .either(let shapes):
            return either(node, shapes, shape, key, place)
        case .text, .integer, .number, .boolean, .duration, .word:
            guard case .scalar(let scalar) = node, !scalar.isNull else { return mismatch(node, shape, key, place) }
            return self.scalar(scalar, shape, key, place)
        }
    }

    private func mismatch(
        _ node: Node, _ shape: Shape, _ key: String, _ place: SourceText.Place?, suggestion: String? = nil,
        isQuotes: Bool = false
    ) -> Field? {
        // A secret has its own error, and one is enough.
        if let text = node.scalar?.string, Redaction.secret(in: text) != nil { return nil }
        let hides = if case .text(let rule) = shape { rule.mayBeSecret } else { false }
        let form =
            switch node {
            case .scalar(let scalar) where hides && !scalar.isNull: "a text that is not shown"
            default: Document.form(node)
            }
        source.report(
            "\"\(key)\" \(verb) \(form)", at: place, found: hides ? nil : form,
            expected: shape.expectation + (isQuotes ? ", without quotes" : ""),
            suggestion: suggestion, hides: hides)
        return nil
    }

    private func scalar(_ scalar: Node.Scalar, _ shape: Shape, _ key: String, _ place: SourceText.Place?) -> Field? {
        let text = scalar.string
        let node = Node.scalar(scalar)
        var value: Field.Value?
        var suggestion: String?
        switch shape {
        case .text(let rule):
            let isText = rule.takesAnyScalar || !scalar.isTyped
            if isText, rule.isValid(text) { value = .text(text) }
            if !isText, rule.isValid(text) { suggestion = "'\(text)'" }
        case .integer(let range):
            if let number = scalar.integer, range.contains(number) { value = .integer(number) }
        case .number(let range):
            if let number = scalar.number, range.contains(number) { value = .number(number) }
        case .boolean:
            if scalar.style == .plain, text == "true" || text == "false" { value = .boolean(text == "true") }
            if ["yes", "on", "y", "True", "TRUE"].contains(text) { suggestion = "true" }
            if ["no", "off", "n", "False", "FALSE"].contains(text) { suggestion = "false" }
        case .duration(let range):
            if let seconds = Duration.seconds(text), range.contains(seconds) { value = .seconds(seconds) }
            if let number = scalar.integer, number > 0 {
                suggestion = Duration.units.first {
                    number < 400 && range.contains(number * $0.seconds) && $0.seconds < 604_800
                }
                .map { "\(number)\($0.letter)" }
            }
        case .word(let words, _):
            if words.contains(text) { value = .text(text) } else { suggestion = nearestWord(to: text, among: words) }
        case .list, .mapping, .dictionary, .either:
            break
        }
        guard let value else {
            let isQuotes = isRight(scalar, shape, unquoted: text)
            return mismatch(node, shape, key, place, suggestion: suggestion, isQuotes: isQuotes)
        }
        return Field(value: value, place: place)
    }

    /// Whether nothing but its quotes is wrong with a number or a truth value.
    private func isRight(_ scalar: Node.Scalar, _ shape: Shape, unquoted text: String) -> Bool {
        guard scalar.style == .singleQuoted || scalar.style == .doubleQuoted else { return false }
        let plain = Node.Scalar(text, scalar.tag, .plain)
        return switch shape {
        case .integer(let range): plain.integer.map(range.contains) ?? false
        case .number(let range): plain.number.map(range.contains) ?? false
        case .boolean: text == "true" || text == "false"
        default: false
        }
    }

    private func list(
        _ node: Node, _ shape: Shape, _ element: Shape, _ count: ClosedRange<Int>, _ key: String,
        _ place: SourceText.Place?
    ) -> Field? {
        guard case .sequence(let list) = node else { return mismatch(node, shape, key, place) }
        guard count.contains(list.count) else {
            source.report(
                "\"\(key)\" has \(list.count) elements", at: place,
                expected: "\(count.lowerBound) to \(count.upperBound)")
            return nil
        }
        var seen: Set<String> = []
        var elements = self
        elements.verb = "holds"
        let fields = list.compactMap { item -> Field? in
            guard let field = elements.field(item, element, key: key, keyPlace: item.place) else { return nil }
            if case .text(let text) = field.value, !seen.insert(text).inserted {
                source.report("\(quoted(text)) stands twice in \"\(key)\"", at: field.place)
            }
            return field
        }
        return Field(value: .list(fields), place: place)
    }

    private func dictionary(
        _ node: Node, _ shape: Shape, _ keys: TextRule, _ values: KeyTable, _ count: ClosedRange<Int>, _ key: String,
        _ place: SourceText.Place?
    ) -> Field? {
        guard case .mapping(let mapping) = node else { return mismatch(node, shape, key, place) }
        guard count.contains(mapping.count) else {
            source.report(
                "\"\(key)\" has \(mapping.count) entries", at: place,
                expected: "\(count.lowerBound) to \(count.upperBound)")
            return nil
        }
        var entries: [Field.Entry] = []
        for (entryKey, value) in mapping {
            guard let name = name(entryKey) else { continue }
            guard keys.isValid(name) else {
                source.report("\(quoted(name)) under \"\(key)\"", at: entryKey.place, expected: keys.expectation)
                continue
            }
            guard let field = field(value, .mapping(values), key: name, keyPlace: entryKey.place),
                case .mapping(let fields) = field.value
            else { continue }
            entries.append(Field.Entry(name: name, place: entryKey.place, fields: fields))
        }
        return Field(value: .dictionary(entries), place: place)
    }

    private func either(
        _ node: Node, _ shapes: [Shape], _ shape: Shape, _ key: String, _ place: SourceText.Place?
    ) -> Field? {
        let fitting = shapes.first { candidate in
            switch (candidate, node) {
            case (.mapping, .mapping), (.dictionary, .mapping), (.list, .sequence): true
            case (.mapping, _), (.dictionary, _), (.list, _), (.either, _): false
            case (_, .scalar(let scalar)): !scalar.isNull
            default: false
            }
        }
        guard let fitting else { return mismatch(node, shape, key, place) }
        if case .scalar(let scalar) = node, case .word(let words, _) = fitting, !words.contains(scalar.string) {
            return mismatch(node, shape, key, place, suggestion: nearestWord(to: scalar.string, among: words))
        }
        return field(node, fitting, key: key, keyPlace: place)
    }
}

extension Node.Scalar {
    /// A plain scalar that YAML 1.2 does not read as text: numbers, truth values, null.
    var isTyped: Bool {
        guard style == .plain else { return false }
        return ["true", "false", "True", "False", "TRUE", "FALSE"].contains(string) || isNull || number != nil
    }

    /// Plain digits with a sign at most.
    var integer: Int64? {
        guard style == .plain, let last = string.utf8.last, (48...57).contains(last) else { return nil }
        let digits = string.hasPrefix("-") ? string.dropFirst() : string[...]
        return digits.utf8.allSatisfy { (48...57).contains($0) } ? Int64(string) : nil
    }

    /// Plain decimals: no exponents' edge cases, no infinity, no hexadecimal.
    var number: Double? {
        guard style == .plain, let first = string.utf8.first, (48...57).contains(first) || first == 45 || first == 46,
            string.utf8.allSatisfy({ (48...57).contains($0) || [43, 45, 46, 69, 101].contains($0) })
        else { return nil }
        return Double(string.hasPrefix(".") ? "0" + string : string)
    }
}
