/// What went wrong between Trueup and PostgreSQL.
///
/// `description` is for logs: it holds SQL and the server's words, but no values. `debugDescription` adds the parts of
/// the server's message that may quote data.
public struct PostgresError: Error, Sendable {
    /// What happened.
    public indirect enum Kind: Sendable {
        /// There is no connection, or it broke. Outside a transaction nobody knows whether the statement took effect.
        case connection(reason: String, server: ServerMessage?)
        /// The server refused the statement. The connection is still usable.
        case server(ServerMessage)
        /// A column does not hold what the caller asked for.
        case decoding(DecodingFailure)
        /// A value cannot be sent to PostgreSQL.
        case encoding(String)
        /// The task was cancelled; the statement was stopped, and did nothing outside a transaction.
        case cancelled
        /// The connection broke during COMMIT: the transaction may have happened or not. Read back, never guess.
        case commitOutcomeUnknown(reason: String, server: ServerMessage?)
        /// The body of a transaction swallowed an error: the server rolled back where COMMIT was asked for.
        case rolledBackAtCommit
        /// The server or libpq said something that is against the protocol.
        case protocolViolation(String)
        /// The caller's mistake, such as a transaction within a transaction.
        case misuse(String)
        /// The pool was closed.
        case poolClosed
        /// No connection came free in time, or too many callers wait already.
        case poolExhausted(String)
    }

    /// What happened.
    public let kind: Kind
    /// The statement, where there is one.
    public internal(set) var sql: String?

    public init(_ kind: Kind, sql: String? = nil) {
        self.kind = kind
        self.sql = sql
    }
}

/// The fields of an error or a notice: <https://www.postgresql.org/docs/15/protocol-error-fields.html>.
public struct ServerMessage: Sendable {
    /// `ERROR`, `FATAL` or `PANIC`; `WARNING`, `NOTICE` and so on in a notice. Never translated.
    public var severity = "ERROR"
    /// The five characters of <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
    public var sqlState = "XX000"
    /// One line, which may quote data where `sqlState` is of class 22.
    public var message = ""
    /// May quote data.
    public var detail: String?
    public var hint: String?
    /// Where in the SQL, in characters, counted from 1.
    public var position: Int?
    /// What the server was doing, such as a trigger's call stack.
    public var context: String?
    public var schema: String?
    public var table: String?
    public var column: String?
    public var dataType: String?
    public var constraint: String?
}

/// A column that does not hold what the caller asked for.
public struct DecodingFailure: Sendable {
    /// The column's name, or `$1`-like position where it has none.
    public var column: String
    /// The PostgreSQL type found; `nil` where the result has no such column.
    public var found: PostgresType?
    /// The Swift type wanted.
    public var wanted: String
    /// Why the two do not fit.
    public var reason: String
}

extension PostgresError {
    /// The SQLSTATE where the server gave one: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
    public var sqlState: String? { server?.sqlState }

    /// The server's own message, where there is one.
    public var server: ServerMessage? {
        switch kind {
        case .server(let message): message
        case .connection(_, let message), .commitOutcomeUnknown(_, let message): message
        default: nil
        }
    }

    /// The transaction collided with another and may be repeated.
    public var isSerializationFailure: Bool { sqlState == "40001" }
    /// The transaction was chosen to end a deadlock and may be repeated.
    public var isDeadlock: Bool { sqlState == "40P01" }
    /// A `lock_timeout` passed, or `NOWAIT` found the row locked.
    public var isLockTimeout: Bool { sqlState == "55P03" }
    /// A row of that key exists.
    public var isUniqueViolation: Bool { sqlState == "23505" }
    /// A `statement_timeout` passed, or an administrator cancelled the statement.
    public var isStatementTimeout: Bool { sqlState == "57014" }

    /// Whether a value cannot be kept, now or later: it has a NUL byte or a character that the database's encoding
    /// lacks, or is longer than an index takes.
    public var isUnstorableValue: Bool {
        if case .encoding = kind { return true }
        return ["22021", "22P05", "54000"].contains(sqlState)
    }

    /// Whether our own task was cancelled.
    public var isCancelled: Bool {
        if case .cancelled = kind { true } else { false }
    }
    /// Whether the connection broke, outside COMMIT.
    public var isConnectionLost: Bool {
        if case .connection = kind { true } else { false }
    }
    /// Whether it is unknown if the transaction happened.
    public var isCommitOutcomeUnknown: Bool {
        if case .commitOutcomeUnknown = kind { true } else { false }
    }

    /// Whether the whole transaction may run again: it was rolled back because of others, not because of what it did.
    public var isTransient: Bool {
        guard case .server = kind else { return false }
        return isSerializationFailure || isDeadlock || isLockTimeout
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { summary(full: false) }
    public var debugDescription: String { summary(full: true) }

    /// `description` on one line and without the statement: for people who did not write the SQL.
    public var brief: String {
        var copy = self
        copy.sql = nil
        // libpq says one thing on each line.
        return copy.description.split(whereSeparator: \.isNewline)
            .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            .filter { !$0.isEmpty }.joined(separator: "; ")
    }

    private func summary(full: Bool) -> String {
        let statement = sql.map { full ? $0 : shortened($0) }
        let suffix = statement.map { "; the statement was: \($0)" } ?? ""
        switch kind {
        case .connection(let reason, let server):
            return "no connection to PostgreSQL: \(server.map { $0.text(full: full) } ?? reason)" + suffix
        case .server(let message):
            return "PostgreSQL refused a statement: \(message.text(full: full))" + suffix
        case .decoding(let failure):
            let found = failure.found.map { " is \($0)" } ?? ""
            return "column \"\(failure.column)\"\(found), but \(failure.wanted) was wanted: \(failure.reason)" + suffix
        case .encoding(let reason):
            return "a parameter cannot be sent to PostgreSQL: \(reason)" + suffix
        case .cancelled:
            return "cancelled" + suffix
        case .commitOutcomeUnknown(let reason, let server):
            return "the connection broke during COMMIT, so the transaction may have happened or not: read back before "
                + "doing it again (\(server.map { $0.text(full: full) } ?? reason))"
        case .rolledBackAtCommit:
            return "the transaction was rolled back at COMMIT because a statement in it had failed"
        case .protocolViolation(let reason):
            return "PostgreSQL's answer was not understood: \(reason)" + suffix
        case .misuse(let reason):
            return "a database connection was used wrongly: \(reason)" + suffix
        case .poolClosed:
            return "the connection pool is closed"
        case .poolExhausted(let reason):
            return "no database connection came free: \(reason)"
        }
    }
}

extension ServerMessage: CustomStringConvertible {
    /// Without values that the statement carried.
    public var description: String { text(full: false) }

    func text(full: Bool) -> String {
        guard full else {
            let place = [
                constraint.map { "constraint \($0)" }, table.map { "table \($0)" }, column.map { "column \($0)" },
            ]
            .compactMap(\.self).joined(separator: ", ")
            // Class 22 quotes the offending value in its message, and only there.
            let safe = sqlState.hasPrefix("22") ? withoutQuotedParts(message) : message
            return "\(severity) \(sqlState): \(safe)" + (place.isEmpty ? "" : " (\(place))")
                + (hint.map { ". Hint: \($0)" } ?? "")
        }
        let parts: [(String, String?)] = [
            ("detail", detail), ("hint", hint), ("position", position.map(String.init)), ("where", context),
            ("schema", schema), ("table", table), ("column", column), ("data type", dataType),
            ("constraint", constraint),
        ]
        return parts.reduce("\(severity) \(sqlState): \(message)") { text, part in
            part.1.map { "\(text); \(part.0): \($0)" } ?? text
        }
    }
}

/// One line of at most 200 characters, for a log.
func shortened(_ sql: String) -> String {
    let line = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.count <= 200 ? line : line.prefix(200) + "…"
}

/// Drops everything from the first double quote to the last: that is where messages put values, and where libpq quotes
/// a URL with its password. A value that holds quotes itself is covered too.
func withoutQuotedParts(_ text: String) -> String {
    guard let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\"") else { return text }
    return text[..<first] + "\"…\"" + (first == last ? "" : text[text.index(after: last)...])
}

/// An identifier in double quotes, safe in any SQL: `quoteIdentifier("stripeCustomerId")` is `"stripeCustomerId"` with
/// its quotes. A NUL byte, which no identifier can hold, is dropped.
public func quoteIdentifier(_ name: String) -> String {
    var result = "\""
    for scalar in name.unicodeScalars where scalar != "\0" {
        result.unicodeScalars.append(scalar)
        if scalar == "\"" { result += "\"" }
    }
    return result + "\""
}
