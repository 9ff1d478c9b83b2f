/// Rows for COPY in PostgreSQL's binary format, in one contiguous buffer:
/// <https://www.postgresql.org/docs/15/sql-copy.html>, "Binary Format".
///
/// ```swift
/// var rows = BinaryRows()
/// rows.beginRow(columns: 2)
/// rows.append("in_1")
/// rows.append(Int64(20_000))
/// try await connection.copyIn("COPY staged (id, amount) FROM STDIN WITH (FORMAT binary)", rows)
/// ```
/// Each value's type must be exactly its column's: binary COPY converts nothing.
public struct BinaryRows: Sendable {
    private(set) var bytes: [UInt8] = header
    /// Rows begun so far.
    public private(set) var rowCount = 0
    private(set) var missingColumns = 0

    /// The signature, no flags, no extension.
    private static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)

    /// Empty, with room for `reservingBytes`.
    public init(reservingBytes: Int = 0) {
        bytes.reserveCapacity(reservingBytes + Self.header.count)
    }

    /// The size of the buffer, a measure of the memory it takes.
    public var byteCount: Int { bytes.count }
    /// Whether there are no rows.
    public var isEmpty: Bool { rowCount == 0 }
    var isComplete: Bool { missingColumns == 0 }

    /// Starts a row of so many columns; as many `append`s must follow.
    public mutating func beginRow(columns: Int) {
        precondition(missingColumns == 0, "the row before lacks \(missingColumns) columns")
        precondition((1...1_600).contains(columns), "a PostgreSQL table has 1 to 1,600 columns")
        Int16(columns).appendBigEndian(to: &bytes)
        missingColumns = columns
        rowCount += 1
    }

    /// Takes all rows away, to use the buffer again.
    public mutating func removeAll(keepingCapacity: Bool = true) {
        if keepingCapacity {
            bytes.removeSubrange(Self.header.count...)
        } else {
            bytes = Self.header
        }
        rowCount = 0
        missingColumns = 0
    }

    /// Takes back the row that was begun last and is not complete, as where an object turns out to be malformed
    /// half-way.
    /// `mark` is the `byteCount` before `beginRow`.
    public mutating func removeUnfinishedRow(to mark: Int) {
        precondition(missingColumns > 0 && mark >= Self.header.count && mark <= bytes.count)
        bytes.removeSubrange(mark...)
        rowCount -= 1
        missingColumns = 0
    }

    /// NULL, whatever the column's type.
    public mutating func appendNull() {
        takeColumn()
        Int32(-1).appendBigEndian(to: &bytes)
    }

    /// A `bigint`.
    public mutating func append(_ value: Int64?) {
        guard let value else { return appendNull() }
        appendFixed(value)
    }

    /// A `bigint`.
    public mutating func append(_ value: Int?) {
        append(value.map(Int64.init))
    }

    /// An `integer`.
    public mutating func append(_ value: Int32?) {
        guard let value else { return appendNull() }
        appendFixed(value)
    }

    /// A `smallint`.
    public mutating func append(_ value: Int16?) {
        guard let value else { return appendNull() }
        appendFixed(value)
    }

    /// A `double precision`.
    public mutating func append(_ value: Double?) {
        guard let value else { return appendNull() }
        appendFixed(value.bitPattern)
    }

    /// A `boolean`.
    public mutating func append(_ value: Bool?) {
        guard let value else { return appendNull() }
        appendFixed(value ? 1 as UInt8 : 0)
    }

    /// A `text` or `varchar`. A NUL byte in it makes the server refuse the whole COPY with 22021.
    public mutating func append(_ value: String?) {
        guard var value else { return appendNull() }
        value.withUTF8 { append(utf8: $0) }
    }

    /// A `text` whose bytes are already at hand, such as those of a JSON string. The server checks that they are UTF-8.
    public mutating func append(utf8 value: UnsafeBufferPointer<UInt8>) {
        appendRaw(UnsafeRawBufferPointer(value))
    }

    /// A `text` whose bytes are already at hand; `nil` for NULL. The server checks that they are UTF-8.
    public mutating func append(utf8 value: UnsafeRawBufferPointer?) {
        guard let value else { return appendNull() }
        appendRaw(value)
    }

    /// A `bytea`.
    public mutating func append(_ value: [UInt8]?) {
        guard let value else { return appendNull() }
        value.withUnsafeBytes { appendRaw($0) }
    }

    /// A `timestamptz`. One that PostgreSQL cannot hold becomes the infinity on its side.
    public mutating func append(_ value: Timestamp?) {
        guard let value else { return appendNull() }
        appendFixed((try? value.postgresMicroseconds()) ?? .min)
    }

    /// A `jsonb`. The server checks the syntax.
    public mutating func append(json value: String?) {
        guard var value else { return appendNull() }
        value.withUTF8 { append(jsonUTF8: $0) }
    }

    /// A `jsonb`.
    public mutating func append(_ value: JSONText?) {
        append(json: value?.text)
    }

    /// A `jsonb` whose bytes are already at hand.
    public mutating func append(jsonUTF8 value: UnsafeBufferPointer<UInt8>) {
        takeColumn()
        Int32(value.count + 1).appendBigEndian(to: &bytes)
        bytes.append(1)  // the version of jsonb's binary format
        bytes.append(contentsOf: value)
    }

    private mutating func takeColumn() {
        precondition(missingColumns > 0, "more values than the row has columns")
        missingColumns -= 1
    }

    @inline(__always)
    private mutating func appendFixed<T: FixedWidthInteger>(_ value: T) {
        takeColumn()
        // Length and value at once: one capacity check instead of two.
        withUnsafeTemporaryAllocation(byteCount: 4 + MemoryLayout<T>.size, alignment: 4) { field in
            field.storeBytes(of: Int32(MemoryLayout<T>.size).bigEndian, as: Int32.self)
            field.storeBytes(of: value.bigEndian, toByteOffset: 4, as: T.self)
            bytes.append(contentsOf: field)
        }
    }

    private mutating func appendRaw(_ value: UnsafeRawBufferPointer) {
        takeColumn()
        Int32(value.count).appendBigEndian(to: &bytes)
        bytes.append(contentsOf: value)
    }
}
