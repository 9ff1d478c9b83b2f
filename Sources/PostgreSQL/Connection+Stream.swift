import CLibpq

extension Connection {
    /// Runs a query and hands its rows to `body` in batches of at most `size`, so that memory holds one batch however
    /// many rows there are. Gives the number of rows. The cursor lives in the open transaction, or in one of its own.
    ///
    /// <https://www.postgresql.org/docs/15/sql-declare.html>
    @discardableResult
    public func forEachBatch(
        of size: Int, _ sql: String, parameters: [any PostgresEncodable] = [],
        _ body: @Sendable ([Row]) async throws -> Void
    ) async throws -> Int {
        guard hasOpenTransaction else {
            return try await transaction { connection in
                try await connection.forEachBatch(of: size, sql, parameters: parameters, body)
            }
        }
        let name = nextCursorName()
        let fetch = "FETCH FORWARD \(max(1, size)) FROM \(name)"
        try await run { (wire) throws(PostgresError) in
            // All rows will be read, so the plan must be the best for all of them and not for the first.
            try wire.script("SET LOCAL cursor_tuple_fraction = 1")
            _ = try wire.statement("DECLARE \(name) NO SCROLL CURSOR FOR \(sql)", parameters)
        }
        var count = 0
        do {
            while true {
                let rows = try await query(fetch)
                if rows.isEmpty { break }
                count += rows.count
                try await body(rows)
            }
        } catch {
            closeCursor(name)
            throw error
        }
        closeCursor(name)
        return count
    }

    /// In a failed transaction the cursor is gone already.
    private func closeCursor(_ name: String) {
        try? runToTheEnd { (wire) throws(PostgresError) in
            if wire.transactionStatus == PQTRANS_INTRANS { try wire.script("CLOSE \(name)") }
        }
    }

    /// Receives rows: `COPY (SELECT …) TO STDOUT WITH (FORMAT binary)`, in batches of at most `batchRows`. Gives
    /// their number. While `body` runs no other statement may use this connection. Where `body` throws, the rest is
    /// thrown away.
    @discardableResult
    public func copyOut(
        _ sql: String, batchRows: Int = 1_024, _ body: @Sendable (CopiedRows) async throws -> Void
    ) async throws -> Int {
        try await run { (wire) throws(PostgresError) in try wire.startCopy(sql, PGRES_COPY_OUT) }
        occupy("COPY TO STDOUT")
        defer { occupy(nil) }
        var count = 0
        do {
            while true {
                let batch = try await runOccupied { (wire) throws(PostgresError) in
                    try wire.copyOutBatch(sql, limit: max(1, batchRows))
                }
                count += batch.count
                if !batch.isEmpty { try await body(batch) }
                if batch.isLast { break }
            }
            try await runOccupied { (wire) throws(PostgresError) in _ = try wire.collect(sql) }
        } catch {
            abandonCopyOut()
            throw error
        }
        return count
    }

    private func abandonCopyOut() {
        try? runToTheEnd { (wire) throws(PostgresError) in
            guard wire.transactionStatus == PQTRANS_ACTIVE else { return }
            do throws(PostgresError) {
                try wire.abandonCopyOut()
            } catch {
                wire.markOutOfStep()
                throw error
            }
        }
    }
}
