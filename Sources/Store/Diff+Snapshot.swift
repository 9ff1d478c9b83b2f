import PostgreSQL

extension Diff {
    /// How many pairs are visited at once.
    static var batch: Int { 1_000 }

    /// Runs `body` in one REPEATABLE READ, READ ONLY snapshot.
    ///
    /// Both sides are read whole, so that only plans which grow no faster than the data do: no scan of one side for
    /// each row of the other, which the planner takes where it expects a single row. Sorting groups costs less than
    /// hashing a million of them, which misses the processor's caches. More than a million rows go over the disk, part
    /// by part.
    func snapshot<T: Sendable>(
        on connection: Connection, _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        try await connection.transaction(.repeatableRead, access: .readOnly) { connection in
            try await connection.run(
                script: "SET LOCAL enable_hashagg = off; \(Connection.hashJoinsSQL)")
            return try await body(connection)
        }
    }
}
