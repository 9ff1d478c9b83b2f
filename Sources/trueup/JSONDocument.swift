import ArgumentParser
import Foundation
import Schedule

/// What a command prints with `--json`: one object with sorted keys, whose `format` says what it is. Every member is
/// always there; what is not known is null.
enum JSONDocument {
    /// - Parameter isOneLine: for several documents below each other.
    static func print(_ document: some Encodable, isOneLine: Bool = false) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !isOneLine { encoder.outputFormatting.insert(.prettyPrinted) }
        encoder.keyEncodingStrategy = .convertToSnakeCase
        Terminal.print(String(decoding: try encoder.encode(document), as: UTF8.self))
    }

    /// RFC 3339 in UTC, to the second.
    static func time(_ seconds: Int64) -> String { ISOTime.text(seconds, in: .utc).prefix(19) + "Z" }
}

/// A member that is null where there is no value, and not left out.
@propertyWrapper
struct OrNull<Value: Encodable & Sendable>: Encodable, Sendable {
    var wrappedValue: Value?

    init(wrappedValue: Value?) { self.wrappedValue = wrappedValue }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}

struct JSONOption: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document instead, for programs.")
    var json = false
}
