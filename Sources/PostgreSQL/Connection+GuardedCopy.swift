import CLibpq

extension Connection {
    /// Sends rows where a change still finds what it expects. Both are one message, one transaction: `guardSQL`, whose
    /// last statement must change exactly one row, and then a COPY for each table, in their order.
    ///
    /// It costs a round trip, and one for each table, where a transaction of separate statements costs one for each of
    /// them. No transaction may be open. A connection that breaks on the way throws `.commitOutcomeUnknown`.
    ///
    /// - Parameters:
    ///   - copies: at least one.
    ///   - guardSQL: statements without parameters, separated by semicolons; texts in them by ``quoteLiteral(_:)``.
    ///   - statement: what `guardSQL` executes by its name: it is parsed and planned once for a connection.
    /// - Returns: `false` where the guard did not change exactly one row. Then nothing has happened, unless statements
    ///   before the guard's last one change something by themselves.
    public func copyIn(
        _ copies: [TableRows], after guardSQL: String, with statement: NamedStatement? = nil
    ) async throws(PostgresError) -> Bool {
        try await run { (wire) throws(PostgresError) in
            if let statement { try wire.prepare(statement) }
            return try wire.guardedCopies(copies, after: guardSQL)
        }
    }
}

/// Rows for a table.
public struct TableRows: Sendable {
    /// `COPY table (columns) FROM STDIN WITH (FORMAT binary)`.
    public let sql: String
    public let rows: BinaryRows

    public init(_ sql: String, _ rows: BinaryRows) {
        self.sql = sql
        self.rows = rows
    }
}

/// A statement that SQL executes by its name: <https://www.postgresql.org/docs/15/sql-prepare.html>.
public struct NamedStatement: Sendable, Hashable {
    /// No other statement of the program has it.
    public let name: String
    /// The types of its parameters, such as `text, bigint`.
    public let types: String
    /// Its parameters are `$1`, `$2` and so on.
    public let sql: String

    public init(_ name: String, types: String, sql: String) {
        self.name = name
        self.types = types
        self.sql = sql
    }

    /// SQL that executes it.
    /// - Parameter literals: SQL for its parameters; texts by ``quoteLiteral(_:)``.
    public func call(_ literals: [String]) -> String { "EXECUTE \(name)(\(literals.joined(separator: ", ")))" }
}

/// A text as a literal of SQL, whatever `standard_conforming_strings` is. PostgreSQL has no texts with a NUL byte: what
/// follows one is cut off.
public func quoteLiteral(_ text: String) -> String {
    let bytes = text.utf8.prefix { $0 != 0 }
    var literal: [UInt8] = bytes.contains(UInt8(ascii: "\\")) ? Array("E'".utf8) : Array("'".utf8)
    for byte in bytes {
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") { literal.append(byte) }
        literal.append(byte)
    }
    literal.append(UInt8(ascii: "'"))
    return String(decoding: literal, as: UTF8.self)
}

extension Wire {
    fileprivate func prepare(_ statement: NamedStatement) throws(PostgresError) {
        guard !namedStatements.contains(statement.name) else { return }
        try script("PREPARE \(statement.name)(\(statement.types)) AS \(statement.sql)")
        namedStatements.insert(statement.name)
    }

    fileprivate func guardedCopies(_ copies: [TableRows], after guardSQL: String) throws(PostgresError) -> Bool {
        for copy in copies where !copy.rows.isComplete {
            throw PostgresError(
                .misuse("the last row for COPY lacks \(copy.rows.missingColumns) columns"), sql: copy.sql)
        }
        guard transactionStatus == PQTRANS_IDLE else {
            throw PostgresError(
                .misuse("a guarded COPY is a transaction of its own, and one is open"), sql: copies.first?.sql)
        }
        // Several statements in one message are one transaction, which ends with the message:
        // https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
        let message = ([guardSQL] + copies.map(\.sql)).joined(separator: ";\n")
        guard PQsendQuery(connection, message) == 1 else { throw sendError(message) }
        try flush()
        switch try changesBeforeCopy(message) {
        case 1: break
        case 0:
            // A COPY of no rows ends it without an error, which the server would write into its log.
            try send(copies.map { _ in BinaryRows() }, message)
            return false
        default:
            try refuseCopy()
            return false
        }
        do throws(PostgresError) {
            try send(copies.map(\.rows), message)
            return true
        } catch {
            guard case .connection(let reason, let server) = error.kind else { throw error }
            throw PostgresError(.commitOutcomeUnknown(reason: reason, server: server))
        }
    }

    /// Sends the rows of one COPY after the other, of which the first has begun.
    private func send(_ parts: [BinaryRows], _ message: String) throws(PostgresError) {
        for rows in parts.dropLast() {
            try sendRows(message, rows)
            _ = try naming(cancelled: message) { () throws(PostgresError) in try changesBeforeCopy(message) }
        }
        _ = try endCopy(message, parts.last ?? BinaryRows())
    }

    /// Reads up to the start of the next COPY: how many rows the statement before it changed.
    private func changesBeforeCopy(_ message: String) throws(PostgresError) -> Int {
        var changes = 0
        var failure: PostgresError?
        while let pointer = try nextResult() {
            let result = ResultHandle(pointer, sql: message)
            switch PQresultStatus(pointer) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: changes = result.affected
            case PGRES_COPY_IN where PQbinaryTuples(pointer) == 1: return changes
            case PGRES_COPY_IN:
                try refuseCopy()
                throw PostgresError(.misuse("a COPY FROM STDIN WITH (FORMAT binary) was expected"), sql: message)
            case PGRES_COPY_OUT:
                try abandonCopyOut()
                throw PostgresError(.misuse("a COPY FROM STDIN WITH (FORMAT binary) was expected"), sql: message)
            default: failure = failure ?? error(of: result)
            }
        }
        var reason =
            failure ?? (isBroken ? connectionError() : PostgresError(.misuse("the message has no COPY"), sql: message))
        refine(&reason)
        throw reason
    }

    /// Makes the server give up the COPY and with it the transaction, and reads up to the end of the message.
    private func refuseCopy() throws(PostgresError) {
        guard PQputCopyEnd(connection, "the guard did not hold") == 1 else { throw connectionError() }
        try flush()
        while let rest = try nextResult() { PQclear(rest) }
        if isBroken { throw connectionError() }
    }
}
