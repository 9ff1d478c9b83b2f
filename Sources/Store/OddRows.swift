import PostgreSQL

/// Rows of a local table that nothing can be said of, because a column is empty that every comparison rests on. They
/// are refused instead of left out: a run that compares all but them would call the table clean.
public struct OddRows: Error, Equatable, CustomStringConvertible {
    /// Schema and table, for people.
    public let table: String
    public let count: Int64
    /// The first few of them, each with its key and what is empty.
    public let examples: [String]

    static let examplesMax = 3

    public var description: String {
        let rows = count == 1 ? "one row" : "\(count) rows"
        let more = count - Int64(examples.count)
        return "Table \(table) has \(rows) that cannot be compared: \(examples.joined(separator: "; "))"
            + (more > 0 ? "; and \(more) more. " : ". ")
            + "Fill these columns, or name a view of the other rows in the job's `table`; then run again."
    }
}

/// The columns of a local table that have to be filled for its rows to be compared; all quoted.
struct NeededColumns: Sendable {
    var createdAt: String
    /// Without one of these it cannot be told whether a row is compared.
    var always: [String]
    /// Without one of these a row that is compared agrees with nothing.
    var compared: [String]

    /// SQL on a row `l`, whatever its age. True or false, never `NULL`, where there is such a row.
    var isOdd: String {
        "(l.\(createdAt) IS NULL OR NOT isfinite(l.\(createdAt))\(always.map { " OR l.\($0) IS NULL" }.joined()))"
    }

    /// The same on a row that is compared.
    var isShort: String { "(\(compared.map { "l.\($0) IS NULL" }.joined(separator: " OR ")))" }

    /// SQL for what is wrong with a row `l`, in words.
    private var faults: String {
        let empty = ([createdAt] + always + compared).map { column in
            "CASE WHEN l.\(column) IS NULL THEN \(quoteLiteral("\(column) is empty")) END"
        }
        let infinite = "CASE WHEN NOT isfinite(l.\(createdAt)) THEN \(quoteLiteral("\(createdAt) is infinite")) END"
        return "concat_ws(', ', \(infinite), \(empty.joined(separator: ", ")))"
    }

    /// Says what is wrong with the rows that these keys name.
    /// - Parameters:
    ///   - keys: a few of them.
    ///   - count: how many there are in all.
    func oddRows(
        _ keys: [Int64], of count: Int64, in local: LocalNames, on connection: Connection
    ) async throws -> OddRows {
        let rows = try await connection.query(
            """
            SELECT l.\(local.key)::text AS key, \(faults) AS faults FROM \(local.table) l
            WHERE l.\(local.key) = ANY($1::bigint[]) ORDER BY l.\(local.key) LIMIT \(OddRows.examplesMax)
            """, keys)
        let examples = try rows.map { row in
            let key: String = try row["key"]
            let faults: String = try row["faults"]
            return "row \(key) (\(faults))"
        }
        return OddRows(table: local.plainName, count: count, examples: examples)
    }
}
