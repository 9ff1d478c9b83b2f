import CLibpq

extension Wire {
    /// How much is handed to libpq before it must be written out: bounds what libpq buffers.
    private static let copyPieceBytes = 256 * 1_024

    /// Sends a whole COPY FROM STDIN in binary format. The server checks everything; an error leaves no row behind.
    func copyIn(_ sql: String, _ rows: BinaryRows) throws(PostgresError) -> Int {
        guard rows.isComplete else {
            throw PostgresError(.misuse("the last row for COPY lacks \(rows.missingColumns) columns"), sql: sql)
        }
        try startCopy(sql, PGRES_COPY_IN)
        return try endCopy(sql, rows)
    }

    /// Sends the rows of a COPY FROM STDIN that has begun, and its end, and reads how it ended.
    func endCopy(_ sql: String, _ rows: BinaryRows) throws(PostgresError) -> Int {
        try sendRows(sql, rows)
        return try naming(cancelled: sql) { () throws(PostgresError) in try collect(sql).affected }
    }

    /// What the server ended because the task was cancelled is called so.
    func naming<T>(cancelled sql: String, _ body: () throws(PostgresError) -> T) throws(PostgresError) -> T {
        do throws(PostgresError) {
            return try body()
        } catch {
            throw isCancelRequested && error.sqlState == "57014" ? PostgresError(.cancelled, sql: sql) : error
        }
    }

    /// Sends the rows of a COPY FROM STDIN that has begun, and its end.
    func sendRows(_ sql: String, _ rows: BinaryRows) throws(PostgresError) {
        var failure: PostgresError?
        do throws(PostgresError) {
            var start = 0
            while start < rows.bytes.count {
                let end = min(start + Self.copyPieceBytes, rows.bytes.count)
                try put(rows.bytes[start..<end])
                start = end
                if isCancelRequested { break }
            }
            try put([0xFF, 0xFF])
        } catch {
            failure = error
        }
        // A server that refused in the middle has left COPY already and is waiting for the end.
        let complaint = isCancelRequested ? "cancelled" : nil
        guard failure == nil, PQputCopyEnd(connection, complaint) == 1 else { throw failure ?? sendError(sql) }
        // It is queued by now, and the server may wait for it.
        try flush()
    }

    private func put(_ bytes: ArraySlice<UInt8>) throws(PostgresError) {
        let result = bytes.withUnsafeBytes { buffer in
            PQputCopyData(connection, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count))
        }
        guard result == 1 else { throw connectionError() }
        try flush()
    }

    /// Sends a COPY statement and sees it enter the COPY state.
    func startCopy(_ sql: String, _ wanted: ExecStatusType) throws(PostgresError) {
        guard PQsendQuery(connection, sql) == 1 else { throw sendError(sql) }
        try flush()
        guard let pointer = try nextResult() else { throw connectionError() }
        let status = PQresultStatus(pointer)
        let result = ResultHandle(pointer, sql: sql)
        if status == wanted, PQbinaryTuples(pointer) == 1 { return }
        if status == PGRES_COPY_IN {
            _ = PQputCopyEnd(connection, "this COPY is not what was asked for")
            try flush()
        } else if status == PGRES_COPY_OUT {
            try sendCancel()
            try drainCopyOut()
        }
        var failure = PostgresError(
            .misuse("a COPY \(wanted == PGRES_COPY_IN ? "FROM STDIN" : "TO STDOUT") WITH (FORMAT binary) was expected"),
            sql: sql)
        if status == PGRES_FATAL_ERROR { failure = error(of: result) }
        while let rest = try nextResult() { PQclear(rest) }
        refine(&failure)
        throw failure
    }

    /// Reads rows of a running COPY TO STDOUT, at most `limit`. The last batch says so, and may be empty.
    func copyOutBatch(_ sql: String, limit: Int) throws(PostgresError) -> CopiedRows {
        var batch = CopiedRows(sql: sql)
        while batch.count < limit {
            var data: UnsafeMutablePointer<CChar>?
            let length = PQgetCopyData(connection, &data, 1)
            defer { PQfreemem(data) }
            switch length {
            case 1...:
                try batch.append(message: UnsafeRawBufferPointer(start: data, count: Int(length)))
            case 0:
                try wait(writing: false)
                if PQconsumeInput(connection) == 0 { throw connectionError() }
            case -1:
                batch.isLast = true
                return batch
            default: throw connectionError()
            }
        }
        return batch
    }

    /// Throws away what a COPY TO STDOUT still sends.
    func drainCopyOut() throws(PostgresError) {
        while true {
            var data: UnsafeMutablePointer<CChar>?
            let length = PQgetCopyData(connection, &data, 1)
            PQfreemem(data)
            if length < 0 { return }
            if length > 0 { continue }
            try wait(writing: false)
            if PQconsumeInput(connection) == 0 { throw connectionError() }
        }
    }

    /// Ends a COPY TO STDOUT before its time, so that the connection can be used again.
    func abandonCopyOut() throws(PostgresError) {
        try sendCancel()
        try drainCopyOut()
        while let rest = try nextResult() { PQclear(rest) }
    }
}
