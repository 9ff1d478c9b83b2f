import PostgreSQL
import Reconciliation

/// How making a report went, as it is stored.
public enum ReportAttemptState: String, Sendable, Hashable {
    /// Under way, or its process was killed.
    case running
    /// Stopped by a person or a signal.
    case interrupted
    case clean, explained, unexplained, incomplete, failed

    /// What a report that was made says.
    public init(_ state: StatementState) {
        self =
            switch state {
            case .clean: .clean
            case .explained: .explained
            case .unexplained: .unexplained
            case .incomplete: .incomplete
            }
    }
}

/// One time that a report was made, or was to be made: also one that was made again, or that failed.
public struct ReportAttempt: Sendable, Hashable {
    public let id: Int64
    public let job: String
    public let trigger: String
    /// As of the job's own cut-off, which its schedule is about; otherwise somebody asked for another time.
    public let isOwn: Bool
    public let state: ReportAttemptState
    /// The report's number; also one that never became a report. `nil`: it failed before it had one.
    public let reportID: Int64?
    /// The figures were those of a report that was there, and this is that one.
    public let isRepeated: Bool
    public let cutOffSeconds: Int64?
    public let openItems: Int64?
    /// Why it failed, a sentence.
    public let problem: String?
    public let startedAt: Timestamp
    public let endedAt: Timestamp?

    static let columns = """
        id, job, trigger, is_own, state, report_id, is_repeated, cut_off_seconds, open_items, problem, started_at,
        ended_at
        """

    init(_ row: Row) throws {
        id = try row["id"]
        job = try row["job"]
        trigger = try row["trigger"]
        isOwn = try row["is_own"]
        state = ReportAttemptState(rawValue: try row["state"]) ?? .failed
        reportID = try row["report_id"]
        isRepeated = try row["is_repeated"]
        cutOffSeconds = try row["cut_off_seconds"]
        openItems = try row["open_items"]
        problem = try row["problem"]
        startedAt = try row["started_at"]
        endedAt = try row["ended_at"]
    }

    /// How long it took; `nil` where it has not ended, or where nobody knows (reports of earlier versions).
    public var milliseconds: Int64? {
        guard let endedAt, endedAt != startedAt else { return nil }
        return (endedAt.microseconds - startedAt.microseconds) / 1_000
    }

    /// Its process was killed: what ended otherwise says when.
    public var isKilled: Bool {
        state == .running || state == .interrupted && endedAt == startedAt
    }

    /// The states of a report that was made, as values of SQL.
    static let madeStates = "'clean', 'explained', 'unexplained', 'incomplete'"

    /// The state as it is now: who makes a report holds its lock, and an attempt without it was killed.
    /// - Parameter held: locks that are held (``JobLock/held(of:pool:)``).
    public func stateNow(_ held: Set<String>) -> ReportAttemptState {
        state == .running && !held.contains(JobLock.reportPrefix + job) ? .interrupted : state
    }
}

/// The rows of `trueup.report_attempt`.
public struct ReportAttempts: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    /// Begins one. Who calls it holds the report's lock, so that whatever is under way besides was killed: nobody knows
    /// when, and its end is its start.
    /// - Returns: its number.
    public func begin(job: String, isOwn: Bool, origin: RunOrigin) async throws -> Int64 {
        try await pool.transaction { connection in
            try await connection.execute(
                """
                UPDATE trueup.report_attempt SET state = 'interrupted', ended_at = started_at,
                    problem = 'Its process was killed before its end.'
                WHERE job = $1 AND state = 'running'
                """, job)
            return try await connection.query(
                """
                INSERT INTO trueup.report_attempt (job, trigger, is_own, program_version, requested_by, host,
                    process_id) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
                """, job, origin.trigger.rawValue, isOwn, origin.programVersion, origin.requestedBy, origin.host,
                origin.processID)[0]["id"]
        }
    }

    /// Says which cut-off one is about, as soon as it is known.
    /// - Parameter cutOffSeconds: Unix seconds.
    public func state(cutOffSeconds: Int64, of id: Int64) async throws {
        _ = try await pool.withConnection { connection in
            try await connection.execute(
                "UPDATE trueup.report_attempt SET cut_off_seconds = $2 WHERE id = $1", id, cutOffSeconds)
        }
    }

    /// Ends one that made a report, in the transaction that keeps it.
    public static func end(
        _ id: Int64, report: Int64, isRepeated: Bool, _ statement: Reconciliation.Statement, on connection: Connection
    ) async throws {
        try await connection.execute(
            """
            UPDATE trueup.report_attempt SET state = $2, report_id = $3, is_repeated = $4, cut_off_seconds = $5,
                open_items = $6, ended_at = clock_timestamp() WHERE id = $1
            """, id, ReportAttemptState(statement.state).rawValue, report, isRepeated, statement.cutOff.seconds,
            Int64(statement.items.count))
    }

    /// Ends one that made none. One that has ended stays as it ended.
    /// - Parameters:
    ///   - problem: a sentence without secrets.
    ///   - isStopped: a person or a signal stopped it.
    public func fail(_ id: Int64, _ problem: String, isStopped: Bool) async throws {
        _ = try await pool.withConnection { connection in
            // Who holds the report's lock alone takes numbers for it: the last one since then is this one's.
            try await connection.execute(
                """
                UPDATE trueup.report_attempt a SET state = $2, problem = $3, ended_at = clock_timestamp(),
                    report_id = (SELECT max(n.id) FROM trueup.report_number n
                        WHERE n.job = a.job AND n.taken_at >= a.started_at)
                WHERE id = $1 AND state = 'running'
                """, id, (isStopped ? ReportAttemptState.interrupted : .failed).rawValue, problem)
        }
    }

    /// Writes down one that could not begin, whoever else makes the report at this moment.
    /// - Parameters:
    ///   - failure: a sentence without secrets.
    ///   - cutOffSeconds: Unix seconds.
    public func record(
        failure: String, job: String, isOwn: Bool, cutOffSeconds: Int64, origin: RunOrigin
    ) async throws {
        _ = try await pool.withConnection { connection in
            try await connection.execute(
                """
                INSERT INTO trueup.report_attempt (job, trigger, is_own, program_version, requested_by, host,
                    process_id, state, problem, cut_off_seconds, ended_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, 'failed', $8, $9, clock_timestamp())
                """, job, origin.trigger.rawValue, isOwn, origin.programVersion, origin.requestedBy, origin.host,
                origin.processID, failure, cutOffSeconds)
        }
    }

    /// The latest, newest first.
    public func latest(limit: Int, job: String? = nil) async throws -> [ReportAttempt] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(ReportAttempt.columns) FROM trueup.report_attempt WHERE $2::text IS NULL OR job = $2
                ORDER BY id DESC LIMIT $1
                """, limit, job
            ).map(ReportAttempt.init)
        }
    }
}
