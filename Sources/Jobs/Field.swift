/// A checked value with its place. What a table of keys promises about it holds.
package struct Field {
    package let value: Value
    package let place: SourceText.Place?

    package indirect enum Value {
        case text(String)
        case integer(Int64)
        case number(Double)
        case boolean(Bool)
        /// A duration.
        case seconds(Int64)
        case list([Field])
        case mapping(Fields)
        /// A mapping whose keys the user named, in the order of the file.
        case dictionary([Entry])
    }

    /// One pair of a dictionary.
    package struct Entry {
        package let name: String
        package let place: SourceText.Place?
        package let fields: Fields
    }
}

/// The checked values of one mapping. Keys that are absent (or were wrong, which is reported) answer with the
/// table's fallback, so that reading goes on and every error is found at once.
package struct Fields {
    package let table: KeyTable
    package var entries: [String: Field] = [:]
    package var keyPlaces: [String: SourceText.Place] = [:]
    /// Where the mapping begins.
    package let place: SourceText.Place?

    package init(table: KeyTable, place: SourceText.Place?) {
        self.table = table
        self.place = place
    }

    package func has(_ name: String) -> Bool { keyPlaces[name] != nil }

    package func field(_ name: String) -> Field? {
        precondition(table[name] != nil, "\(name) is read but is in no table")
        return entries[name]
    }

    /// Where the value stands, else its key, else the mapping.
    package func place(of name: String) -> SourceText.Place? {
        entries[name]?.place ?? keyPlaces[name] ?? place
    }

    package func text(_ name: String) -> String? {
        if case .text(let text)? = field(name)?.value { return text }
        return table[name]?.fallback
    }

    package func integer(_ name: String) -> Int64? {
        if case .integer(let number)? = field(name)?.value { return number }
        return table[name]?.fallback.flatMap { Int64($0) }
    }

    package func number(_ name: String) -> Double? {
        if case .number(let number)? = field(name)?.value { return number }
        return table[name]?.fallback.flatMap { Double($0) }
    }

    package func boolean(_ name: String) -> Bool? {
        if case .boolean(let truth)? = field(name)?.value { return truth }
        return table[name]?.fallback.map { $0 == "true" }
    }

    package func seconds(_ name: String) -> Int64? {
        if case .seconds(let seconds)? = field(name)?.value { return seconds }
        return table[name]?.fallback.flatMap(Duration.seconds)
    }

    /// The mapping under a key; an empty one, full of fallbacks, where there is none.
    package func mapping(_ name: String) -> Fields {
        if case .mapping(let fields)? = field(name)?.value { return fields }
        guard case .mapping(let inner)? = table[name]?.shape else { preconditionFailure("\(name) is no mapping") }
        return Fields(table: inner, place: place(of: name))
    }

    /// The texts of a list; the fallback's, which is written `[a, b]`, where there is none.
    package func texts(_ name: String) -> [String] { textFields(name).map(\.text) }

    /// As ``texts(_:)``, with places.
    package func textFields(_ name: String) -> [(text: String, place: SourceText.Place?)] {
        guard case .list(let fields)? = field(name)?.value else {
            let fallback = table[name]?.fallback ?? "[]"
            return fallback.dropFirst().dropLast().split(separator: ",").map { piece in
                (String(piece.drop { $0 == " " }), nil)
            }
        }
        return fields.compactMap { field in
            if case .text(let text) = field.value { return (text, field.place) }
            return nil
        }
    }
}
