import PostgreSQL

/// Figures about all runs and findings, for monitoring. They come from the tables, so that they survive every process
/// and are the same whichever process is asked.
public struct Figures: Sendable {
    /// One figure with what it is about.
    public struct Count: Sendable, Hashable {
        /// Names and values, in order.
        public var labels: [Label]
        public var value: Double
    }

    public struct Label: Sendable, Hashable {
        public var name: String
        public var value: String
    }

    /// By job, trigger, state, and whether it was a plan. A run whose process was killed counts as interrupted. A
    /// report is a run of its job: `clean`, `explained`, `unexplained`, `incomplete`, `failed`.
    public var runs: [Count] = []
    /// By job: seconds of all ended runs, their number, requests, objects.
    public var runSeconds: [Count] = []
    public var runsEnded: [Count] = []
    public var requests: [Count] = []
    public var objects: [Count] = []
    /// How the last run of each job ended; plans, backfills, and what is under way, are left out.
    public var lastRuns: [LastRun] = []
    /// By job: when a run last was complete, in Unix seconds.
    public var lastComplete: [Count] = []
    /// Not closed, by job, kind and state (``FindingState``): what only informs is not among the open ones.
    public var findings: [Count] = []
    /// Open differences, of all jobs, by kind and account; and the age of the oldest of each, in seconds.
    public var open: [Count] = []
    public var oldest: [Count] = []
    /// By job, kind and effect.
    public var repairs: [Count] = []
    /// By job and state.
    public var occurrences: [Count] = []
    /// By job: how long the oldest occurrence that is due has waited, in seconds; 0 where none does.
    public var lag: [Count] = []
    /// By job: how long after its time the last occurrence started, in seconds.
    public var lateness: [Count] = []
    /// By channel and state.
    public var outbox: [Count] = []
    /// Processes that were heard of in the last minute, by kind.
    public var workers: [Count] = []

    /// Reads them, in one snapshot.
    public static func read(pool: Pool) async throws -> Figures {
        try await pool.transaction(.repeatableRead, access: .readOnly) { connection in
            try await connection.execute("SET LOCAL statement_timeout = '10s'")
            var figures = Figures()
            figures.runs = try await counts(runsSQL, ["job", "trigger", "state", "plan"], on: connection)
            let ended = try await connection.query(endedSQL)
            figures.runSeconds = try ended.map { try count($0, ["job"], "seconds") }
            figures.runsEnded = try ended.map { try count($0, ["job"], "ended") }
            figures.requests = try ended.map { try count($0, ["job"], "requests") }
            figures.objects = try ended.map { try count($0, ["job"], "objects") }
            figures.lastRuns = try await LastRun.read(on: connection)
            figures.lastComplete = try await counts(completeSQL, ["job"], on: connection)
            figures.findings = try await counts(findingsSQL, ["job", "kind", "state"], on: connection)
            let open = try await OpenKind.read(on: connection)
            figures.open = open.map { Count(labels: labels($0), value: Double($0.count)) }
            figures.oldest = open.map { Count(labels: labels($0), value: Double($0.oldestSeconds)) }
            figures.repairs = try await counts(repairsSQL, ["job", "kind", "effect"], on: connection)
            figures.occurrences = try await counts(occurrencesSQL, ["job", "state"], on: connection)
            figures.lag = try await counts(lagSQL, ["job"], on: connection)
            figures.lateness = try await counts(latenessSQL, ["job"], on: connection)
            figures.outbox = try await counts(outboxSQL, ["channel", "state"], on: connection)
            figures.workers = try await counts(workersSQL, ["kind"], on: connection)
            return figures
        }
    }

    private static func labels(_ open: OpenKind) -> [Label] {
        [Label(name: "kind", value: open.kind), Label(name: "account", value: open.account)]
    }

    private static func counts(_ sql: String, _ labels: [String], on connection: Connection) async throws -> [Count] {
        try await connection.query(sql).map { try count($0, labels, "value") }
    }

    private static func count(_ row: Row, _ labels: [String], _ column: String) throws -> Count {
        Count(labels: try labels.map { Label(name: $0, value: try row[$0]) }, value: try row[column])
    }

    private static let runsSQL = """
        SELECT job, trigger, is_plan::text AS plan, count(*)::double precision AS value,
            CASE WHEN state = 'running' AND NOT \(JobLock.isHeld("run.job")) THEN 'interrupted' ELSE state END AS state
        FROM trueup.run GROUP BY 1, 2, 3, 5
        UNION ALL
        SELECT job, trigger, 'false', count(*)::double precision,
            CASE WHEN state = 'running' AND NOT \(JobLock.isReportHeld("report_attempt.job"))
                THEN 'interrupted' ELSE state END
        FROM trueup.report_attempt GROUP BY 1, 2, 5
        ORDER BY 1, 2, 3, 5
        """

    private static let endedSQL = """
        SELECT job, count(ended_at)::double precision AS ended,
            coalesce(sum(extract(epoch FROM ended_at - started_at)), 0)::double precision AS seconds,
            sum(requests)::double precision AS requests, sum(stripe_objects)::double precision AS objects
        FROM (SELECT job, started_at, ended_at, requests, stripe_objects FROM trueup.run
            -- How long reports of earlier versions took, nobody knows.
            UNION ALL SELECT job, started_at, ended_at, 0, 0 FROM trueup.report_attempt
                WHERE ended_at IS DISTINCT FROM started_at) runs
        GROUP BY job ORDER BY job
        """

    private static let completeSQL = """
        SELECT job, extract(epoch FROM max(ended_at))::double precision AS value
        FROM (SELECT job, ended_at FROM trueup.run
            WHERE \(Run.isOwnSQL) AND state IN ('clean', 'repaired', 'drift')
            UNION ALL SELECT job, ended_at FROM trueup.report_attempt
            WHERE is_own AND trigger IN ('manual', 'schedule') AND state IN ('clean', 'explained', 'unexplained')) runs
        GROUP BY job ORDER BY job
        """

    private static let findingsSQL = """
        SELECT job, kind, \(FindingState.sql) AS state, count(*)::double precision AS value
        FROM trueup.finding WHERE state <> 'closed' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """

    private static let repairsSQL = """
        SELECT r.job, p.kind, p.effect, count(*)::double precision AS value
        FROM trueup.repair p JOIN trueup.run r ON r.id = p.run_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """

    private static let occurrencesSQL = """
        SELECT job, state, count(*)::double precision AS value FROM trueup.occurrence GROUP BY 1, 2 ORDER BY 1, 2
        """

    private static let lagSQL = """
        SELECT s.job, coalesce(extract(epoch FROM now() - min(o.not_before)), 0)::double precision AS value
        FROM trueup.job_state s
        LEFT JOIN trueup.occurrence o ON o.job = s.job AND o.state = 'due' AND o.not_before <= now()
        GROUP BY s.job ORDER BY s.job
        """

    private static let latenessSQL = """
        SELECT DISTINCT ON (job) job, extract(epoch FROM started_at - scheduled_at)::double precision AS value
        FROM trueup.occurrence WHERE started_at IS NOT NULL ORDER BY job, scheduled_at DESC
        """

    private static let outboxSQL = """
        SELECT channel, \(OutboxMessage.stateNow) AS state, count(*)::double precision AS value
        FROM trueup.outbox GROUP BY 1, 2 ORDER BY 1, 2
        """

    private static let workersSQL = """
        SELECT kind, count(*)::double precision AS value FROM trueup.worker
        WHERE heartbeat_at > now() - interval '1 minute' GROUP BY 1 ORDER BY 1
        """
}
