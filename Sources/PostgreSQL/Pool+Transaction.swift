import Glibc

extension Pool {
    /// Runs `body` in a transaction on a connection of the pool, and runs all of it again, on a fresh snapshot, where
    /// PostgreSQL asks for that: 40001 serialization failure, 40P01 deadlock, 55P03 lock time-out. At most `attempts`
    /// times, with a pause in between that doubles from about 10 ms to 1 s. So `body` must have no effect outside the
    /// database.
    ///
    /// An unknown outcome of COMMIT is thrown and never repeated.
    public func transaction<T: Sendable>(
        _ isolation: IsolationLevel = .readCommitted, access: AccessMode = .readWrite, attempts: Int = 5,
        _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        try await transaction(isolation, access: access, attempts: attempts, opening: []) { connection, _ in
            try await body(connection)
        }
    }

    /// The same with statements that every such transaction begins with: they and BEGIN are one round trip.
    /// - Parameter body: gets what they gave, in their order.
    public func transaction<T: Sendable>(
        _ isolation: IsolationLevel = .readCommitted, access: AccessMode = .readWrite, attempts: Int = 5,
        opening: [Statement], _ body: @Sendable (Connection, [Outcome]) async throws -> T
    ) async throws -> T {
        var attempt = 1
        while true {
            do {
                return try await withConnection { connection in
                    try await connection.transaction(isolation, access: access, opening: opening, body)
                }
            } catch let error as PostgresError where error.isTransient && attempt < attempts {
                let longest = min(1_000, 20 << min(attempt - 1, 10))
                // Of two that collide, a random pause lets one go first.
                try await Task.sleep(for: .milliseconds(Int.random(in: longest / 2...longest)))
                attempt += 1
            }
        }
    }
}
