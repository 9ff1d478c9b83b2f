/// A value that can be read from a column. Reading is exact: a type that does not fit is an error, never a guess.
///
/// | Swift | PostgreSQL |
/// |---|---|
/// | `Int64`, `Int` | `bigint`, `integer`, `smallint`, `oid`, `xid`, `xid8`, and `numeric` where the value is whole |
/// | `Int32` | `integer`, `smallint` |
/// | `Int16`, `Bool`, `[UInt8]` | `smallint`, `boolean`, `bytea` |
/// | `Double` | `double precision`, `real` |
/// | `String` | `text`, `varchar`, `character`, `name`, `json`, `jsonb`, `uuid`, `numeric`, enums and their like |
/// | `Timestamp` | `timestamptz` (not `timestamp`, which has no zone: use `AT TIME ZONE`) |
/// | `JSONText` | `jsonb`, `json` |
/// | arrays of these | one-dimensional arrays |
/// | `Optional` of each | the same, and NULL |
public protocol PostgresDecodable: Sendable {
    /// The type to assume where the source does not say it, as COPY does not.
    static var postgresNaturalType: PostgresType { get }

    /// Reads a value that is not NULL.
    init(decoding cell: Cell) throws(CellError)

    /// What NULL becomes; throws where the type has no place for it.
    static func decodingNull() throws(CellError) -> Self
}

extension PostgresDecodable {
    public static func decodingNull() throws(CellError) -> Self {
        throw CellError("it is NULL; ask for an Optional where NULL is expected")
    }
}

/// One value as the server sent it, in binary form. Valid only while it is being decoded.
public struct Cell {
    /// The type of the value.
    public let type: PostgresType
    package let bytes: UnsafeRawBufferPointer

    package init(type: PostgresType, bytes: UnsafeRawBufferPointer) {
        self.type = type
        self.bytes = bytes
    }

    /// Reads a big-endian integer of exactly the cell's length.
    func integer<T: FixedWidthInteger>(_: T.Type) throws(CellError) -> T {
        guard bytes.count == MemoryLayout<T>.size else {
            throw CellError("it has \(bytes.count) bytes where \(MemoryLayout<T>.size) were expected")
        }
        return T(bigEndian: bytes.loadUnaligned(as: T.self))
    }

    func mismatch() -> CellError {
        CellError("the types do not fit; cast in the SQL")
    }

    /// The bytes as text. PostgreSQL guarantees UTF-8 here unless the database's encoding is SQL_ASCII.
    func utf8(from start: Int = 0) throws(CellError) -> String {
        guard let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[start...]), as: UTF8.self) else {
            throw CellError("it is not valid UTF-8")
        }
        return text
    }
}

/// Why a cell cannot become the wanted value. The row adds column, types and SQL.
public struct CellError: Error {
    /// In words that follow on "but X was wanted".
    public let reason: String
    public init(_ reason: String) {
        self.reason = reason
    }
}

extension Bool: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .bool }
    public init(decoding cell: Cell) throws(CellError) {
        guard cell.type == .bool else { throw cell.mismatch() }
        self = try cell.integer(UInt8.self) != 0
    }
}

extension Int16: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .smallint }
    public init(decoding cell: Cell) throws(CellError) {
        guard cell.type == .smallint else { throw cell.mismatch() }
        self = try cell.integer(Int16.self)
    }
}

extension Int32: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .integer }
    public init(decoding cell: Cell) throws(CellError) {
        switch cell.type {
        case .integer: self = try cell.integer(Int32.self)
        case .smallint: self = Int32(try cell.integer(Int16.self))
        default: throw cell.mismatch()
        }
    }
}

extension Int64: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .bigint }
    public init(decoding cell: Cell) throws(CellError) {
        switch cell.type {
        case .bigint: self = try cell.integer(Int64.self)
        case .integer: self = Int64(try cell.integer(Int32.self))
        case .smallint: self = Int64(try cell.integer(Int16.self))
        case .oid, PostgresType(oid: 28): self = Int64(try cell.integer(UInt32.self))
        case PostgresType(oid: 5069):
            guard let value = Int64(exactly: try cell.integer(UInt64.self)) else {
                throw CellError("it is out of range")
            }
            self = value
        case .numeric: self = try Numeric(cell).wholeNumber()
        default: throw cell.mismatch()
        }
    }
}

extension Int: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .bigint }
    public init(decoding cell: Cell) throws(CellError) {
        self = Int(try Int64(decoding: cell))
    }
}

extension Double: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .double }
    public init(decoding cell: Cell) throws(CellError) {
        switch cell.type {
        case .double: self = Double(bitPattern: try cell.integer(UInt64.self))
        case .real: self = Double(Float(bitPattern: try cell.integer(UInt32.self)))
        default: throw cell.mismatch()
        }
    }
}

extension String: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .text }
    public init(decoding cell: Cell) throws(CellError) {
        switch cell.type {
        case .text, .varchar, .character, .name, .unknown, .json: self = try cell.utf8()
        case .jsonb: self = try JSONText(decoding: cell).text
        case .uuid: self = try uuidText(cell.bytes)
        case .numeric: self = try Numeric(cell).text
        default:
            // Enums and textual types of extensions look like text; a composite holds NUL bytes, which text never does.
            guard cell.type.isUserDefined, !cell.bytes.contains(0) else { throw cell.mismatch() }
            self = try cell.utf8()
        }
    }
}

extension JSONText: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .jsonb }
    public init(decoding cell: Cell) throws(CellError) {
        switch cell.type {
        case .json: text = try cell.utf8()
        case .jsonb:
            guard cell.bytes.first == 1 else { throw CellError("its jsonb version is not 1") }
            text = try cell.utf8(from: 1)
        default: throw cell.mismatch()
        }
    }
}

extension Timestamp: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { .timestamptz }
    public init(decoding cell: Cell) throws(CellError) {
        guard cell.type == .timestamptz else {
            throw cell.type == .timestamp
                ? CellError("it has no time zone; use AT TIME ZONE in the SQL") : cell.mismatch()
        }
        let value = try cell.integer(Int64.self)
        if value == .max || value == .min {
            self.init(microseconds: value)
        } else {
            // PostgreSQL's latest timestamp, in the year 294276, is less than the distance of the epochs from overflow.
            let (shifted, overflow) = value.addingReportingOverflow(Self.postgresEpochMicroseconds)
            guard !overflow else { throw CellError("it is out of range") }
            self.init(microseconds: shifted)
        }
    }
}

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    public static var postgresNaturalType: PostgresType { Wrapped.postgresNaturalType }
    public init(decoding cell: Cell) throws(CellError) {
        self = .some(try Wrapped(decoding: cell))
    }
    public static func decodingNull() -> Self { .none }
}

// MARK: - Arrays

/// A value that can be read from an element of an array column.
public protocol PostgresDecodableElement: Sendable {
    static var postgresNaturalArrayType: PostgresType { get }
    static func decode(array cell: Cell) throws(CellError) -> [Self]
}

extension Array: PostgresDecodable where Element: PostgresDecodableElement {
    public static var postgresNaturalType: PostgresType { Element.postgresNaturalArrayType }
    public init(decoding cell: Cell) throws(CellError) {
        self = try Element.decode(array: cell)
    }
}

extension PostgresDecodableElement where Self: PostgresDecodable {
    public static func decode(array cell: Cell) throws(CellError) -> [Self] {
        var reader = CellReader(cell.bytes)
        guard cell.type.element != nil || cell.type.isUserDefined else { throw cell.mismatch() }
        let dimensions = try reader.next(Int32.self)
        _ = try reader.next(Int32.self)  // whether there are NULLs: every element says so itself
        let type = PostgresType(oid: try reader.next(UInt32.self))
        guard dimensions != 0 else { return [] }
        guard dimensions == 1 else { throw CellError("it is an array of \(dimensions) dimensions") }
        let count = Int(try reader.next(Int32.self))
        _ = try reader.next(Int32.self)  // the lower bound; Swift's is always 0
        guard count >= 0, count <= cell.bytes.count / 4 else { throw CellError("its length makes no sense") }
        var elements: [Self] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            let length = Int(try reader.next(Int32.self))
            if length < 0 {
                elements.append(try decodingNull())
            } else {
                elements.append(try Self(decoding: Cell(type: type, bytes: try reader.take(length))))
            }
        }
        return elements
    }
}

extension Bool: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension Int16: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension Int32: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension Int64: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension Int: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension Double: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension String: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension JSONText: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension Timestamp: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}
extension Optional: PostgresDecodableElement where Wrapped: PostgresDecodableElement & PostgresDecodable {
    public static var postgresNaturalArrayType: PostgresType { Wrapped.postgresNaturalArrayType }
}
extension Array: PostgresDecodableElement where Element == UInt8 {
    public static var postgresNaturalArrayType: PostgresType { postgresArrayType }
}

/// `[UInt8]` is one `bytea`, not an array.
extension UInt8: PostgresDecodableElement {
    public static var postgresNaturalArrayType: PostgresType { .bytea }
    public static func decode(array cell: Cell) throws(CellError) -> [UInt8] {
        guard cell.type == .bytea else { throw cell.mismatch() }
        return Array(cell.bytes)
    }
}
