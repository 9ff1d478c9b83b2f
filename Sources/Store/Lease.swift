import PostgreSQL

/// The right to run an occurrence: held until `lease_until` on the database's clock, under an attempt number that
/// nobody else ever gets. Everything that its holder writes names that number.
public struct Lease: Sendable, Hashable {
    public let occurrence: Occurrence
    /// Who holds it; unique among all workers.
    public let owner: String

    public var job: String { occurrence.job }
    public var attempt: Int { occurrence.attempt }
}

/// Somebody else has the occurrence by now: nothing may be written for it any more.
public struct LeaseLost: Error, Sendable, Hashable, CustomStringConvertible {
    public let job: String
    public let attempt: Int

    public init(job: String, attempt: Int) {
        self.job = job
        self.attempt = attempt
    }

    public var description: String {
        "Attempt \(attempt) at job \(job) lost its lease: this process was not heard of for too long, and another one "
            + "goes on with the run. Nothing more was written here."
    }
}

/// How an attempt ended.
public struct AttemptEnd: Sendable, Hashable {
    public enum Outcome: Sendable, Hashable {
        /// It ran to its end. The word is the run's state: `clean`, `repaired`, `drift`.
        case done(String)
        /// It failed; it is tried again if attempts are left. The word says why: `error`, `incomplete`, `timeout`.
        case failed(String)
    }

    public var outcome: Outcome
    public var runID: Int64?
    /// A sentence for people; never a secret.
    public var detail: String?

    public init(_ outcome: Outcome, runID: Int64? = nil, detail: String? = nil) {
        self.outcome = outcome
        self.runID = runID
        self.detail = detail
    }
}

extension Occurrences {
    /// Takes the occurrences that have been due for longest, each for an attempt of its own, in one transaction.
    /// - Parameters:
    ///   - jobs: those that the worker knows.
    ///   - leaseSeconds: how long they are held without being extended.
    ///   - limit: so many at most, and of each job at most one.
    /// - Returns: none when none is due. Of several that ask at once, each gets others.
    public func claim(
        for owner: String, jobs: [String], leaseSeconds: Double, limit: Int
    ) async throws -> [Lease] {
        do {
            let rows = try await pool.withConnection { connection in
                try await connection.query(Self.claimSQL, owner, leaseSeconds, jobs, limit)
            }
            return try rows.map { Lease(occurrence: try Occurrence($0), owner: owner) }
        } catch let error as PostgresError where error.isUniqueViolation {
            // Another occurrence of one of the jobs was taken at the same instant: it runs, and these wait for the
            // next time that somebody asks.
            return []
        }
    }

    private static let claimSQL = """
        WITH next AS MATERIALIZED (
            SELECT o.job, o.scheduled_at FROM trueup.occurrence o
            WHERE o.state = 'due' AND o.not_before <= now() AND o.job = ANY($3)
              AND (o.attempt > 0 OR o.start_before > now())
              AND NOT EXISTS (SELECT FROM trueup.occurrence e WHERE e.job = o.job
                AND (e.state = 'running' OR e.state = 'due' AND e.scheduled_at < o.scheduled_at))
              AND NOT EXISTS (SELECT FROM trueup.pause p WHERE p.job = o.job AND p.resumed_at IS NULL)
            ORDER BY o.not_before, o.job, o.scheduled_at
            FOR UPDATE SKIP LOCKED LIMIT $4
        )
        UPDATE trueup.occurrence o SET state = 'running', attempt = o.attempt + 1, lease_owner = $1,
            lease_until = clock_timestamp() + $2::double precision * interval '1 second',
            started_at = coalesce(o.started_at, clock_timestamp()), reason = NULL
        FROM next WHERE o.job = next.job AND o.scheduled_at = next.scheduled_at AND o.state = 'due'
        RETURNING \(Occurrence.columns(of: "o"))
        """

    /// Says that the attempt is under way.
    /// - Returns: `false` when the lease was lost: the run must stop. The end of its own run is no loss.
    public func extend(_ lease: Lease, leaseSeconds: Double) async throws -> Bool {
        let isHeld = try await write(
            lease, "lease_until = clock_timestamp() + $5::double precision * interval '1 second'", [leaseSeconds])
        if isHeld { return true }
        return try await ended(by: lease) != nil
    }

    /// The occurrence, where a run of this attempt has ended it (``Runs/end(_:_:also:)``); else `nil`.
    public func ended(by lease: Lease) async throws -> Occurrence? {
        let now = try await occurrence(of: lease.job, atSeconds: lease.occurrence.scheduledSeconds)
        return now?.attempt == lease.attempt && now?.state == .done ? now : nil
    }

    /// Ends the attempt with its run, in the transaction that writes the run's end: nobody can take the occurrence for
    /// one that has not run, however this process goes on.
    /// - Throws: ``LeaseLost``.
    static func end(_ lease: Lease, with runID: Int64, _ outcome: RunOutcome, on connection: Connection) async throws {
        let count = try await connection.execute(
            """
            UPDATE trueup.occurrence SET state = 'done', ended_at = now(), reason = NULL, result = $5, run_id = $6,
                detail = coalesce($7, CASE WHEN is_incomplete THEN detail END), lease_owner = NULL, lease_until = NULL
            WHERE job = $1 AND scheduled_at = to_timestamp($2) AND attempt = $3 AND lease_owner = $4
              AND state = 'running'
            """, lease.job, lease.occurrence.scheduledSeconds, Int32(lease.attempt), lease.owner,
            outcome.state.rawValue, runID, outcome.problems.first)
        guard count == 1 else { throw LeaseLost(job: lease.job, attempt: lease.attempt) }
    }

    /// Remembers the run of the attempt.
    public func note(runID: Int64, of lease: Lease) async throws -> Bool {
        try await write(lease, "run_id = $5", [runID])
    }

    /// Holds the lease until the transaction's end, as its first statement: nobody else can begin an attempt while it
    /// is open, and what it writes was written by the one who may.
    /// - Throws: ``LeaseLost``.
    public static func hold(_ lease: Lease, on connection: Connection) async throws {
        try await connection.limitIdleTransaction(milliseconds: idleMillisecondsMax)
        let holding = holding(lease)
        let rows = try await connection.query(holding.sql, parameters: holding.parameters)
        if rows.isEmpty { throw LeaseLost(job: lease.job, attempt: lease.attempt) }
    }

    /// Gives one row, locked, where the lease is still ours.
    static func holding(_ lease: Lease) -> SQLStatement {
        SQLStatement(
            """
            SELECT attempt FROM trueup.occurrence
            WHERE job = $1 AND scheduled_at = to_timestamp($2) AND attempt = $3 AND lease_owner = $4
              AND state = 'running' FOR SHARE
            """, lease.job, lease.occurrence.scheduledSeconds, lease.attempt, lease.owner)
    }

    /// Ends the attempt; a failed one is due again after its pause while attempts are left.
    /// - Returns: the occurrence as it stands, or `nil` when the lease was lost: nothing was written. After an error of
    ///   the connection it may be called again.
    public func finish(_ lease: Lease, _ end: AttemptEnd) async throws -> Occurrence? {
        let sql: String
        let word: String
        switch end.outcome {
        case .done(let result):
            word = result
            sql = "state = 'done', ended_at = now(), reason = NULL, result = $5"
        case .failed(let reason):
            word = reason
            sql = """
                failures = failures + 1, reason = $5,
                result = CASE WHEN $5 = 'incomplete' THEN 'incomplete' ELSE 'failed' END,
                state = CASE WHEN failures + 1 < attempts_max THEN 'due' ELSE 'failed' END,
                ended_at = CASE WHEN failures + 1 < attempts_max THEN NULL ELSE now() END,
                not_before = CASE WHEN failures + 1 < attempts_max THEN clock_timestamp()
                    + least(86400, backoff_seconds * 2 ^ least(failures, 20)) * interval '1 second'
                    ELSE not_before END
                """
        }
        let isWritten = try await write(
            lease,
            """
            \(sql), run_id = coalesce($6, run_id), detail = coalesce($7, CASE WHEN is_incomplete THEN detail END),
            lease_owner = NULL, lease_until = NULL
            """, [word, end.runID, end.detail])
        let now = try await occurrence(of: lease.job, atSeconds: lease.occurrence.scheduledSeconds)
        // Written just now, or by an earlier call whose answer was lost.
        guard let now, isWritten || isEnd(now, of: lease, word) else { return nil }
        return now
    }

    private func isEnd(_ now: Occurrence, of lease: Lease, _ word: String) -> Bool {
        now.attempt == lease.attempt && now.state != .running && (now.result == word || now.reason == word)
    }

    /// Gives the occurrence back without counting the attempt as failed: the worker stops (`stopped`), or another
    /// process runs the job outside the schedule (`busy`).
    /// - Parameter pauseSeconds: how long nobody takes it.
    /// - Returns: `false` when the lease was lost.
    public func release(_ lease: Lease, reason: String, pauseSeconds: Double = 0) async throws -> Bool {
        try await write(
            lease,
            """
            state = 'due', reason = $5, lease_owner = NULL, lease_until = NULL,
            not_before = clock_timestamp() + $6::double precision * interval '1 second'
            """, [reason, pauseSeconds])
    }

    /// The fence: one statement, and it names the attempt.
    private func write(_ lease: Lease, _ assignments: String, _ more: [any PostgresEncodable]) async throws -> Bool {
        let own: [any PostgresEncodable] = [
            lease.job, lease.occurrence.scheduledSeconds, Int32(lease.attempt), lease.owner,
        ]
        return try await pool.withConnection { connection in
            try await connection.execute(
                """
                UPDATE trueup.occurrence SET \(assignments)
                WHERE job = $1 AND scheduled_at = to_timestamp($2) AND attempt = $3 AND lease_owner = $4
                  AND state = 'running'
                """, parameters: own + more) == 1
        }
    }
}
