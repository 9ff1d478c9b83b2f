import Foundation

/// The keywords of JSON Schema (draft 2020-12) that our schemas use. A schema with any other keyword is refused, so
/// that nothing in it is passed over.
struct SchemaNode {
    private let keywords: [String: Any]
    private static let known: Set<String> = [
        "$schema", "title", "description", "default", "type", "properties", "additionalProperties", "required", "enum",
        "const", "pattern", "minimum", "maximum", "items", "uniqueItems", "minItems", "maxItems", "minProperties",
        "maxProperties", "propertyNames", "anyOf", "oneOf", "allOf", "if", "then",
    ]

    struct Unknown: Error {
        let keyword: String
    }

    init(_ value: Any) throws {
        keywords = try Self.checked(value)
    }

    private init(trusted: Any?) {
        keywords = trusted as? [String: Any] ?? [:]
    }

    private static func checked(_ value: Any) throws -> [String: Any] {
        guard let keywords = value as? [String: Any] else { throw Unknown(keyword: "\(value)") }
        for (keyword, value) in keywords {
            guard known.contains(keyword) else { throw Unknown(keyword: keyword) }
            switch keyword {
            case "properties":
                for schema in (value as? [String: Any] ?? [:]).values { _ = try checked(schema) }
            case "anyOf", "oneOf", "allOf":
                for schema in value as? [Any] ?? [] { _ = try checked(schema) }
            case "items", "if", "then", "propertyNames": _ = try checked(value)
            default: break
            }
        }
        return keywords
    }

    private func children(_ keyword: String) -> [SchemaNode]? {
        (keywords[keyword] as? [Any])?.map { SchemaNode(trusted: $0) }
    }

    private func child(_ keyword: String) -> SchemaNode? {
        keywords[keyword].map { SchemaNode(trusted: $0) }
    }

    func accepts(_ value: Any) -> Bool {
        if let type = keywords["type"] as? String, !Self.isOf(type, value) { return false }
        if let words = keywords["enum"] as? [String], !words.contains(value as? String ?? "\u{0}") { return false }
        if let word = keywords["const"] as? String, word != value as? String { return false }
        if let all = children("allOf"), !all.allSatisfy({ $0.accepts(value) }) { return false }
        if let any = children("anyOf"), !any.contains(where: { $0.accepts(value) }) { return false }
        if let one = children("oneOf"), one.count(where: { $0.accepts(value) }) != 1 { return false }
        if let condition = child("if"), condition.accepts(value), child("then")?.accepts(value) == false {
            return false
        }
        switch value {
        case let text as String: return acceptsText(text)
        case let list as [Any]: return acceptsList(list)
        case let object as [String: Any]: return acceptsObject(object)
        case let number as NSNumber: return acceptsNumber(number.doubleValue)
        default: return true
        }
    }

    private static func isOf(_ type: String, _ value: Any) -> Bool {
        switch type {
        case "string": value is String
        case "array": value is [Any]
        case "object": value is [String: Any]
        case "boolean": (value as? NSNumber).map(isBoolean) ?? false
        case "integer":
            (value as? NSNumber).map { !isBoolean($0) && $0.doubleValue == $0.doubleValue.rounded() } ?? false
        case "number": (value as? NSNumber).map { !isBoolean($0) } ?? false
        default: false
        }
    }

    private static func isBoolean(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c" || String(cString: number.objCType) == "B"
    }

    private func acceptsText(_ text: String) -> Bool {
        guard let pattern = keywords["pattern"] as? String else { return true }
        return text.range(of: pattern, options: .regularExpression) != nil
    }

    private func acceptsNumber(_ number: Double) -> Bool {
        let low = (keywords["minimum"] as? NSNumber)?.doubleValue ?? -.infinity
        let high = (keywords["maximum"] as? NSNumber)?.doubleValue ?? .infinity
        return low <= number && number <= high
    }

    private func acceptsList(_ list: [Any]) -> Bool {
        if let least = keywords["minItems"] as? Int, list.count < least { return false }
        if let most = keywords["maxItems"] as? Int, list.count > most { return false }
        if keywords["uniqueItems"] as? Bool == true, Set(list.map { "\($0)" }).count != list.count { return false }
        return child("items").map { items in list.allSatisfy { items.accepts($0) } } ?? true
    }

    private func acceptsObject(_ object: [String: Any]) -> Bool {
        if let least = keywords["minProperties"] as? Int, object.count < least { return false }
        if let most = keywords["maxProperties"] as? Int, object.count > most { return false }
        if let names = keywords["required"] as? [String], !names.allSatisfy({ object[$0] != nil }) { return false }
        if let names = child("propertyNames"), !object.keys.allSatisfy({ names.accepts($0) }) { return false }
        let properties = keywords["properties"] as? [String: Any] ?? [:]
        for (name, value) in object {
            if let schema = properties[name] {
                if !SchemaNode(trusted: schema).accepts(value) { return false }
            } else if keywords["additionalProperties"] as? Bool == false {
                return false
            } else if let others = keywords["additionalProperties"] as? [String: Any],
                !SchemaNode(trusted: others).accepts(value)
            {
                return false
            }
        }
        return true
    }
}
