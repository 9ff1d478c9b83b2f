/// A value that can be a parameter of a statement. It is sent in PostgreSQL's binary format together with its type, so
/// nothing is guessed and nothing is quoted.
///
/// | Swift | PostgreSQL |
/// |---|---|
/// | `Bool`, `Double` | `boolean`, `double precision` |
/// | `Int16`, `Int32`, `Int64` and `Int` | `smallint`, `integer`, `bigint` |
/// | `String`, `JSONText`, `Timestamp`, `[UInt8]` | `text`, `jsonb`, `timestamptz`, `bytea` |
/// | arrays of these, with `nil` inside where wanted | one-dimensional arrays |
/// | `Optional` of each | the same, or NULL |
///
/// Where another type is wanted, cast in the SQL: `$1::date`, `$2::text::my_enum`.
public protocol PostgresEncodable: Sendable {
    /// The type that the parameter is declared with.
    static var postgresType: PostgresType { get }

    /// Appends the binary form to `bytes` and returns true, or leaves `bytes` alone and returns false for NULL.
    /// Throws `.encoding` for what PostgreSQL cannot hold: text with a NUL byte, a timestamp out of range.
    func encode(into bytes: inout [UInt8]) throws(PostgresError) -> Bool
}

/// A value that can be an element of an array parameter.
public protocol PostgresArrayElement: Sendable {
    /// The type of the whole array.
    static var postgresArrayType: PostgresType { get }

    /// Appends the binary form of the whole array.
    static func encode(array: [Self], into bytes: inout [UInt8]) throws(PostgresError)
}

extension FixedWidthInteger {
    /// Appends the value in network byte order, as everything in PostgreSQL's protocol is.
    @inline(__always)
    func appendBigEndian(to bytes: inout [UInt8]) {
        withUnsafeBytes(of: bigEndian) { bytes.append(contentsOf: $0) }
    }
}

extension Bool: PostgresEncodable {
    public static var postgresType: PostgresType { .bool }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(self ? 1 : 0)
        return true
    }
}

extension Int16: PostgresEncodable {
    public static var postgresType: PostgresType { .smallint }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        appendBigEndian(to: &bytes)
        return true
    }
}

extension Int32: PostgresEncodable {
    public static var postgresType: PostgresType { .integer }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        appendBigEndian(to: &bytes)
        return true
    }
}

extension Int64: PostgresEncodable {
    public static var postgresType: PostgresType { .bigint }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        appendBigEndian(to: &bytes)
        return true
    }
}

extension Int: PostgresEncodable {
    public static var postgresType: PostgresType { .bigint }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        Int64(self).encode(into: &bytes)
    }
}

extension Double: PostgresEncodable {
    public static var postgresType: PostgresType { .double }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        bitPattern.appendBigEndian(to: &bytes)
        return true
    }
}

extension String: PostgresEncodable {
    public static var postgresType: PostgresType { .text }
    public func encode(into bytes: inout [UInt8]) throws(PostgresError) -> Bool {
        let start = bytes.count
        bytes.append(contentsOf: utf8)
        guard !bytes[start...].contains(0) else {
            throw PostgresError(.encoding("a text holds a NUL byte, which PostgreSQL cannot store: remove it"))
        }
        return true
    }
}

/// A JSON document as text, for a `jsonb` parameter or out of a `json` or `jsonb` column. The server checks the syntax.
public struct JSONText: Sendable, Hashable, CustomStringConvertible {
    /// The document, not checked.
    public var text: String

    public init(_ text: String) {
        self.text = text
    }

    public var description: String { text }
}

extension JSONText: PostgresEncodable {
    public static var postgresType: PostgresType { .jsonb }
    public func encode(into bytes: inout [UInt8]) throws(PostgresError) -> Bool {
        bytes.append(1)  // the version of jsonb's binary format
        return try text.encode(into: &bytes)
    }
}

extension Timestamp: PostgresEncodable {
    /// PostgreSQL counts from 2000-01-01T00:00:00Z.
    static let postgresEpochMicroseconds: Int64 = 946_684_800_000_000

    public static var postgresType: PostgresType { .timestamptz }
    public func encode(into bytes: inout [UInt8]) throws(PostgresError) -> Bool {
        try postgresMicroseconds().appendBigEndian(to: &bytes)
        return true
    }

    /// Microseconds since 2000; the infinities keep their extreme values, which PostgreSQL gives the same meaning.
    func postgresMicroseconds() throws(PostgresError) -> Int64 {
        if self == .infinity || self == .negativeInfinity { return microseconds }
        let (value, overflow) = microseconds.subtractingReportingOverflow(Self.postgresEpochMicroseconds)
        guard !overflow, value != .min else {
            throw PostgresError(.encoding("a timestamp lies before 4713 BC, PostgreSQL's earliest"))
        }
        return value
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public static var postgresType: PostgresType { Wrapped.postgresType }
    public func encode(into bytes: inout [UInt8]) throws(PostgresError) -> Bool {
        switch self {
        case .some(let value): try value.encode(into: &bytes)
        case .none: false
        }
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    public static var postgresType: PostgresType { Element.postgresArrayType }
    public func encode(into bytes: inout [UInt8]) throws(PostgresError) -> Bool {
        try Element.encode(array: self, into: &bytes)
        return true
    }
}

// MARK: - Array elements

extension PostgresArrayElement where Self: PostgresEncodable {
    /// One dimension, lower bound 1: <https://www.postgresql.org/docs/15/arrays.html>, `array_send` in the server.
    public static func encode(array: [Self], into bytes: inout [UInt8]) throws(PostgresError) {
        Int32(array.isEmpty ? 0 : 1).appendBigEndian(to: &bytes)
        let hasNullsAt = bytes.count
        Int32(0).appendBigEndian(to: &bytes)
        postgresType.oid.appendBigEndian(to: &bytes)
        guard !array.isEmpty else { return }
        guard let count = Int32(exactly: array.count) else {
            throw PostgresError(.encoding("an array has \(array.count) elements, more than PostgreSQL can hold"))
        }
        count.appendBigEndian(to: &bytes)
        Int32(1).appendBigEndian(to: &bytes)
        for element in array {
            let lengthAt = bytes.count
            Int32(-1).appendBigEndian(to: &bytes)
            if try element.encode(into: &bytes) {
                let length = UInt32(truncatingIfNeeded: bytes.count - lengthAt - 4)
                for offset in 0..<4 {
                    bytes[lengthAt + offset] = UInt8(truncatingIfNeeded: length >> (24 - 8 * offset))
                }
            } else {
                bytes[hasNullsAt + 3] = 1
            }
        }
    }
}

extension Bool: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1000) }
}
extension Int16: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1005) }
}
extension Int32: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1007) }
}
extension Int64: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1016) }
}
extension Int: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1016) }
}
extension Double: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1022) }
}
extension String: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1009) }
}
extension JSONText: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 3807) }
}
extension Timestamp: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1185) }
}
extension Optional: PostgresArrayElement where Wrapped: PostgresArrayElement & PostgresEncodable {
    public static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }
}

/// `[UInt8]` is not an array to PostgreSQL but one `bytea`.
extension UInt8: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { .bytea }
    public static func encode(array: [UInt8], into bytes: inout [UInt8]) {
        bytes.append(contentsOf: array)
    }
}

extension Array: PostgresArrayElement where Element == UInt8 {
    public static var postgresArrayType: PostgresType { PostgresType(oid: 1001) }
}
