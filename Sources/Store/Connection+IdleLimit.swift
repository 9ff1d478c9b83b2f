import PostgreSQL

extension Connection {
    /// Lets the server end this transaction when nothing is heard of the client for so long between two statements: a
    /// process that was frozen in the middle must not keep others waiting for its locks
    /// (<https://www.postgresql.org/docs/15/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT>).
    func limitIdleTransaction(milliseconds: Int) async throws(PostgresError) {
        try await run(script: "SET LOCAL idle_in_transaction_session_timeout = \(max(1, milliseconds))")
    }
}
