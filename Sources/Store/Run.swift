import PostgreSQL
import Reconciliation

/// How a run stands, as it is stored.
public enum RunState: String, Sendable, Hashable, CaseIterable {
    /// Under way, or its process was killed: the next run of the job goes on where it stopped.
    case running
    /// Stopped by a person or a signal; the next run of the job goes on where it stopped.
    case interrupted
    case clean, repaired, drift, incomplete, failed
}

/// What started a run.
public enum RunTrigger: String, Sendable, Hashable {
    case manual, schedule, backfill, demo
    /// A plan is applied: nothing is read but what it names.
    case apply
    /// The repairs of an earlier run are undone.
    case revert
}

/// Who and what runs: the part of a run's row that does not depend on the job.
public struct RunOrigin: Sendable, Hashable {
    public var trigger: RunTrigger
    /// `user@host`, for the audit.
    public var requestedBy: String
    public var host: String
    public var processID: Int32
    public var programVersion: String

    public init(trigger: RunTrigger, requestedBy: String, host: String, processID: Int32, programVersion: String) {
        self.trigger = trigger
        self.requestedBy = requestedBy
        self.host = host
        self.processID = processID
        self.programVersion = programVersion
    }
}

/// One attempt to do a job over one period.
public struct Run: Sendable, Hashable {
    public let id: Int64
    public let job: String
    public private(set) var period: Window
    public let isPlan: Bool
    public let definitionHash: String
    public let state: RunState
    /// 1 for a run that was never resumed.
    public let attempt: Int
    public let startedAt: Timestamp
    public let endedAt: Timestamp?
    public let requests: Int64
    /// What the same answers would have cost without retries and with every page full.
    public let requestsLeast: Int64
    public let stripeObjects: Int64
    public let localRows: Int64
    /// Those of them that were made before the run's period and still waited; `nil` in runs of earlier versions.
    public let olderRows: Int64?
    /// Why it is incomplete or failed, a sentence each.
    public let problems: [String]
    public let requestedBy: String
    public let trigger: String

    init(_ row: Row) throws {
        id = try row["id"]
        job = try row["job"]
        period = Window(fromSeconds: try row["period_from_seconds"], toSeconds: try row["period_to_seconds"])
        isPlan = try row["is_plan"]
        definitionHash = try row["definition_hash"]
        state = RunState(rawValue: try row["state"]) ?? .failed
        attempt = Int(try row["attempt"] as Int32)
        startedAt = try row["started_at"]
        endedAt = try row["ended_at"]
        requests = try row["requests"]
        requestsLeast = try row["requests_least"]
        stripeObjects = try row["stripe_objects"]
        localRows = try row["local_rows"]
        olderRows = try row["older_rows"]
        problems = try row["problems"]
        requestedBy = try row["requested_by"]
        trigger = try row["trigger"]
    }
}

extension Run {
    /// A condition of SQL about rows of `trueup.run`: a run of its job's own, by the schedule, by cron or by hand. A
    /// plan, a backfill, and what applies or takes back a plan are in the history, and say nothing of how the job is.
    static let isOwnSQL = "(NOT is_plan AND trigger IN ('manual', 'schedule', 'demo'))"

    /// The state as it is now: a run that is under way holds its job's lock, and one that does not was killed.
    /// - Parameter held: jobs whose lock is held (``JobLock/held(of:pool:)``).
    public func stateNow(_ held: Set<String>) -> RunState {
        state == .running && !held.contains(job) ? .interrupted : state
    }

    /// The same run about no time at all: rows belong to it only where something names them.
    public var withoutLength: Run {
        var run = self
        run.period = Window(fromSeconds: period.toSeconds, toSeconds: period.toSeconds)
        return run
    }
}

/// Counts of one finding kind in one run.
public struct KindCount: Sendable, Hashable {
    public var found: Int64
    public var repaired: Int64
    /// Still open at the run's end: they wait for somebody.
    public var open: Int64
    /// A person decided to keep them as they are.
    public var accepted: Int64
    /// There for information: they wait for nobody.
    public var information: Int64

    public init(
        found: Int64 = 0, repaired: Int64 = 0, open: Int64 = 0, accepted: Int64 = 0, information: Int64 = 0
    ) {
        self.found = found
        self.repaired = repaired
        self.open = open
        self.accepted = accepted
        self.information = information
    }
}

/// What a run came to.
public struct RunOutcome: Sendable, Hashable {
    public var state: RunState
    public var counts: [FindingKind: KindCount]
    public var requests: Int64
    /// What the same answers would have cost without retries and with every page full.
    public var requestsLeast: Int64
    public var stripeObjects: Int64
    public var localRows: Int64
    /// Those of them that were made before the run's period.
    public var olderRows: Int64
    /// What is wrong with the run itself, a sentence each.
    public var advice: [Advice]
    /// The same as it is stored and mailed: commands have no options there.
    public var problems: [String] { advice.map(\.description) }
    /// What was compared, of a run that compared everything.
    public var compared: [ComparedList]

    public init(
        state: RunState, counts: [FindingKind: KindCount] = [:], requests: Int64 = 0, requestsLeast: Int64 = 0,
        stripeObjects: Int64 = 0, localRows: Int64 = 0, olderRows: Int64 = 0, advice: [Advice] = [],
        compared: [ComparedList] = []
    ) {
        self.compared = compared
        self.requestsLeast = requestsLeast
        self.state = state
        self.counts = counts
        self.requests = requests
        self.stripeObjects = stripeObjects
        self.localRows = localRows
        self.olderRows = olderRows
        self.advice = advice
    }
}

/// One list that a run reads over its period.
public struct RunList: Sendable, Hashable, CustomStringConvertible {
    public var account: String
    public var object: ListedObject

    public init(account: String, object: ListedObject) {
        self.account = account
        self.object = object
    }

    /// `task_health, invoices`.
    public var description: String { "\(account), \(object.plural)" }
}

/// What a run that begins finds of runs that did not end.
public struct UnfinishedRuns: Sendable {
    /// The one that is gone on with.
    public var taken: Run?
    /// Those that nobody can go on with any more.
    public var replaced: [Run] = []
}

/// The rows of `trueup.run`.
public struct Runs: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    static let columns = columns(requests: "requests", stripeObjects: "stripe_objects")

    /// The same, where a run that did not come to its end shows what its pages were.
    private static let columnsSoFar = columns(
        requests: soFar("requests", "SELECT sum(pages) FROM trueup.window w WHERE w.run_id = run.id"),
        stripeObjects: soFar(
            "stripe_objects",
            """
            SELECT sum(objects) FROM trueup.window w
            WHERE w.run_id = run.id AND w.object IN ('invoice', 'payment_intent')
            """))

    private static func columns(requests: String, stripeObjects: String) -> String {
        """
        id, job, trigger, is_plan, state, attempt, period_from_seconds, period_to_seconds, definition_hash,
        requested_by, started_at, ended_at, \(requests), requests_least, \(stripeObjects), local_rows, older_rows,
        problems
        """
    }

    private static func soFar(_ column: String, _ read: String) -> String {
        """
        CASE WHEN state IN ('clean', 'repaired', 'drift') THEN \(column)
            ELSE greatest(\(column), (\(read))::bigint) END AS \(column)
        """
    }

    /// The run that a crash or a signal left unfinished, if the job has not changed since and it is about the same
    /// period; other unfinished runs, older ones and those of another definition are closed as failed. From then on
    /// nothing is written for an earlier attempt at it.
    /// - Parameters:
    ///   - period: what the run has to be about; `nil`: whatever it is about.
    ///   - settleSeconds: given where the period's end lies ahead: a run about it ends so long before its own start.
    ///   - lease: of the occurrence that the run belongs to: who has lost it takes no run from anybody.
    /// - Throws: ``LeaseLost``.
    public func takeUnfinished(
        job: String, definitionHash: String, isPlan: Bool, period: Window? = nil, settleSeconds: Int64? = nil,
        origin: RunOrigin, lease: Lease? = nil
    ) async throws -> UnfinishedRuns {
        let taking = {
            try await takeUnfinishedOnce(job, definitionHash, isPlan, period, settleSeconds, origin, lease)
        }
        for _ in 0..<Self.takingsMax {
            do {
                return try await taking()
            } catch let error as PostgresError where error.isLockTimeout {
                // Somebody who was frozen in the middle of a transaction holds the run.
                try await endFrozen(job)
            }
        }
        return try await taking()
    }

    private static let takingsMax = 3

    private func endFrozen(_ job: String) async throws {
        try await pool.withConnection { connection in
            let rows = try await connection.query(
                "SELECT id FROM trueup.run WHERE job = $1 AND state IN ('running', 'interrupted')", job)
            for row in rows {
                try await Windows.endFrozen(run: try row["id"], isTakenOver: true, on: connection)
            }
        }
    }

    private func takeUnfinishedOnce(
        _ job: String, _ definitionHash: String, _ isPlan: Bool, _ period: Window?, _ settleSeconds: Int64?,
        _ origin: RunOrigin, _ lease: Lease?
    ) async throws -> UnfinishedRuns {
        try await pool.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: RunFence.idleMillisecondsMax)
            if let lease { try await Occurrences.hold(lease, on: connection) }
            let waited = Int((Windows.frozenSeconds + 1) * 1_000)
            try await connection.run(script: "SET LOCAL lock_timeout = \(waited)")
            let replaced = try await connection.query(
                """
                UPDATE trueup.run SET state = 'failed', ended_at = now(),
                    problems = problems || 'It was stopped before its end, and a later run replaced it.'::text
                WHERE job = $1 AND state IN ('running', 'interrupted') AND (definition_hash <> $2
                    OR started_at < now() - interval '7 days' OR (is_plan = $3 AND trigger = $4
                        AND (started_at < now() - interval '1 day'
                            OR period_from_seconds <> coalesce($5, period_from_seconds)
                            OR NOT (period_to_seconds = coalesce($6, period_to_seconds)
                                -- The end lay ahead of it, too: so near to its own start are other ends hardly ever.
                                OR coalesce(period_to_seconds < $6 AND abs(extract(epoch FROM started_at)
                                    - $7::bigint - period_to_seconds) < 60, false))
                            OR id <> (SELECT max(id) FROM trueup.run r
                                WHERE r.job = $1 AND r.is_plan = $3 AND r.trigger = $4))))
                RETURNING \(Self.columns)
                """, job, definitionHash, isPlan, origin.trigger.rawValue, period?.fromSeconds, period?.toSeconds,
                settleSeconds
            ).map(Run.init)
            let rows = try await connection.query(
                """
                UPDATE trueup.run SET state = 'running', attempt = attempt + 1, host = $2, process_id = $3,
                    ended_at = NULL, owner = NULL, owner_until = NULL
                WHERE job = $1 AND state IN ('running', 'interrupted') AND is_plan = $4 AND trigger = $5
                RETURNING \(Self.columns)
                """, job, origin.host, origin.processID, isPlan, origin.trigger.rawValue)
            guard let run = try rows.first.map(Run.init) else { return UnfinishedRuns(replaced: replaced) }
            // Whoever reads its windows for an earlier attempt commits no page any more.
            try await connection.execute(
                """
                UPDATE trueup.window SET attempt = attempt + 1, lease_owner = NULL, lease_until = NULL
                WHERE run_id = $1 AND NOT is_done
                """, run.id)
            // A process that was killed did not say what it had sent: at least the pages that it wrote.
            let pages = try await Windows.pageCounts(of: run.id, on: connection)
            let counted = try await connection.query(
                """
                UPDATE trueup.run SET requests = greatest(requests, $2), requests_least = greatest(requests_least, $3)
                WHERE id = $1 RETURNING \(Self.columns)
                """, run.id, pages.read, pages.least)
            return UnfinishedRuns(taken: try Run(counted[0]), replaced: replaced)
        }
    }

    /// Begins a run, with its first windows and its staging tables, in one transaction.
    /// - Parameters:
    ///   - period: what the run is about.
    ///   - lists: what is listed, and over which period; each begins as one window.
    ///   - lease: of the occurrence that the run belongs to.
    /// - Throws: ``LeaseLost``.
    public func begin(
        job: String, definitionHash: String, isPlan: Bool, period: Window, lists: [RunList: Window], origin: RunOrigin,
        lease: Lease? = nil
    ) async throws -> Run {
        try await pool.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: RunFence.idleMillisecondsMax)
            if let lease { try await Occurrences.hold(lease, on: connection) }
            let rows = try await connection.query(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING \(Self.columns)
                """, job, origin.trigger.rawValue, isPlan, period.fromSeconds, period.toSeconds, definitionHash,
                origin.programVersion, origin.requestedBy, origin.host, origin.processID)
            let run = try Run(rows[0])
            for (list, period) in lists {
                let columns = "(run_id, account, object, from_seconds, to_seconds) VALUES ($1, $2, $3, $4, $5)"
                for table in period.isEmpty ? ["run_list"] : ["run_list", "window"] {
                    try await connection.execute(
                        "INSERT INTO trueup.\(table) \(columns)", run.id, list.account, list.object.rawValue,
                        period.fromSeconds, period.toSeconds)
                }
            }
            let staging = ListedObject.allCases.map { StagingTable($0, runID: run.id).createSQL }
            try await connection.run(script: staging.joined() + StagedReversals(runID: run.id).createSQL)
            return run
        }
    }

    /// Writes down a run that could not begin: it is about no time, so that nobody takes it for one that was to read
    /// up to now (``lastReaching(_:job:on:)``).
    /// - Parameter failure: a sentence without secrets.
    public func record(failure: String, job: String, definitionHash: String, origin: RunOrigin) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.execute(
                """
                INSERT INTO trueup.run (job, trigger, is_plan, state, period_from_seconds, period_to_seconds,
                    definition_hash, program_version, requested_by, host, process_id, ended_at, problems)
                VALUES ($1, $2, false, 'failed', 0, 0, $3, $4, $5, $6, $7, now(), ARRAY[$8])
                """, job, origin.trigger.rawValue, definitionHash, origin.programVersion,
                origin.requestedBy, origin.host, origin.processID, failure)
        }
    }

    /// Writes the end of a run and drops its staging table. A run that has ended cannot end once more. Where it read
    /// everything, the occurrence that it belongs to ends with it, so that nobody runs it once more.
    /// - Parameter also: what belongs to the end and into its transaction, such as messages about it; not called for an
    ///   interrupted run, which goes on.
    /// - Returns: the outcome with the requests of all attempts at the run, and of those who helped with it.
    /// - Throws: ``RunLost``, ``LeaseLost``.
    @discardableResult
    public func end(
        _ fence: RunFence, _ outcome: RunOutcome, also: (@Sendable (Connection) async throws -> Void)? = nil
    ) async throws -> RunOutcome {
        try await pool.transaction(fence) { connection in
            let rows = try await connection.query(
                """
                UPDATE trueup.run SET state = $2, ended_at = now(), requests = requests + $3, stripe_objects = $4,
                    local_rows = $5, problems = $6, requests_least = requests_least + $7, owner = NULL,
                    owner_until = NULL, older_rows = $9
                WHERE id = $1 AND attempt = $8 AND state = 'running' RETURNING \(Self.columns)
                """, fence.runID, outcome.state.rawValue, outcome.requests, outcome.stripeObjects, outcome.localRows,
                outcome.problems, outcome.requestsLeast, Int32(fence.attempt), outcome.olderRows)
            guard let run = try rows.first.map(Run.init) else { throw fence.lost }
            var whole = outcome
            (whole.requests, whole.requestsLeast) = (run.requests, run.requestsLeast)
            if outcome.state == .interrupted { return whole }
            try await connection.execute("DELETE FROM trueup.run_count WHERE run_id = $1", run.id)
            for (kind, count) in outcome.counts {
                try await connection.execute(
                    """
                    INSERT INTO trueup.run_count (run_id, kind, found, repaired, open, accepted)
                    VALUES ($1, $2, $3, $4, $5, $6)
                    """, run.id, kind.rawValue, count.found, count.repaired, count.open, count.accepted)
            }
            try await connection.run(script: Connection.hashJoinsSQL)
            var totals: [StagedTotals] = []
            for object in [ListedObject.invoice, .paymentIntent] {
                let staged = StagingTable(object, runID: run.id)
                if let read = try await StagedTotals.read(staged, on: connection) { totals.append(read) }
            }
            if !run.isPlan, [.clean, .repaired, .drift].contains(outcome.state) {
                try await StripePayments.record(run, outcome.compared, totals, on: connection)
            }
            for total in totals {
                let compared = outcome.compared.filter { $0.object == total.staged.object }
                try await RunControl.record(total, compared, on: connection)
            }
            try await connection.run(script: Connection.anyJoinSQL)
            let staging = ListedObject.allCases.map { StagingTable($0, runID: run.id).dropSQL }
            try await connection.run(script: staging.joined() + StagedReversals(runID: run.id).dropSQL)
            try await also?(connection)
            if let lease = fence.lease, [.clean, .repaired, .drift].contains(outcome.state) {
                try await Occurrences.end(lease, with: run.id, outcome, on: connection)
            }
            return whole
        }
    }

    /// Drops the staging tables of runs that ended or are gone.
    public func dropLeftovers() async throws {
        try await pool.withConnection { connection in
            let rows = try await connection.query(
                """
                SELECT c.relname::text AS name FROM pg_class c
                WHERE c.relnamespace = 'trueup'::regnamespace AND c.relname ~ '^staged_[a-z_]+_[0-9]+$'
                  AND NOT EXISTS (SELECT FROM trueup.run r WHERE r.state IN ('running', 'interrupted')
                    AND c.relname ~ ('^staged_[a-z_]+_' || r.id || '$'))
                """)
            for row in rows {
                let name: String = try row["name"]
                try await connection.run(script: "DROP TABLE IF EXISTS trueup.\(quoteIdentifier(name))")
            }
        }
    }

    /// The latest runs, newest first.
    public func latest(limit: Int, job: String? = nil) async throws -> [Run] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT \(Self.columnsSoFar) FROM trueup.run WHERE $2::text IS NULL OR job = $2
                ORDER BY id DESC LIMIT $1
                """, limit, job
            ).map(Run.init)
        }
    }

    /// The last own run of each job that has ended, or whose process was killed: its state is `running` as it was
    /// (``LastRun`` is the same run). Plans, backfills and what was applied are left out.
    public func lastEnded(of jobs: [String]) async throws -> [String: Run] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT DISTINCT ON (job) \(Self.columns) FROM trueup.run r
                WHERE job = ANY($1) AND \(Run.isOwnSQL)
                    AND (state <> 'running' OR NOT \(JobLock.isHeld("r.job")))
                ORDER BY job, id DESC
                """, jobs)
        }
        let found = try rows.map { try Run($0) }
        return Dictionary(uniqueKeysWithValues: found.map { ($0.job, $0) })
    }

    /// The last run of each job that applied a plan.
    public func lastApplied(of jobs: [String]) async throws -> [String: Int64] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT job, max(id) AS id FROM trueup.run WHERE job = ANY($1) AND trigger = 'apply' GROUP BY job
                """, jobs)
        }
        return Dictionary(uniqueKeysWithValues: try rows.map { (try $0["job"], try $0["id"]) })
    }

    /// One run, or `nil`.
    public func run(id: Int64) async throws -> Run? {
        try await pool.withConnection { try await Self.run(id: id, on: $0) }
    }

    /// One run in a transaction of the caller's, or `nil`.
    public static func run(id: Int64, on connection: Connection) async throws -> Run? {
        try await connection.query("SELECT \(columnsSoFar) FROM trueup.run WHERE id = $1", id).first.map(Run.init)
    }

    /// What a run lists, and over which period.
    public func lists(of runID: Int64) async throws -> [RunList: Window] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                "SELECT account, object, from_seconds, to_seconds FROM trueup.run_list WHERE run_id = $1", runID)
        }
        var lists: [RunList: Window] = [:]
        for row in rows {
            guard let object = ListedObject(rawValue: try row["object"]) else { continue }
            lists[RunList(account: try row["account"], object: object)] = Window(
                fromSeconds: try row["from_seconds"], toSeconds: try row["to_seconds"])
        }
        return lists
    }

    /// Up to which second the job's complete runs have read; `nil` before the first. Plans do not count: they leave
    /// nothing behind. Nor do backfills, whose period is their own.
    public func readUpTo(job: String) async throws -> Int64? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT max(period_to_seconds) AS seconds FROM trueup.run
                WHERE job = $1 AND NOT is_plan AND trigger <> 'backfill' AND state IN ('clean', 'repaired', 'drift')
                    AND EXISTS (SELECT FROM trueup.run_list l WHERE l.run_id = run.id)
                """, job)[0]["seconds"]
        }
    }

    /// The same of one list: a job may be about other accounts, or other objects, than it once was.
    public func readUpTo(job: String, _ list: RunList) async throws -> Int64? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT max(l.to_seconds) AS seconds FROM trueup.run r JOIN trueup.run_list l ON l.run_id = r.id
                WHERE r.job = $1 AND NOT r.is_plan AND r.trigger <> 'backfill'
                    AND r.state IN ('clean', 'repaired', 'drift') AND l.account = $2 AND l.object = $3
                """, job, list.account, list.object.rawValue)[0]["seconds"]
        }
    }

    /// The last run of a job that was to read Stripe up to an instant or further, however it ended; plans are left out.
    /// - Parameter seconds: Unix seconds.
    public static func lastReaching(_ seconds: Int64, job: String, on connection: Connection) async throws -> Int64? {
        try await connection.query(
            """
            SELECT id FROM trueup.run WHERE job = $1 AND NOT is_plan AND period_to_seconds >= $2
                AND trigger NOT IN ('backfill', 'apply', 'revert')
            ORDER BY id DESC LIMIT 1
            """, job, seconds
        ).first.map { try $0["id"] }
    }

    /// How far the runs of a job were to read, Unix seconds; `nil` where it has none.
    public static func reached(_ job: String, on connection: Connection) async throws -> Int64? {
        try await connection.query(
            """
            SELECT max(period_to_seconds) AS reached FROM trueup.run
            WHERE job = $1 AND NOT is_plan AND trigger NOT IN ('backfill', 'apply', 'revert')
            """, job)[0]["reached"]
    }

    /// The counts of a run, by kind; of one that did not come to its end what it found and repaired until then.
    public func counts(of runID: Int64) async throws -> [FindingKind: KindCount] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT kind, found, repaired, open, accepted FROM trueup.run_count WHERE run_id = $1
                UNION ALL
                SELECT kind, max(found), max(repaired), max(open), max(accepted) FROM (
                    SELECT kind, count(*) AS found, count(*) AS repaired, 0 AS open, 0 AS accepted
                    FROM trueup.repair WHERE run_id = $1 GROUP BY kind
                    UNION ALL
                    SELECT kind, count(*), count(*) FILTER (WHERE closed_how = 'repaired'),
                        count(*) FILTER (WHERE \(FindingState.isOpenSQL)),
                        count(*) FILTER (WHERE state = 'accepted')
                    FROM trueup.finding WHERE last_run_id = $1 GROUP BY kind) so_far
                WHERE NOT EXISTS (SELECT FROM trueup.run_count WHERE run_id = $1) GROUP BY kind
                """, runID)
        }
        var counts: [FindingKind: KindCount] = [:]
        for row in rows {
            guard let kind = FindingKind(rawValue: try row["kind"]) else { continue }
            var count = KindCount(
                found: try row["found"], repaired: try row["repaired"], open: try row["open"],
                accepted: try row["accepted"])
            // Of a kind that may be there for information: whatever was neither repaired nor left to somebody.
            if kind.allowedActions.contains(.inform) {
                count.information = max(0, count.found - count.repaired - count.open - count.accepted)
            }
            counts[kind] = count
        }
        return counts
    }
}
