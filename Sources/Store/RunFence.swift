import PostgreSQL

/// The right to write for a run: the attempt at it that is under way, and the lease of its occurrence where the
/// schedule started it. Every transaction that writes for a run holds it, so that a process that was thought dead and
/// goes on writes nothing.
public struct RunFence: Sendable, Hashable {
    public let runID: Int64
    public let job: String
    public let attempt: Int
    public let lease: Lease?

    /// - Parameter lease: of the occurrence that the run belongs to; `nil` for a run by hand.
    public init(_ run: Run, lease: Lease? = nil) {
        self.init(runID: run.id, job: run.job, attempt: run.attempt, lease: lease)
    }

    init(runID: Int64, job: String, attempt: Int, lease: Lease?) {
        self.runID = runID
        self.job = job
        self.attempt = attempt
        self.lease = lease
    }

    /// Between two statements of one transaction: who is frozen in between must not keep others waiting.
    static let idleMillisecondsMax = Occurrences.idleMillisecondsMax

    /// Holds the run until the transaction's end, as its first statement: nobody can take it over while it is open.
    /// - Throws: ``RunLost``, ``LeaseLost``; the transaction is then to be rolled back.
    public func hold(on connection: Connection) async throws {
        try check(try await connection.pipeline(statements))
    }

    /// What holds the run, and its occurrence: one row each where they are ours.
    fileprivate var statements: [SQLStatement] {
        let run = SQLStatement(
            """
            SELECT set_config('idle_in_transaction_session_timeout', $3, true) FROM trueup.run
            WHERE id = $1 AND attempt = $2 AND state = 'running' FOR SHARE
            """, runID, Int32(attempt), String(Self.idleMillisecondsMax))
        guard let lease else { return [run] }
        return [run, Occurrences.holding(lease)]
    }

    /// - Throws: ``RunLost``, ``LeaseLost``.
    fileprivate func check(_ outcomes: [Outcome]) throws {
        if outcomes[0].rows.isEmpty { throw lost }
        if let lease, outcomes[1].rows.isEmpty { throw LeaseLost(job: lease.job, attempt: lease.attempt) }
    }

    /// Whether the run is still ours, for who was refused and wants to know why.
    /// - Throws: ``RunLost``.
    func check(on connection: Connection) async throws {
        let rows = try await connection.query("SELECT 1 AS one FROM trueup.run r WHERE \(condition("r"))")
        if rows.isEmpty { throw lost }
    }

    /// SQL that holds while the run is ours.
    /// - Parameter run: the name of `trueup.run` in the statement.
    func condition(_ run: String) -> String {
        "\(run).id = \(runID) AND \(run).attempt = \(attempt) AND \(run).state = 'running'"
    }

    var lost: RunLost { RunLost(runID: runID, job: job, attempt: attempt) }
}

/// Another process goes on with the run, or it has ended: nothing may be written for it any more.
public struct RunLost: AdvisesCommand, Hashable {
    public let runID: Int64
    public let job: String
    public let attempt: Int

    public var advice: Advice {
        """
        Run \(runID) of job \(job) is not this process's any more: attempt \(attempt) was not heard of for too long, \
        and another process has gone on with the run or ended it. Nothing more was written here. \
        See: \(command: "trueup runs \(runID)")
        """
    }
}

extension Pool {
    /// A transaction of a run: behind its fence.
    /// - Throws: ``RunLost``, ``LeaseLost``, and what `body` throws.
    public func transaction<T: Sendable>(
        _ fence: RunFence, _ body: @Sendable (Connection) async throws -> T
    ) async throws -> T {
        try await transaction(fence, opening: []) { connection, _ in try await body(connection) }
    }

    /// The same with statements that follow the fence's, in the same round trip: they may lock, and change nothing.
    /// - Parameter body: gets what they gave, in their order.
    public func transaction<T: Sendable>(
        _ fence: RunFence, opening: [PostgreSQL.Statement],
        _ body: @Sendable (Connection, [Outcome]) async throws -> T
    ) async throws -> T {
        let own = fence.statements
        return try await transaction(opening: own + opening) { connection, held in
            try fence.check(held)
            return try await body(connection, Array(held.dropFirst(own.count)))
        }
    }
}
