import PostgreSQL

/// Does work that may wait for long without asking the database anything, such as requests that wait for a slot of the
/// rate limit, which nobody gets while the database is away: it ends with the database's error instead of waiting for
/// a server that may never come back.
package struct DatabaseWatch: Sendable {
    private let pool: Pool
    /// How often the database is looked for; it is away when it was not there twice in a row.
    private let every: Duration

    package init(pool: Pool, every: Duration = .seconds(5)) {
        self.pool = pool
        self.every = every
    }

    /// - Throws: what `work` throws; `PostgresError` when the database is away.
    package func during<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
        try await withThrowingTaskGroup(of: T?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await watch()
                return nil
            }
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let value = ended { return value }
            }
            throw CancellationError()
        }
    }

    /// Until it is cancelled.
    private func watch() async throws {
        var isMissed = false
        while true {
            do {
                try await Task.sleep(for: every)
            } catch {
                return
            }
            do {
                _ = try await pool.withConnection { try await $0.execute("SELECT 1") }
                isMissed = false
            } catch let error as PostgresError where error.isServerAway {
                guard !isMissed else { throw error }
                isMissed = true
            } catch is PostgresError {}
        }
    }
}
