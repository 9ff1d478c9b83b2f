import CLibpq

extension Wire {
    /// Runs one statement with parameters and returns its result. A statement seen before is prepared.
    func statement(_ sql: String, _ parameters: [any PostgresEncodable]) throws(PostgresError) -> ResultHandle {
        let encoded = try EncodedParameters(parameters, sql: sql)
        do throws(PostgresError) {
            return try send(sql, encoded, prepared: try preparedName(sql, encoded))
        } catch {
            // A prepared statement whose tables changed since. Nothing ran yet, so it may run again unprepared.
            guard ["0A000", "26000"].contains(error.sqlState), statements.forget(sql, encoded.types),
                transactionStatus == PQTRANS_IDLE
            else { throw error }
            return try send(sql, encoded, prepared: nil)
        }
    }

    /// Runs any number of statements without parameters and throws their results away.
    func script(_ sql: String) throws(PostgresError) {
        guard PQsendQuery(connection, sql) == 1 else { throw sendError(sql) }
        _ = try collect(sql)
    }

    private func send(_ sql: String, _ encoded: EncodedParameters, prepared: String?) throws(PostgresError)
        -> ResultHandle
    {
        let sent = encoded.withPointers { count, types, values, lengths, formats in
            if let prepared {
                PQsendQueryPrepared(connection, prepared, count, values, lengths, formats, 1)
            } else {
                PQsendQueryParams(connection, sql, count, types, values, lengths, formats, 1)
            }
        }
        guard sent == 1 else { throw sendError(sql) }
        return try collect(sql)
    }

    func sendError(_ sql: String) -> PostgresError {
        var error = connectionError()
        error.sql = sql
        if !isBroken { return PostgresError(.misuse(error.description)) }
        return error
    }

    /// The name under which the server knows the statement; `nil` the first time, when preparing would cost more than
    /// it saves.
    func preparedName(_ sql: String, _ encoded: EncodedParameters) throws(PostgresError) -> String? {
        switch statements.use(sql, encoded.types) {
        case .once: return nil
        case .prepared(let name): return name
        case .prepare(let name):
            for retired in statements.takeRetired() { try script("DEALLOCATE \(retired)") }
            let sent = encoded.types.withUnsafeBufferPointer {
                PQsendPrepare(connection, name, sql, Int32($0.count), $0.baseAddress)
            }
            guard sent == 1 else { throw sendError(sql) }
            _ = try collect(sql)
            statements.confirm(sql, encoded.types)
            return name
        }
    }

    /// Reads everything up to the end of the statement. The first error counts; without one, the last result.
    func collect(_ sql: String) throws(PostgresError) -> ResultHandle {
        try flush()
        var last: ResultHandle?
        var failure: PostgresError?
        while let pointer = try nextResult() {
            let result = ResultHandle(pointer, sql: sql)
            switch PQresultStatus(pointer) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: last = result
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                failure = failure ?? PostgresError(.misuse("COPY needs copyIn or copyOut"), sql: sql)
                if PQresultStatus(pointer) == PGRES_COPY_IN {
                    _ = PQputCopyEnd(connection, "COPY needs copyIn")
                    try flush()
                } else {
                    try drainCopyOut()
                }
            default: failure = failure ?? error(of: result)
            }
        }
        if var failure {
            refine(&failure)
            throw failure
        }
        guard let last else {
            throw isBroken ? connectionError() : PostgresError(.protocolViolation("no result came"), sql: sql)
        }
        return last
    }

    func error(of result: ResultHandle) -> PostgresError {
        if PQresultErrorField(result.pointer, DiagnosticField.sqlState) == nil {
            let text = PQresultErrorMessage(result.pointer).map { trimmed(String(cString: $0)) } ?? ""
            return PostgresError(.connection(reason: text, server: nil), sql: result.sql)
        }
        return PostgresError(.server(ServerMessage(result.pointer)), sql: result.sql)
    }

    /// After the end of a statement: was it our own cancellation, or the end of the connection?
    func refine(_ error: inout PostgresError) {
        switch error.kind {
        case .server(let message) where isBroken || ["FATAL", "PANIC"].contains(message.severity):
            markOutOfStep()
            error = PostgresError(.connection(reason: message.message, server: message), sql: error.sql)
        case .server(let message) where message.sqlState == "57014" && isCancelRequested:
            error = PostgresError(.cancelled, sql: error.sql)
        case .connection where !isBroken:
            guard case .connection(let reason, _) = error.kind else { return }
            error = PostgresError(.protocolViolation(reason), sql: error.sql)
        default: break
        }
    }
}

/// Parameters in one buffer, in the arrays that libpq wants.
struct EncodedParameters {
    private(set) var types: [UInt32] = []
    private var bytes: [UInt8] = []
    /// Where each value begins; `nil` for NULL.
    private var starts: [Int?] = []
    private var lengths: [Int32] = []

    /// The protocol counts parameters in 16 bits.
    static let maximumCount = 65_535

    init(_ parameters: [any PostgresEncodable], sql: String) throws(PostgresError) {
        guard parameters.count <= Self.maximumCount else {
            let reason = "\(parameters.count) parameters are more than \(Self.maximumCount): use an array or COPY"
            throw PostgresError(.encoding(reason), sql: sql)
        }
        for (index, parameter) in parameters.enumerated() {
            let start = bytes.count
            types.append(type(of: parameter).postgresType.oid)
            do throws(PostgresError) {
                let isValue = try parameter.encode(into: &bytes)
                starts.append(isValue ? start : nil)
            } catch {
                guard case .encoding(let reason) = error.kind else { throw error }
                throw PostgresError(.encoding("$\(index + 1): \(reason)"), sql: sql)
            }
            guard let length = Int32(exactly: bytes.count - start), length < 1 << 30 else {
                throw PostgresError(.encoding("$\(index + 1) is larger than 1 GB"), sql: sql)
            }
            lengths.append(length)
        }
        bytes.append(0)  // an empty value at the very end still needs an address
    }

    func withPointers<R>(
        _ body: (
            Int32, UnsafePointer<UInt32>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?,
            UnsafePointer<Int32>?
        ) -> R
    ) -> R {
        bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = starts.map { start in start.flatMap { offset in base.map { $0 + offset } } }
            let formats = [Int32](repeating: 1, count: starts.count)
            return body(Int32(starts.count), types, values, lengths, formats)
        }
    }
}

/// `PG_DIAG_*` of libpq-fe.h, which are character literals, and those Swift does not import.
enum DiagnosticField {
    static let severity = code("V")
    static let sqlState = code("C")
    static let message = code("M")
    static let detail = code("D")
    static let hint = code("H")
    static let position = code("P")
    static let context = code("W")
    static let schema = code("s")
    static let table = code("t")
    static let column = code("c")
    static let dataType = code("d")
    static let constraint = code("n")

    private static func code(_ letter: Unicode.Scalar) -> Int32 { Int32(letter.value) }
}

extension ServerMessage {
    init(_ result: OpaquePointer) {
        func field(_ code: Int32) -> String? {
            PQresultErrorField(result, code).map { String(cString: $0) }
        }
        severity = field(DiagnosticField.severity) ?? "ERROR"
        sqlState = field(DiagnosticField.sqlState) ?? "XX000"
        message = field(DiagnosticField.message) ?? ""
        detail = field(DiagnosticField.detail)
        hint = field(DiagnosticField.hint)
        position = field(DiagnosticField.position).flatMap { Int($0) }
        context = field(DiagnosticField.context)
        schema = field(DiagnosticField.schema)
        table = field(DiagnosticField.table)
        column = field(DiagnosticField.column)
        dataType = field(DiagnosticField.dataType)
        constraint = field(DiagnosticField.constraint)
    }
}
