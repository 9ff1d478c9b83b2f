import CLibpq

/// A column of a result.
public struct Column: Sendable, Hashable {
    /// The name in the SELECT list; names may repeat.
    public let name: String
    /// The type; for a domain, the type below it.
    public let type: PostgresType
}

/// One row of a result. Values are decoded when they are asked for:
///
/// ```swift
/// for row in try await connection.query("SELECT id, paid_at FROM task_credit_stripe_invoice WHERE NOT paid") {
///     let id: Int64 = try row["id"]
///     let paid: Timestamp? = try row["paid_at"]
/// }
/// ```
/// A row keeps the memory of its whole result alive.
public struct Row: Sendable {
    let result: ResultHandle
    let index: Int32

    /// The columns, in the order of the SELECT list.
    public var columns: [Column] { result.columns }

    /// The value of the first column of that name. Throws `.decoding` with column, types and SQL where there is none,
    /// it is NULL and `T` is not Optional, or the types do not fit.
    public subscript<T: PostgresDecodable>(_ column: String) -> T {
        get throws(PostgresError) {
            guard let position = result.columns.firstIndex(where: { $0.name == column }) else {
                let known = result.columns.map(\.name).joined(separator: ", ")
                throw failure(
                    column, nil, T.self, "the result has no such column, only \(known.isEmpty ? "none" : known)")
            }
            return try self[position]
        }
    }

    /// The value of the column at `position`, counted from 0.
    public subscript<T: PostgresDecodable>(_ position: Int) -> T {
        get throws(PostgresError) {
            guard result.columns.indices.contains(position) else {
                throw failure("#\(position)", nil, T.self, "the result has \(result.columns.count) columns")
            }
            let column = result.columns[position]
            // The bytes belong to the result, which must not go away before they are decoded.
            defer { withExtendedLifetime(result) {} }
            do throws(CellError) {
                guard let bytes = result.bytes(row: index, column: Int32(position)) else { return try T.decodingNull() }
                return try T(decoding: Cell(type: column.type, bytes: bytes))
            } catch {
                throw failure(column.name, column.type, T.self, error.reason)
            }
        }
    }

    /// Whether the column holds NULL, whatever its type.
    public func isNull(_ column: String) throws(PostgresError) -> Bool {
        guard let position = result.columns.firstIndex(where: { $0.name == column }) else {
            throw failure(column, nil, Bool.self, "the result has no such column")
        }
        return result.bytes(row: index, column: Int32(position)) == nil
    }

    private func failure<T>(_ column: String, _ found: PostgresType?, _: T.Type, _ reason: String) -> PostgresError {
        let failure = DecodingFailure(column: column, found: found, wanted: String(describing: T.self), reason: reason)
        return PostgresError(.decoding(failure), sql: result.sql)
    }
}

/// Owns a `PGresult`.
///
/// `@unchecked` is safe: libpq never changes a result once it has handed it out, and allows several threads to read it
/// (<https://www.postgresql.org/docs/15/libpq-threading.html>); nothing here writes to it, and `PQclear` runs in
/// `deinit` only.
final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    let columns: [Column]
    let sql: String

    init(_ pointer: OpaquePointer, sql: String) {
        self.pointer = pointer
        self.sql = sql
        columns = (0..<PQnfields(pointer)).map { position in
            // PQfname is NULL only for a position out of range.
            Column(
                name: PQfname(pointer, position).map { String(cString: $0) } ?? "",
                type: PostgresType(oid: PQftype(pointer, position)))
        }
    }

    deinit { PQclear(pointer) }

    var rows: [Row] {
        (0..<PQntuples(pointer)).map { Row(result: self, index: $0) }
    }

    /// Rows changed or returned, from the command tag; 0 for commands that count nothing.
    var affected: Int {
        PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// The first word of the command tag: `ROLLBACK` where a COMMIT could not commit.
    var tag: String {
        PQcmdStatus(pointer).map { String(cString: $0) } ?? ""
    }

    /// The bytes of a value; `nil` for NULL. They live as long as this object.
    func bytes(row: Int32, column: Int32) -> UnsafeRawBufferPointer? {
        guard PQgetisnull(pointer, row, column) == 0 else { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(pointer, row, column), count: Int(PQgetlength(pointer, row, column)))
    }
}
