import PostgreSQL

/// Turns at one row that is worked on at Stripe, over all processes of the database: one works, the others wait.
enum RowTurn {
    /// Whose turn it is about.
    enum Kind: String {
        case order, charge
    }

    /// Somebody else has had the turn for longer than was waited.
    struct Taken: Error {}

    /// Runs `body` while nobody else has a turn at the row. The lock belongs to the connection, so that a process that
    /// dies lets it go, and no transaction stays open while Stripe is asked.
    /// - Parameter waitSeconds: the longest that others are waited for; `nil`: as long as it takes.
    /// - Throws: ``Taken`` when that is over, and what `body` throws.
    static func hold<T: Sendable>(
        _ kind: Kind, _ rowID: Int64, on connection: Connection, waitSeconds: Int? = nil, _ body: () async throws -> T
    ) async throws -> T {
        if let waitSeconds { try await connection.setLockTimeout(milliseconds: waitSeconds * 1_000) }
        do {
            try await connection.execute(
                "SELECT pg_advisory_lock(\(name))", kind.rawValue, String(rowID))
        } catch {
            guard waitSeconds != nil, error.sqlState == "55P03" else { throw error }
            throw Taken()
        }
        return try await holding(on: connection) {
            if waitSeconds != nil { try await connection.setLockTimeout(milliseconds: 0) }
            return try await body()
        }
    }

    /// The same without waiting.
    /// - Returns: `nil` where somebody else has the turn.
    static func holdIfFree<T: Sendable>(
        _ kind: Kind, _ rowID: Int64, on connection: Connection, _ body: () async throws -> T
    ) async throws -> T? {
        let isTaken: Bool = try await connection.query(
            "SELECT pg_try_advisory_lock(\(name)) AS taken", kind.rawValue, String(rowID))[0]["taken"]
        return isTaken ? try await holding(on: connection, body) : nil
    }

    /// SQL for the lock's number, of the parameters kind and row.
    private static let name = "hashtextextended('trueup.' || $1 || '.' || $2, 0)"

    private static func holding<T: Sendable>(
        on connection: Connection, _ body: () async throws -> T
    ) async throws -> T {
        let result: Result<T, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        // Also under a task that was cancelled. Where it fails, the lock goes with the connection.
        await Task {
            do {
                try await connection.execute("SELECT pg_advisory_unlock_all()")
            } catch {
                await connection.close()
            }
        }.value
        return try result.get()
    }
}
