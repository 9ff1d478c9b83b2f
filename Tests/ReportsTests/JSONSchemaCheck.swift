import Foundation

/// The part of JSON Schema that the report's schema uses, so that a test can hold one against the other.
struct JSONSchemaCheck {
    let root: [String: Any]

    /// What is wrong, each with its place; empty when the value fits.
    func faults(_ value: Any, _ schema: [String: Any], at place: String = "$") -> [String] {
        if let reference = schema["$ref"] as? String {
            let name = String(reference.dropFirst("#/$defs/".count))
            guard let target = (root["$defs"] as? [String: Any])?[name] as? [String: Any] else {
                return ["\(place): no definition \(reference)"]
            }
            return faults(value, target, at: place)
        }
        if let choices = schema["anyOf"] as? [[String: Any]] {
            let found = choices.map { faults(value, $0, at: place) }
            return found.contains { $0.isEmpty } ? [] : found.first ?? []
        }
        var result: [String] = []
        if let type = schema["type"] {
            let names = (type as? [String]) ?? [type as? String ?? ""]
            if !names.contains(where: { Self.fits(value, $0) }) { return ["\(place): not \(names)"] }
        }
        if let constant = schema["const"] as? String, value as? String != constant { result.append("\(place): const") }
        if let words = schema["enum"] as? [String], !words.contains(value as? String ?? "") {
            result.append("\(place): not one of \(words)")
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            result.append("\(place): “\(text)” does not match \(pattern)")
        }
        if let object = value as? [String: Any] { result += members(object, schema, place) }
        if let list = value as? [Any], let items = schema["items"] as? [String: Any] {
            for (index, element) in list.enumerated() { result += faults(element, items, at: "\(place)[\(index)]") }
        }
        return result
    }

    private func members(_ object: [String: Any], _ schema: [String: Any], _ place: String) -> [String] {
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        var result = (schema["required"] as? [String] ?? []).filter { object[$0] == nil }.map { "\(place): no \($0)" }
        for (key, value) in object {
            if let property = properties[key] {
                result += faults(value, property, at: place + "." + key)
            } else if schema["additionalProperties"] as? Bool == false {
                result.append("\(place): \(key) is not known")
            }
        }
        return result
    }

    private static func fits(_ value: Any, _ type: String) -> Bool {
        switch type {
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "null": value is NSNull
        case "boolean": (value as? NSNumber).map { isBoolean($0) } ?? false
        case "integer":
            (value as? NSNumber).map { !isBoolean($0) && $0.doubleValue.rounded() == $0.doubleValue } ?? false
        default: false
        }
    }

    private static func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
