import PostgreSQL
import Schedule

/// The rows of `trueup.occurrence` and `trueup.job_state`. All times are those of the database's clock.
///
/// Any number of schedulers insert, any number of workers take: `(job, scheduled_at)` is the primary key, so one
/// nominal time is one row, and taking is `FOR UPDATE SKIP LOCKED`
/// (<https://www.postgresql.org/docs/15/sql-select.html#SQL-FOR-UPDATE-SHARE>) with a lease and an attempt number.
public struct Occurrences: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    /// Between two statements of one transaction.
    static let idleMillisecondsMax = 10_000

    /// The database's clock, in Unix seconds.
    public func nowSeconds() async throws -> Int64 {
        try await pool.withConnection { connection in
            try await connection.query("SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS now")[0]["now"]
        }
    }

    // MARK: - Jobs

    /// Makes jobs known, and says how each stands. A job that is new, or whose schedule changed, begins now: what its
    /// schedule says of the past is not caught up with.
    public func learn(_ jobs: [KnownJob]) async throws -> [String: JobState] {
        let ordered = jobs.sorted { $0.job < $1.job }
        let rows = try await pool.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: Self.idleMillisecondsMax)
            try await connection.execute(
                """
                INSERT INTO trueup.job_state AS s (job, definition_hash, schedule, last_nominal)
                SELECT job, hash, schedule, date_trunc('second', now())
                FROM unnest($1::text[], $2::text[], $3::text[]) AS n (job, hash, schedule)
                ON CONFLICT (job) DO UPDATE SET definition_hash = excluded.definition_hash,
                    schedule = excluded.schedule,
                    last_nominal = CASE WHEN s.schedule = excluded.schedule THEN s.last_nominal
                        ELSE greatest(s.last_nominal, excluded.last_nominal) END
                WHERE (s.definition_hash, s.schedule) <> (excluded.definition_hash, excluded.schedule)
                """, ordered.map(\.job), ordered.map(\.definitionHash), ordered.map(\.schedule))
            return try await connection.query(JobState.selectSQL, ordered.map(\.job))
        }
        return try Self.byName(rows)
    }

    /// How jobs stand, without changing anything. Jobs that no scheduler has seen yet are not there.
    public func states(of jobs: [String]) async throws -> [String: JobState] {
        let rows = try await pool.withConnection { try await $0.query(JobState.selectSQL, jobs) }
        return try Self.byName(rows)
    }

    private static func byName(_ rows: [Row]) throws -> [String: JobState] {
        let states = try rows.map { try JobState($0) }
        return Dictionary(uniqueKeysWithValues: states.map { ($0.job, $0) })
    }

    // MARK: - Inserting

    /// Writes what came due, each nominal time once however many hand it in, and remembers how far each job is dealt
    /// with. What came due in a pause of its job is written as skipped.
    /// - Parameter dealtWith: for each job, the nominal time up to which nothing needs to be looked at again.
    /// - Returns: those that were new.
    public func insert(_ new: [NewOccurrence], dealtWith: [String: Int64]) async throws -> [Occurrence] {
        // In one order for all: two that insert the same rows wait for each other, and never in a circle.
        let new = new.sorted { ($0.job, $0.planned.nominalSeconds) < ($1.job, $1.planned.nominalSeconds) }
        let jobs = dealtWith.keys.sorted()
        return try await pool.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: Self.idleMillisecondsMax)
            let rows = new.isEmpty ? [] : try await connection.query(Self.insertSQL, parameters: Self.parameters(new))
            let awaited = new.flatMap { one in one.after.map { (one, $0) } }
            if !awaited.isEmpty {
                try await connection.execute(
                    """
                    INSERT INTO trueup.occurrence_after (job, scheduled_at, awaited_job, awaited_at)
                    SELECT job, to_timestamp(at), awaited_job, to_timestamp(awaited_at)
                    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) 
                        AS n (job, at, awaited_job, awaited_at)
                    ON CONFLICT DO NOTHING
                    """, awaited.map(\.0.job), awaited.map(\.0.planned.nominalSeconds), awaited.map(\.1.job),
                    awaited.map(\.1.scheduledSeconds))
            }
            try await connection.execute(
                """
                UPDATE trueup.job_state s SET last_nominal = greatest(s.last_nominal, to_timestamp(n.at))
                FROM unnest($1::text[], $2::bigint[]) AS n (job, at)
                WHERE s.job = n.job AND s.last_nominal < to_timestamp(n.at)
                """, jobs, jobs.map { dealtWith[$0] ?? 0 })
            return try rows.map { try Occurrence($0) }
        }
    }

    private static let insertSQL = """
        INSERT INTO trueup.occurrence (job, scheduled_at, state, reason, ended_at, window_from_seconds,
            window_to_seconds, definition_hash, not_before, start_before, start_deadline_seconds, timeout_seconds,
            attempts_max, backoff_seconds, may_queue)
        SELECT n.job, to_timestamp(n.at), v.state, v.reason,
            CASE WHEN v.state IN ('skipped', 'missed') THEN now() END, n.window_from, n.window_to, n.hash,
            to_timestamp(n.not_before), to_timestamp(n.start_before), n.start_before - n.not_before, n.timeout,
            n.attempts, n.backoff, n.may_queue
        FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::integer[], $11::bigint[], $12::boolean[], $13::boolean[])
            AS n (job, at, reason, window_from, window_to, hash, not_before, start_before, timeout, attempts, backoff,
                may_queue, must_wait)
        CROSS JOIN LATERAL (SELECT n.reason IS NOT DISTINCT FROM 'paused'
            OR \(isPausedSQL(job: "n.job", at: "to_timestamp(n.at)")) AS is_paused) p
        CROSS JOIN LATERAL (SELECT
            CASE WHEN p.is_paused THEN 'skipped' WHEN n.reason IS NOT NULL THEN 'missed'
                WHEN n.must_wait THEN 'waiting' ELSE 'due' END AS state,
            CASE WHEN p.is_paused THEN 'paused' ELSE n.reason END AS reason) v
        ORDER BY n.job, n.at
        ON CONFLICT (job, scheduled_at) DO NOTHING
        RETURNING \(Occurrence.columns)
        """

    private static func parameters(_ new: [NewOccurrence]) -> [any PostgresEncodable] {
        let planned = new.map(\.planned)
        return [
            new.map(\.job), planned.map(\.nominalSeconds), planned.map { $0.reason?.rawValue },
            planned.map(\.window.fromSeconds), planned.map(\.window.toSeconds), new.map(\.definitionHash),
            planned.map(\.notBeforeSeconds), planned.map(\.startBeforeSeconds), new.map(\.timeoutSeconds),
            new.map { Int32(clamping: $0.attemptsMax) }, new.map(\.backoffSeconds),
            new.map { $0.mayQueue || $0.planned.isCatchUp }, new.map { !$0.after.isEmpty },
        ]
    }

    // MARK: - Looking

    /// The latest occurrences, newest nominal time first.
    public func latest(limit: Int, job: String? = nil) async throws -> [Occurrence] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Occurrence.columns) FROM trueup.occurrence WHERE $2::text IS NULL OR job = $2
                ORDER BY scheduled_at DESC, job LIMIT $1
                """, limit, job
            ).map { try Occurrence($0) }
        }
    }

    /// The latest occurrences that did not run, or were given up, newest nominal time first.
    public func notRun(limit: Int, job: String? = nil) async throws -> [Occurrence] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Occurrence.columns) FROM trueup.occurrence
                WHERE state IN ('missed', 'skipped', 'failed') AND reason <> 'paused'
                    AND ($2::text IS NULL OR job = $2)
                ORDER BY scheduled_at DESC, job LIMIT $1
                """, limit, job
            ).map { try Occurrence($0) }
        }
    }

    /// The last occurrence of each job that has ended, by job.
    public func lastEnded(of jobs: [String]) async throws -> [String: Occurrence] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT DISTINCT ON (job) \(Occurrence.columns) FROM trueup.occurrence
                WHERE job = ANY($1) AND ended_at IS NOT NULL ORDER BY job, occurrence.scheduled_at DESC
                """, jobs)
        }
        let found = try rows.map { try Occurrence($0) }
        return Dictionary(uniqueKeysWithValues: found.map { ($0.job, $0) })
    }

    /// The last occurrence of each job whose attempts failed and that is to be tried again, by job.
    public func retrying(of jobs: [String]) async throws -> [String: Occurrence] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT DISTINCT ON (job) \(Occurrence.columns) FROM trueup.occurrence
                WHERE job = ANY($1) AND state = 'due' AND failures > 0 ORDER BY job, occurrence.scheduled_at DESC
                """, jobs)
        }
        let found = try rows.map { try Occurrence($0) }
        return Dictionary(uniqueKeysWithValues: found.map { ($0.job, $0) })
    }

    /// One occurrence, or `nil`.
    public func occurrence(of job: String, atSeconds: Int64) async throws -> Occurrence? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Occurrence.columns) FROM trueup.occurrence
                WHERE job = $1 AND scheduled_at = to_timestamp($2)
                """, job, atSeconds
            ).first.map { try Occurrence($0) }
        }
    }
}
