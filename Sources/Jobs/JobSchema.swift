/// The JSON Schemas (draft 2020-12) of settings and job files, for editors. They are made from the tables that the
/// parser reads, so what an editor accepts is what a load accepts, save for what depends on other keys or files.
public enum JobSchema {
    /// One schema for `settings.yaml` and for job files alike: the form is told apart by the keys.
    public static func json() -> String {
        let jobs = JobKeys.kinds.map { kind in object(JobKeys.table(kind: kind), kind: kind) }
        return document(title: "Trueup job or settings file", [("anyOf", .array(jobs + [object(SettingsKeys.table)]))])
    }

    /// The schema of job files alone.
    public static func jobJSON() -> String {
        let kinds = JobKeys.kinds.map { kind in object(JobKeys.table(kind: kind), kind: kind) }
        // if/then gives an editor the errors of the one kind that is meant, where anyOf would give those of all.
        let branches = zip(JobKeys.kinds, kinds).map { kind, schema in
            JSONText.object([
                (
                    "if",
                    .object([
                        ("properties", .object([("kind", .object([("const", .string(kind))]))])),
                        ("required", .array([.string("kind")])),
                    ])
                ),
                ("then", schema),
            ])
        }
        return document(
            title: "Trueup job",
            [
                ("type", .string("object")),
                ("properties", .object([("kind", .object([("enum", .array(JobKeys.kinds.map(JSONText.string)))]))])),
                ("required", .array([.string("kind")])),
                ("allOf", .array(branches)),
            ])
    }

    /// The schema of `settings.yaml` alone.
    public static func settingsJSON() -> String {
        guard case .object(let pairs) = object(SettingsKeys.table) else { return "{}" }
        return document(title: "Trueup settings", pairs)
    }

    private static func document(title: String, _ pairs: [(String, JSONText)]) -> String {
        let head: [(String, JSONText)] = [
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")), ("title", .string(title)),
        ]
        return JSONText.object(head + pairs).text() + "\n"
    }

    private static func object(_ table: KeyTable, kind: String? = nil) -> JSONText {
        let properties = table.keys.map { key -> (String, JSONText) in
            if key.name == "kind", let kind {
                return (key.name, .object([("const", .string(kind)), ("description", .string(key.doc))]))
            }
            guard case .object(let shape) = schema(key.shape) else { return (key.name, schema(key.shape)) }
            var pairs = shape
            pairs.append(("description", .string(key.doc)))
            if let fallback = key.fallback, !fallback.isEmpty { pairs.append(("default", value(fallback, key.shape))) }
            return (key.name, .object(pairs))
        }
        var pairs: [(String, JSONText)] = [
            ("type", .string("object")), ("additionalProperties", .boolean(false)),
            ("properties", .object(properties)),
        ]
        let required = table.keys.filter(\.isRequired).map { JSONText.string($0.name) }
        if !required.isEmpty { pairs.append(("required", .array(required))) }
        if table["account"] != nil, table["accounts"] != nil {
            let one = ["account", "accounts"].map { JSONText.object([("required", .array([.string($0)]))]) }
            pairs.append(("oneOf", .array(one)))
        }
        return .object(pairs)
    }

    private static func schema(_ shape: Shape) -> JSONText {
        switch shape {
        case .text(let rule):
            return .object([("type", .string("string")), ("pattern", .string(rule.pattern))])
        case .integer(let range):
            return .object([
                ("type", .string("integer")), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ])
        case .number(let range):
            return .object([
                ("type", .string("number")), ("minimum", .number(range.lowerBound)),
                ("maximum", .number(range.upperBound)),
            ])
        case .boolean:
            return .object([("type", .string("boolean"))])
        case .duration:
            return .object([("type", .string("string")), ("pattern", .string("^[0-9]{1,12}[smhdw]$"))])
        case .word(let words, _):
            return .object([("enum", .array(words.map(JSONText.string)))])
        case .list(let element, let count):
            return .object([
                ("type", .string("array")), ("items", schema(element)), ("uniqueItems", .boolean(true)),
                ("minItems", .integer(Int64(count.lowerBound))), ("maxItems", .integer(Int64(count.upperBound))),
            ])
        case .mapping(let table):
            return object(table)
        case .dictionary(let keys, let values, let count):
            return .object([
                ("type", .string("object")), ("propertyNames", .object([("pattern", .string(keys.pattern))])),
                ("additionalProperties", object(values)), ("minProperties", .integer(Int64(count.lowerBound))),
                ("maxProperties", .integer(Int64(count.upperBound))),
            ])
        case .either(let shapes):
            return .object([("anyOf", .array(shapes.map(schema)))])
        }
    }

    /// A fallback as the JSON value that it stands for.
    private static func value(_ fallback: String, _ shape: Shape) -> JSONText {
        switch shape {
        case .integer: return Int64(fallback).map(JSONText.integer) ?? .string(fallback)
        case .number: return Double(fallback).map(JSONText.number) ?? .string(fallback)
        case .boolean: return .boolean(fallback == "true")
        case .list:
            let words = fallback.dropFirst().dropLast().split(separator: ",")
            return .array(words.map { .string(String($0.drop { $0 == " " })) })
        default: return .string(fallback)
        }
    }
}

/// JSON that keeps the order of its keys, so that the same tables give the same bytes.
package indirect enum JSONText {
    case string(String)
    case integer(Int64)
    case number(Double)
    case boolean(Bool)
    case array([JSONText])
    case object([(String, JSONText)])

    func text(indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .string(let text): return JSONText.quoted(text)
        case .integer(let number): return String(number)
        case .number(let number): return number == number.rounded() ? String(Int64(number)) : String(number)
        case .boolean(let truth): return truth ? "true" : "false"
        case .array(let elements):
            if elements.isEmpty { return "[]" }
            let lines = elements.map { inner + $0.text(indent: inner) }
            return "[\n" + lines.joined(separator: ",\n") + "\n" + indent + "]"
        case .object(let pairs):
            if pairs.isEmpty { return "{}" }
            let lines = pairs.map { inner + JSONText.quoted($0) + ": " + $1.text(indent: inner) }
            return "{\n" + lines.joined(separator: ",\n") + "\n" + indent + "}"
        }
    }

    /// A JSON string, with its quotes (RFC 8259, section 7).
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
