/// A batch of rows out of COPY TO STDOUT in binary format.
///
/// COPY sends no types, so each value is read as the natural type of what is asked for (`Int64` is `bigint`): cast in
/// the SQL.
public struct CopiedRows: Sendable {
    private var bytes: [UInt8] = []
    /// Where each row's first field begins, and how many fields it has.
    private var rows: [(start: Int, columns: Int)] = []
    private let sql: String
    /// Whether the server has no more.
    var isLast = false

    init(sql: String) {
        self.sql = sql
    }

    /// The server sends the header and the first row in one message, and then a message for each row.
    mutating func append(message: UnsafeRawBufferPointer) throws(PostgresError) {
        let reader: CellReader
        let start: Int
        do throws(CellError) {
            var fields = CellReader(message)
            start = message.starts(with: Array("PGCOPY\n".utf8)) ? 19 : 0
            if start > 0 { _ = try fields.take(start) }
            reader = fields
        } catch {
            throw PostgresError(.protocolViolation("COPY's header is too short"), sql: sql)
        }
        try append(row: message, from: start, reader)
    }

    private mutating func append(
        row message: UnsafeRawBufferPointer, from start: Int, _ reader: CellReader
    ) throws(PostgresError) {
        var reader = reader
        do throws(CellError) {
            guard start < message.count else { return }  // the header alone
            let columns = try reader.next(Int16.self)
            guard columns >= 0 else { return }  // the trailer
            for _ in 0..<columns {
                try reader.skipField()
            }
            rows.append((bytes.count, Int(columns)))
            bytes.append(contentsOf: message[(start + 2)...])
        } catch {
            throw PostgresError(.protocolViolation("a row of COPY \(error.reason)"), sql: sql)
        }
    }
}

extension CopiedRows: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { rows.count }
    public subscript(_ index: Int) -> CopiedRow { CopiedRow(batch: self, index: index) }

    /// Reads one value.
    func value<T: PostgresDecodable>(row: Int, column: Int) throws(PostgresError) -> T {
        let (start, columns) = rows[row]
        let result: Result<T, CellError> = bytes.withUnsafeBytes { buffer in
            do throws(CellError) {
                guard (0..<columns).contains(column) else { throw CellError("the row has \(columns) columns") }
                var reader = CellReader(UnsafeRawBufferPointer(rebasing: buffer[start...]))
                for _ in 0..<column { _ = try reader.skipField() }
                let length = try reader.next(Int32.self)
                guard length >= 0 else { return .success(try T.decodingNull()) }
                let cell = Cell(type: T.postgresNaturalType, bytes: try reader.take(Int(length)))
                return .success(try T(decoding: cell))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error):
            let failure = DecodingFailure(
                column: "#\(column)", found: nil, wanted: String(describing: T.self), reason: error.reason)
            throw PostgresError(.decoding(failure), sql: sql)
        }
    }
}

/// One row of a COPY; columns are counted from 0.
public struct CopiedRow: Sendable {
    let batch: CopiedRows
    let index: Int

    /// The value of a column. Throws `.decoding` where it does not fit.
    public subscript<T: PostgresDecodable>(_ column: Int) -> T {
        get throws(PostgresError) { try batch.value(row: index, column: column) }
    }
}
