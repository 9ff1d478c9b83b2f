import CLibpq
import Dispatch
import Glibc

/// One libpq connection and everything that blocks on it. It belongs to one `Connection` actor and runs on that actor's
/// queue only, which the compiler holds us to: it is not `Sendable`.
///
/// The socket is non-blocking throughout. Waiting is always a `poll` on the socket and the cancel signal together.
final class Wire {
    let connection: OpaquePointer
    let signal: CancelSignal
    /// The operation that is being waited for.
    private var ticket: UInt64?
    private var cancelRequests = 0
    private var nextCancelMilliseconds: Int64 = 0
    /// Set when the protocol is out of step, so that nothing more may be sent.
    private(set) var isOutOfStep = false
    var statements = StatementCache()
    /// What the server has prepared under the program's own names.
    var namedStatements: Set<String> = []
    private let notices: NoticeReceiver

    /// After this many requests, with growing pauses (about 30 s), an unanswered cancellation ends the connection.
    private static let cancelRequestsMaximum = 40
    private static let cancelSecondsMaximum = 5

    /// Connects; waits no longer than the target's time-out.
    init(
        _ target: ConnectionTarget, applicationName: String, signal: CancelSignal, ticket: UInt64,
        notices: @escaping @Sendable (ServerMessage) -> Void
    ) throws(PostgresError) {
        let parameters = target.parameters(applicationName: applicationName).map { ($0.key, $0.value) }
        let started = withCStrings(parameters.map(\.0)) { keys in
            withCStrings(parameters.map(\.1)) { values in PQconnectStartParams(keys, values, 0) }
        }
        guard let started else { throw PostgresError(.connection(reason: "out of memory", server: nil)) }
        connection = started
        self.signal = signal
        self.notices = NoticeReceiver(notices)
        self.notices.attach(to: started)
        try finishConnecting(to: target, ticket: ticket)
    }

    deinit { PQfinish(connection) }

    var isBroken: Bool { isOutOfStep || PQstatus(connection) != CONNECTION_OK }

    var transactionStatus: PGTransactionStatusType { PQtransactionStatus(connection) }

    func markOutOfStep() { isOutOfStep = true }

    /// Runs an operation that can be cancelled under `ticket`, or that nothing stops where it is nil.
    func operate<T>(
        ticket: UInt64?, _ body: (Wire) throws(PostgresError) -> T
    ) throws(PostgresError) -> T {
        self.ticket = ticket
        cancelRequests = 0
        nextCancelMilliseconds = 0
        defer { self.ticket = nil }
        return try body(self)
    }

    var isCancelRequested: Bool { ticket != nil && signal.isRequested(ticket) }

    private func finishConnecting(to target: ConnectionTarget, ticket: UInt64) throws(PostgresError) {
        let deadline = monotonicMilliseconds() + Int64(target.connectTimeoutSeconds) * 1_000
        var state = PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
        while state != PGRES_POLLING_OK {
            guard state != PGRES_POLLING_FAILED else { throw connectionError("\(target): ") }
            guard monotonicMilliseconds() < deadline else {
                let seconds = target.connectTimeoutSeconds
                throw PostgresError(.connection(reason: "\(target): no answer within \(seconds) s", server: nil))
            }
            if signal.isRequested(ticket) { throw PostgresError(.cancelled) }
            let events = Int16(state == PGRES_POLLING_READING ? POLLIN : POLLOUT)
            // libpq must not be asked before its socket is ready: it would take a TCP connection in the making for a
            // made one.
            if try poll(events, until: deadline) != 0 { state = PQconnectPoll(connection) }
        }
        guard PQsetnonblocking(connection, 1) == 0 else { throw connectionError() }
    }

    /// The error for a connection that libpq gave up. Its words never hold the password.
    func connectionError(_ prefix: String = "") -> PostgresError {
        let text = PQerrorMessage(connection).map { trimmed(String(cString: $0)) } ?? ""
        return PostgresError(
            .connection(reason: prefix + (text.isEmpty ? "the connection is closed" : text), server: nil))
    }

    /// Waits for the socket or the signal. Returns the socket's events; zero after the deadline or a ring.
    private func poll(_ events: Int16, until deadline: Int64?) throws(PostgresError) -> Int16 {
        let socket = PQsocket(connection)
        guard socket >= 0 else { throw connectionError() }
        var descriptors = [
            pollfd(fd: socket, events: events, revents: 0),
            pollfd(fd: signal.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let wait = deadline.map { Int32(clamping: max(0, $0 - monotonicMilliseconds())) } ?? -1
        let count = Glibc.poll(&descriptors, 2, wait)
        guard count >= 0 || errno == EINTR else {
            isOutOfStep = true
            throw PostgresError(.connection(reason: "poll failed: \(errnoText())", server: nil))
        }
        if count <= 0 { return 0 }
        if descriptors[1].revents != 0 { signal.drain() }
        return descriptors[0].revents
    }

    /// Waits until the socket can be read, or written where `writing`. Sends cancel requests while it waits, where the
    /// operation is cancelled: again and again, because one that the server reads before the statement itself has no
    /// effect.
    func wait(writing: Bool) throws(PostgresError) {
        while true {
            if isCancelRequested { try requestCancel() }
            let deadline = isCancelRequested ? nextCancelMilliseconds : nil
            let ready = try poll(Int16(writing ? POLLIN | POLLOUT : POLLIN), until: deadline)
            if ready != 0 { return }
        }
    }

    /// A cancel request is a connection of its own. `PQcancel` returns when the server has closed it, which is after
    /// the signal was sent to the backend, and the backend drops a signal that finds it idle: nothing of it is left for
    /// the next statement.
    private func requestCancel() throws(PostgresError) {
        let now = monotonicMilliseconds()
        guard now >= nextCancelMilliseconds else { return }
        guard cancelRequests < Self.cancelRequestsMaximum else {
            isOutOfStep = true
            throw PostgresError(.cancelled)
        }
        try sendCancel()
        cancelRequests += 1
        nextCancelMilliseconds = monotonicMilliseconds() + Int64(min(1_000, 20 * cancelRequests))
    }

    /// Asks the server once. `PQcancel` has no time-out of its own, so it runs on a thread that may be left behind
    /// where the server accepts and says nothing. This connection is then given up, because the request might reach a
    /// later statement.
    func sendCancel() throws(PostgresError) {
        guard let request = CancelRequest(connection) else { return }  // it is tried again
        let isDone = DispatchSemaphore(value: 0)
        DispatchQueue(label: "trueup.postgresql.cancel").async {
            request.send()
            isDone.signal()
        }
        guard isDone.wait(timeout: .now() + .seconds(Self.cancelSecondsMaximum)) == .success else {
            isOutOfStep = true
            throw PostgresError(.cancelled)
        }
    }

    /// Writes out what is queued; reads meanwhile, because a server that cannot write does not read either.
    func flush() throws(PostgresError) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                try wait(writing: true)
                if PQconsumeInput(connection) == 0 { throw connectionError() }
            default: throw connectionError()
            }
        }
    }

    /// Reads until a result is complete; `nil` at the end of the statement.
    func nextResult() throws(PostgresError) -> OpaquePointer? {
        while PQisBusy(connection) == 1 {
            try wait(writing: false)
            // A broken connection makes PQisBusy false; PQgetResult then says what happened.
            if PQconsumeInput(connection) == 0 { break }
        }
        return PQgetResult(connection)
    }

    /// Whether an idle connection still has its server, as far as the socket tells without a round trip. A server that
    /// ended the connection has sent a message and then the end of the stream; notices and changed settings may be
    /// there as well.
    func isAlive() -> Bool {
        guard !isBroken, transactionStatus == PQTRANS_IDLE else { return false }
        for _ in 0..<64 {
            var waiting = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
            if Glibc.poll(&waiting, 1, 0) == 0 { return true }
            guard PQconsumeInput(connection) == 1 else { return false }
            PQfreemem(PQnotifies(connection))  // has what was read taken in
        }
        return false
    }
}

/// Owns a `PGcancel`: a copy of what it takes to cancel, which may outlive its connection.
///
/// `@unchecked` is safe: it is sent once, by one thread, and freed after that; libpq allows another thread than the
/// connection's.
private final class CancelRequest: @unchecked Sendable {
    private let cancel: OpaquePointer

    init?(_ connection: OpaquePointer) {
        guard let cancel = PQgetCancel(connection) else { return nil }
        self.cancel = cancel
    }

    deinit { PQfreeCancel(cancel) }

    func send() {
        var reason = [CChar](repeating: 0, count: 256)
        _ = PQcancel(cancel, &reason, Int32(reason.count))  // where it fails it is tried again
    }
}

/// Hands the server's notices to a closure; libpq would print them to stderr.
private final class NoticeReceiver {
    private let handler: @Sendable (ServerMessage) -> Void

    init(_ handler: @escaping @Sendable (ServerMessage) -> Void) {
        self.handler = handler
    }

    /// libpq keeps an unretained pointer: the wire owns this object and finishes the connection first.
    func attach(to connection: OpaquePointer) {
        let receiver: PQnoticeReceiver = { context, result in
            guard let context, let result else { return }
            Unmanaged<NoticeReceiver>.fromOpaque(context).takeUnretainedValue().handler(ServerMessage(result))
        }
        PQsetNoticeReceiver(connection, receiver, Unmanaged.passUnretained(self).toOpaque())
    }
}

/// Calls `body` with a NULL-terminated array of C strings.
func withCStrings<R>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers: [UnsafePointer<CChar>?] = copies.map { UnsafePointer($0) } + [nil]
    return pointers.withUnsafeBufferPointer { buffer in
        // The array holds at least its terminator, so it has a base address.
        body(buffer.baseAddress!)
    }
}
