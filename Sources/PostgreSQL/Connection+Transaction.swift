import CLibpq

extension Connection {
    /// Runs `body` in a transaction: commits when it returns, rolls back when it throws or the task is cancelled.
    ///
    /// Throws what `body` throws, and of its own: `.commitOutcomeUnknown` where the connection broke during COMMIT, the
    /// server's error where it refused COMMIT (serialization, deferred constraints), and `.rolledBackAtCommit` where
    /// `body` swallowed an error of a statement. Transactions do not nest.
    public func transaction<T: Sendable>(
        _ isolation: IsolationLevel = .readCommitted, access: AccessMode = .readWrite,
        _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        try await transaction(isolation, access: access, opening: []) { connection, _ in try await body(connection) }
    }

    /// The same with statements that every such transaction begins with: they and BEGIN are one round trip.
    /// - Parameter body: gets what they gave, in their order.
    public func transaction<T: Sendable>(
        _ isolation: IsolationLevel = .readCommitted, access: AccessMode = .readWrite, opening: [Statement],
        _ body: @Sendable (Connection, [Outcome]) async throws -> T
    ) async throws -> T {
        guard !hasOpenTransaction else {
            throw PostgresError(.misuse("a transaction is already open on this connection"))
        }
        let begin = "BEGIN ISOLATION LEVEL \(isolation.rawValue) \(access.rawValue)"
        markInTransaction(true)
        defer { markInTransaction(false) }
        do {
            let outcomes = try await run { (wire) throws(PostgresError) -> [Outcome] in
                guard wire.transactionStatus == PQTRANS_IDLE else {
                    throw PostgresError(.misuse("a transaction is already open on this connection"))
                }
                guard !opening.isEmpty else {
                    try wire.script(begin)
                    return []
                }
                return Array(try wire.pipeline([Statement(begin)] + opening, begins: true).dropFirst())
            }
            let value = try await body(self, outcomes)
            guard !Task.isCancelled else { throw PostgresError(.cancelled) }
            try commit()
            return value
        } catch {
            rollBack()
            throw error
        }
    }

    private func commit() throws(PostgresError) {
        try runToTheEnd { (wire) throws(PostgresError) in
            // Where the connection is known to be gone before COMMIT is sent, the transaction is known not to have
            // happened.
            guard wire.transactionStatus != PQTRANS_UNKNOWN else { throw wire.connectionError() }
            let tag: String
            do throws(PostgresError) {
                tag = try wire.commit()
            } catch {
                throw commitError(error)
            }
            guard tag == "COMMIT" else { throw PostgresError(.rolledBackAtCommit) }
        }
    }

    /// An error after COMMIT was sent is the transaction's end only where the server said so and lives.
    private func commitError(_ error: PostgresError) -> PostgresError {
        switch error.kind {
        case .connection(let reason, let server): PostgresError(.commitOutcomeUnknown(reason: reason, server: server))
        case .server(let message) where ["08007", "40003"].contains(message.sqlState):
            PostgresError(.commitOutcomeUnknown(reason: message.message, server: message))
        case .protocolViolation(let reason), .misuse(let reason):
            PostgresError(.commitOutcomeUnknown(reason: reason, server: nil))
        default: error
        }
    }

    /// Leaves no transaction open. An error here means that the connection is gone, and the transaction with it.
    private func rollBack() {
        try? runToTheEnd { (wire) throws(PostgresError) in
            switch wire.transactionStatus {
            case PQTRANS_INTRANS, PQTRANS_INERROR: try wire.script("ROLLBACK")
            case PQTRANS_ACTIVE: wire.markOutOfStep()
            default: break
            }
        }
    }

    /// The longest that a statement of this session may run, in milliseconds; 0 for no limit.
    public func setStatementTimeout(milliseconds: Int) async throws(PostgresError) {
        try await setSession("statement_timeout", milliseconds)
    }

    /// The longest that a statement of this session may wait for a lock, in milliseconds; 0 for no limit. Beyond it:
    /// 55P03.
    public func setLockTimeout(milliseconds: Int) async throws(PostgresError) {
        try await setSession("lock_timeout", milliseconds)
    }

    private func setSession(_ name: String, _ milliseconds: Int) async throws(PostgresError) {
        markSessionSettings(true)
        try await run(script: "SET \(name) = \(max(0, milliseconds))")
    }

    /// Ends what the last user left behind. False where the connection cannot be used again.
    func reset() async -> Bool {
        guard isReusable() else { return false }
        guard hasSessionSettings else { return true }
        do throws(PostgresError) {
            try runToTheEnd { (wire) throws(PostgresError) in try wire.script("RESET ALL; SET TIME ZONE 'UTC'") }
        } catch {
            return false
        }
        markSessionSettings(false)
        return true
    }
}

extension Wire {
    /// Sends COMMIT and gives the command tag: `COMMIT`, or `ROLLBACK` where a statement had failed.
    fileprivate func commit() throws(PostgresError) -> String {
        guard PQsendQuery(connection, "COMMIT") == 1 else { throw connectionError() }
        return try collect("COMMIT").tag
    }
}
