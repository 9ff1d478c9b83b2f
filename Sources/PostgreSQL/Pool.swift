import Dispatch
import Synchronization

/// A bounded set of connections to one database.
///
/// Connections open on demand and stay open. Callers beyond `size` wait in order of arrival; a waiting task that is
/// cancelled leaves the queue at once. A connection that broke is replaced when it is next asked for.
///
/// ```swift
/// let pool = Pool(target, size: 8, applicationName: "trueup work")
/// let paid = try await pool.transaction { try await $0.execute("UPDATE … WHERE id = $1", id) }
/// ```
public final class Pool: Sendable {
    /// Where the connections go.
    public let target: ConnectionTarget
    /// The most connections that are open at the same time.
    public let size: Int
    /// Callers that may wait at the same time; one more gets `.poolExhausted`.
    public let waitersMaximum: Int
    /// How long a caller waits for a connection before `.poolExhausted`.
    public let waitSecondsMaximum: Int
    private let applicationName: String
    private let notices: @Sendable (ServerMessage) -> Void
    private let state = Mutex(State())

    /// What a caller gets: an idle connection, or the right to open one.
    fileprivate enum Grant: Sendable {
        case connection(Connection)
        case place
    }

    fileprivate struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<Result<Grant, PostgresError>, Never>
    }

    fileprivate struct State {
        var idle: [Connection] = []
        /// Connections handed out, idle or being opened: never more than `size`.
        var places = 0
        var waiters: [Waiter] = []
        var lastID: UInt64 = 0
        /// Waiters cancelled before they were queued.
        var cancelledEarly: Set<UInt64> = []
        var isClosed = false
    }

    /// Opens nothing yet. `notices` gets the server's notices of all connections, on their queues.
    public init(
        _ target: ConnectionTarget, size: Int, applicationName: String, waitersMaximum: Int = 1_024,
        waitSecondsMaximum: Int = 60, notices: @escaping @Sendable (ServerMessage) -> Void = { _ in }
    ) {
        self.target = target
        self.size = max(1, size)
        self.applicationName = applicationName
        self.waitersMaximum = waitersMaximum
        self.waitSecondsMaximum = waitSecondsMaximum
        self.notices = notices
    }

    /// Lends a connection to `body` and takes it back. A transaction that `body` left open is ended with its
    /// connection.
    public func withConnection<T: Sendable>(_ body: @Sendable (Connection) async throws -> T) async throws -> T {
        let connection = try await acquire()
        do {
            let value = try await body(connection)
            await release(connection)
            return value
        } catch {
            await release(connection)
            throw error
        }
    }

    /// Closes idle connections now, lent ones when they come back; waiting and later callers get `.poolClosed`.
    public func close() async {
        let (idle, waiters) = state.withLock { state in
            defer { (state.idle, state.waiters, state.isClosed) = ([], [], true) }
            state.places -= state.idle.count
            return (state.idle, state.waiters)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(PostgresError(.poolClosed))) }
        for connection in idle { await connection.close() }
    }

    /// For tests and status pages: connections lent or being opened, idle ones, and callers that wait.
    public var load: (lent: Int, idle: Int, waiting: Int) {
        state.withLock { ($0.places - $0.idle.count, $0.idle.count, $0.waiters.count) }
    }

    // MARK: - Lending

    private func acquire() async throws(PostgresError) -> Connection {
        if Task.isCancelled { throw PostgresError(.cancelled) }
        switch try await grant() {
        case .connection(let connection):
            if await connection.isReusable() { return connection }
            await connection.close()
        case .place: break
        }
        do throws(PostgresError) {
            return try await Connection.open(target, applicationName: applicationName, notices: notices)
        } catch {
            givePlaceBack()
            throw error
        }
    }

    private func grant() async throws(PostgresError) -> Grant {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let result = enqueue(Waiter(id: id, continuation: continuation)) {
                    continuation.resume(returning: result)
                }
            }
        } onCancel: {
            cancel(id)
        }
        state.withLock { _ = $0.cancelledEarly.remove(id) }
        return try result.get()
    }

    /// The answer where there is one at once; otherwise the waiter stands in the queue.
    private func enqueue(_ waiter: Waiter) -> Result<Grant, PostgresError>? {
        let result: Result<Grant, PostgresError>? = state.withLock { state in
            if state.isClosed { return .failure(PostgresError(.poolClosed)) }
            if state.cancelledEarly.contains(waiter.id) { return .failure(PostgresError(.cancelled)) }
            if let connection = state.idle.popLast() { return .success(.connection(connection)) }
            if state.places < size {
                state.places += 1
                return .success(.place)
            }
            guard state.waiters.count < waitersMaximum else {
                return .failure(PostgresError(.poolExhausted("\(waitersMaximum) callers wait already")))
            }
            state.waiters.append(waiter)
            return nil
        }
        if result == nil { expireLater(waiter.id) }
        return result
    }

    private func expireLater(_ id: UInt64) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(waitSecondsMaximum)) { [weak self] in
            guard let self else { return }
            let reason = "\(size) connections were in use for \(waitSecondsMaximum) s"
            remove(id)?.continuation.resume(returning: .failure(PostgresError(.poolExhausted(reason))))
        }
    }

    private func cancel(_ id: UInt64) {
        let waiter = state.withLock { state in
            let waiter = state.remove(id)
            if waiter == nil { state.cancelledEarly.insert(id) }
            return waiter
        }
        waiter?.continuation.resume(returning: .failure(PostgresError(.cancelled)))
    }

    private func remove(_ id: UInt64) -> Waiter? {
        state.withLock { $0.remove(id) }
    }

    private func release(_ connection: Connection) async {
        guard await connection.reset() else {
            await connection.close()
            givePlaceBack()
            return
        }
        let (isClosed, waiter) = state.withLock { state -> (Bool, Waiter?) in
            if state.isClosed { return (true, nil) }
            if let waiter = state.nextWaiter() { return (false, waiter) }
            state.idle.append(connection)
            return (false, nil)
        }
        waiter?.continuation.resume(returning: .success(.connection(connection)))
        if isClosed {
            await connection.close()
            givePlaceBack()
        }
    }

    /// A place without a connection goes to whoever waits longest, who opens one.
    private func givePlaceBack() {
        let waiter = state.withLock { state in
            let waiter = state.nextWaiter()
            if waiter == nil { state.places -= 1 }
            return waiter
        }
        waiter?.continuation.resume(returning: .success(.place))
    }
}

extension Pool.State {
    fileprivate mutating func nextWaiter() -> Pool.Waiter? {
        waiters.isEmpty ? nil : waiters.removeFirst()
    }

    fileprivate mutating func remove(_ id: UInt64) -> Pool.Waiter? {
        waiters.firstIndex { $0.id == id }.map { waiters.remove(at: $0) }
    }
}
