import PostgreSQL

extension Diff {
    /// How many pairs are visited at once.
    static var batch: Int { 1_000 }

    /// Runs `body` in one REPEATABLE READ, READ ONLY snapshot.
    ///
    /// Both sides are read whole, so that only plans which grow no faster than the data do: no scan of one side for
    /// each row of the other, which the planner takes where it expects a single row. Sorting groups costs less than
    /// hashing a million of them, which misses the processor's caches; compiling the queries costs more than it saves.
    /// A million rows are joined without a detour over the disk; more go over it, part by part.
    func snapshot<T: Sendable>(
        on connection: Connection, _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        try await connection.transaction(.repeatableRead, access: .readOnly) { connection in
            try await connection.run(
                script: """
                    SET LOCAL enable_nestloop = off; SET LOCAL enable_hashagg = off; SET LOCAL jit = off;
                    SELECT set_config('work_mem',
                        greatest(pg_size_bytes(current_setting('work_mem')) / 1024, 98304)::text, true)
                    """)
            return try await body(connection)
        }
    }
}
