import PostgreSQL
import Synchronization

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

extension LocalNames {
    /// Walks the rows of a statement, of which each may bring a local row with it, however old that is.
    /// - Parameters:
    ///   - size: of a batch, at most.
    ///   - statement: has columns `l_key`, the local row's key, and `l_short`: there is a local row, and something that
    ///     has to be known of it is empty. Of such a row nothing else may be decoded.
    /// - Throws: ``OddRows``, where there are such rows; from the batch with the first of them on nothing is visited.
    func eachWhole(
        of size: Int, _ statement: SQLStatement, on connection: Connection,
        _ body: @Sendable ([Row]) async throws -> Void
    ) async throws {
        let isShort = Mutex(false)
        _ = try await connection.forEachBatch(of: size, statement.sql, parameters: statement.parameters) { rows in
            if try rows.contains(where: { try $0["l_short"] }) { isShort.withLock { $0 = true } }
            if isShort.withLock({ $0 }) { return }
            try await body(rows)
        }
        guard isShort.withLock({ $0 }) else { return }
        let found = try await connection.query(
            """
            SELECT count(DISTINCT l_key) AS n,
                (array_agg(DISTINCT l_key ORDER BY l_key))[1:\(OddRows.examplesMax)] AS keys
            FROM (\(statement.sql)) named WHERE l_short
            """, parameters: statement.parameters)[0]
        let keys: [Int64] = try found["keys"]
        let count: Int64 = try found["n"]
        let odd = try await needed.oddRows(keys, of: count, in: self, on: connection)
        throw odd
    }

    /// SQL: there is a local row `l`, and it is none that can be compared, whatever its age.
    var isShortRow: String { "(l.\(key) IS NOT NULL AND (\(needed.isOdd) OR \(needed.isShort)))" }
}

extension OrderTable {
    /// The table as comparisons have it.
    var local: LocalNames {
        LocalNames(
            table: name, plainName: plainName, key: key, id: id, agencyJoin: agencyJoin,
            needed: NeededColumns(
                createdAt: createdAt, always: [paid], compared: [amount, currency, agencyID, credits]))
    }
}

extension ChargeTable {
    /// The table as comparisons have it.
    var local: LocalNames {
        LocalNames(
            table: name, plainName: plainName, key: key, id: id, agencyJoin: agencyJoin,
            needed: NeededColumns(createdAt: createdAt, always: [], compared: [amount, currency, agencyID]))
    }
}
