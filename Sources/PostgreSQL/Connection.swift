import CLibpq
import Dispatch

/// What a transaction sees of others: <https://www.postgresql.org/docs/15/transaction-iso.html>.
public enum IsolationLevel: String, Sendable, CaseIterable {
    case readCommitted = "READ COMMITTED"
    case repeatableRead = "REPEATABLE READ"
    case serializable = "SERIALIZABLE"
}

/// Whether a transaction may write.
public enum AccessMode: String, Sendable, CaseIterable {
    case readWrite = "READ WRITE"
    case readOnly = "READ ONLY"
}

/// One connection to PostgreSQL.
///
/// It has its own queue, on which libpq may block without taking a thread from the cooperative pool. Use it from one
/// task at a time: statements of several tasks would run one after the other, in each other's transactions. `Pool`
/// hands it out so.
///
/// Where the task is cancelled, the running statement is stopped in the server and `.cancelled` is thrown; the
/// connection is usable afterwards. COMMIT and ROLLBACK are never stopped.
///
/// ```swift
/// let connection = try await Connection.open(target, applicationName: "trueup run credit-invoices")
/// try await connection.transaction { connection in
///     try await connection.execute("UPDATE agency SET name = $1 WHERE id = $2", "Sunrise", 7)
/// }
/// ```
public actor Connection {
    private let executor: QueueExecutor
    let signal: CancelSignal
    private var wire: Wire?
    private var lastTicket: UInt64 = 0
    /// Why no other statement may run now, as while COPY TO STDOUT delivers rows.
    private var occupation: String?
    private var isInTransaction = false
    private var cursors = 0
    private(set) var hasSessionSettings = false

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init() throws(PostgresError) {
        executor = QueueExecutor(label: "trueup.postgresql.connection")
        signal = try CancelSignal()
    }

    /// Connects, within the target's `connect_timeout` (10 seconds where it has none), and sets the session's time zone
    /// to UTC.
    ///
    /// - Parameters:
    ///   - applicationName: what `pg_stat_activity` shows.
    ///   - notices: gets the server's notices and warnings, on the connection's queue; by default they are dropped.
    public static func open(
        _ target: ConnectionTarget, applicationName: String,
        notices: @escaping @Sendable (ServerMessage) -> Void = { _ in }
    ) async throws(PostgresError) -> Connection {
        let connection = try Connection()
        try await connection.connect(target, applicationName, notices)
        return connection
    }

    private func connect(
        _ target: ConnectionTarget, _ applicationName: String, _ notices: @escaping @Sendable (ServerMessage) -> Void
    ) async throws(PostgresError) {
        lastTicket += 1
        let (ticket, signal) = (lastTicket, signal)
        let error = await withTaskCancellationHandler {
            connectNow(target, applicationName, ticket, notices)
        } onCancel: {
            signal.request(ticket: ticket)
        }
        if let error { throw error }
    }

    private func connectNow(
        _ target: ConnectionTarget, _ applicationName: String, _ ticket: UInt64,
        _ notices: @escaping @Sendable (ServerMessage) -> Void
    ) -> PostgresError? {
        do throws(PostgresError) {
            let wire = try Wire(
                target, applicationName: applicationName, signal: signal, ticket: ticket, notices: notices)
            try wire.script("SET TIME ZONE 'UTC'")
            self.wire = wire
            return nil
        } catch {
            return error
        }
    }

    /// Closes the connection; what is open in it is rolled back by the server. Closing twice is fine.
    public func close() {
        wire = nil
    }

    /// Whether no further statement can succeed.
    public var isBroken: Bool { wire?.isBroken ?? true }

    /// Whether it is idle, outside a transaction, and the server is there as far as the socket tells. Costs no round
    /// trip.
    func isReusable() -> Bool {
        occupation == nil && !isInTransaction && (wire?.isAlive() ?? false)
    }

    /// The server's process for this connection, as in `pg_stat_activity.pid`; 0 when closed.
    public var backendPID: Int32 { wire.map { PQbackendPID($0.connection) } ?? 0 }

    /// For example 150018 for 15.18; 0 when closed.
    public var serverVersion: Int { wire.map { Int(PQserverVersion($0.connection)) } ?? 0 }

    // MARK: - Statements

    /// Runs one statement. Parameters are `$1`, `$2` and so on. Gives the number of rows that it changed.
    @discardableResult
    public func execute(_ sql: String, _ parameters: (any PostgresEncodable)...) async throws(PostgresError) -> Int {
        try await execute(sql, parameters: parameters)
    }

    /// Runs one statement; gives the number of rows that it changed.
    @discardableResult
    public func execute(_ sql: String, parameters: [any PostgresEncodable]) async throws(PostgresError) -> Int {
        try await run { (wire) throws(PostgresError) in try wire.statement(sql, parameters).affected }
    }

    /// Runs one statement and gives all its rows; for many rows use `forEachBatch` or `copyOut`.
    public func query(_ sql: String, _ parameters: (any PostgresEncodable)...) async throws(PostgresError) -> [Row] {
        try await query(sql, parameters: parameters)
    }

    /// Runs one statement and gives all its rows.
    public func query(_ sql: String, parameters: [any PostgresEncodable]) async throws(PostgresError) -> [Row] {
        try await run { (wire) throws(PostgresError) in try wire.statement(sql, parameters).rows }
    }

    /// Runs several statements, separated by semicolons, without parameters. Outside a transaction they are one
    /// transaction, unless the script has BEGIN or COMMIT of its own.
    public func run(script: String) async throws(PostgresError) {
        try await run { (wire) throws(PostgresError) in try wire.script(script) }
    }

    /// Runs small statements without waiting for each answer: one round trip for all. Outside a transaction they are
    /// one transaction: all or none. The first error is thrown, and those after it do not run.
    @discardableResult
    public func pipeline(_ statements: [Statement]) async throws(PostgresError) -> [Outcome] {
        try await run { (wire) throws(PostgresError) in try wire.pipeline(statements) }
    }

    /// Sends rows: `COPY table (columns) FROM STDIN WITH (FORMAT binary)`. Gives the number of rows; on an error there
    /// are none.
    @discardableResult
    public func copyIn(_ sql: String, _ rows: BinaryRows) async throws(PostgresError) -> Int {
        try await run { (wire) throws(PostgresError) in try wire.copyIn(sql, rows) }
    }

    // MARK: - The one way in

    /// Runs a blocking operation on this actor's queue, stopping it where the task is cancelled.
    func run<T>(_ body: (Wire) throws(PostgresError) -> T) async throws(PostgresError) -> T {
        if let occupation { throw PostgresError(.misuse("\(occupation) is still running on this connection")) }
        return try await runAnyway(body)
    }

    private func runAnyway<T>(_ body: (Wire) throws(PostgresError) -> T) async throws(PostgresError) -> T {
        lastTicket += 1
        let (ticket, signal) = (lastTicket, signal)
        // The closure must call an isolated method: one that does not touch the actor would leave its queue, and block
        // a thread of the cooperative pool.
        let result = await withTaskCancellationHandler {
            runNow(ticket, body)
        } onCancel: {
            signal.request(ticket: ticket)
        }
        return try result.get()
    }

    private func runNow<T>(_ ticket: UInt64, _ body: (Wire) throws(PostgresError) -> T) -> Result<T, PostgresError> {
        do throws(PostgresError) {
            let wire = try usableWire()
            if Task.isCancelled { throw PostgresError(.cancelled) }
            return .success(try wire.operate(ticket: ticket, body))
        } catch {
            return .failure(error)
        }
    }

    private func usableWire() throws(PostgresError) -> Wire {
        guard let wire else { throw PostgresError(.connection(reason: "the connection was closed", server: nil)) }
        guard !wire.isOutOfStep else {
            throw PostgresError(.connection(reason: "the connection broke earlier", server: nil))
        }
        return wire
    }

    // MARK: - State that the facets keep

    func occupy(_ reason: String?) { occupation = reason }

    func runOccupied<T>(_ body: (Wire) throws(PostgresError) -> T) async throws(PostgresError) -> T {
        try await runAnyway(body)
    }

    /// Runs what must end whatever happens to the task: COMMIT, ROLLBACK, cleaning up.
    func runToTheEnd<T>(_ body: (Wire) throws(PostgresError) -> T) throws(PostgresError) -> T {
        try usableWire().operate(ticket: nil, body)
    }

    func markInTransaction(_ value: Bool) { isInTransaction = value }
    var hasOpenTransaction: Bool { isInTransaction }

    func nextCursorName() -> String {
        cursors += 1
        return "trueup_cursor_\(cursors)"
    }

    func markSessionSettings(_ value: Bool) { hasSessionSettings = value }
}
