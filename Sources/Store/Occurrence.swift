import PostgreSQL
import Schedule

/// How an occurrence stands.
public enum OccurrenceState: String, Sendable, Hashable, CaseIterable {
    /// Its time has come, and jobs of `after` have not ended.
    case waiting
    /// Anybody may take it, now or after a pause.
    case due
    case running
    /// It ran to its end, with or without differences.
    case done
    /// All attempts ended in an error or incomplete.
    case failed
    /// Not wanted at its time: the job was paused, or an earlier one still ran.
    case skipped
    /// It should have run and did not.
    case missed

    /// Whether nothing more happens to it.
    public var isEnded: Bool { [.done, .failed, .skipped, .missed].contains(self) }
}

/// A nominal time of a job, and what became of it. Every one has a row, also one that did not run.
public struct Occurrence: Sendable, Hashable {
    public let job: String
    /// The nominal time, in Unix seconds.
    public let scheduledSeconds: Int64
    public let state: OccurrenceState
    /// Why it did not run (``NotRunReason``), or why it runs again: `error`, `incomplete`, `timeout`, `lease_lost`,
    /// `stopped`, `busy`.
    public let reason: String?
    /// A sentence for people.
    public let detail: String?
    public let window: OccurrenceWindow
    public let definitionHash: String
    public let notBeforeSeconds: Int64
    public let timeoutSeconds: Int64
    /// Attempts that may fail.
    public let attemptsMax: Int
    /// Whether a job that it waited for did not come to a good end.
    public let isIncomplete: Bool
    /// How often it was taken.
    public let attempt: Int
    /// How many of these attempts failed.
    public let failures: Int
    public let leaseOwner: String?
    public let runID: Int64?
    /// The state of its run: `clean`, `drift` …
    public let result: String?
    public let createdAt: Timestamp
    public let startedAt: Timestamp?
    public let endedAt: Timestamp?

    static let columns = columns(of: "occurrence")

    /// As ``columns``, where the table has another name in the statement.
    static func columns(of table: String) -> String {
        """
        \(table).job, extract(epoch FROM \(table).scheduled_at)::bigint AS scheduled_seconds, \(table).state,
        \(table).reason, \(table).detail, \(table).window_from_seconds, \(table).window_to_seconds,
        \(table).definition_hash, floor(extract(epoch FROM \(table).not_before))::bigint AS not_before_seconds,
        \(table).timeout_seconds, \(table).attempts_max, \(table).is_incomplete, \(table).attempt,
        \(table).failures, \(table).lease_owner, \(table).run_id, \(table).result, \(table).created_at,
        \(table).started_at, \(table).ended_at
        """
    }

    init(_ row: Row) throws {
        job = try row["job"]
        scheduledSeconds = try row["scheduled_seconds"]
        state = OccurrenceState(rawValue: try row["state"]) ?? .failed
        reason = try row["reason"]
        detail = try row["detail"]
        window = OccurrenceWindow(
            fromSeconds: try row["window_from_seconds"], toSeconds: try row["window_to_seconds"])
        definitionHash = try row["definition_hash"]
        notBeforeSeconds = try row["not_before_seconds"]
        timeoutSeconds = try row["timeout_seconds"]
        attemptsMax = Int(try row["attempts_max"] as Int32)
        isIncomplete = try row["is_incomplete"]
        attempt = Int(try row["attempt"] as Int32)
        failures = Int(try row["failures"] as Int32)
        leaseOwner = try row["lease_owner"]
        runID = try row["run_id"]
        result = try row["result"]
        createdAt = try row["created_at"]
        startedAt = try row["started_at"]
        endedAt = try row["ended_at"]
    }
}

/// An occurrence as a scheduler hands it in, with what its job's definition says of running it.
public struct NewOccurrence: Sendable, Hashable {
    /// A job's occurrence that must have ended before this one starts.
    public struct Awaited: Sendable, Hashable {
        public var job: String
        public var scheduledSeconds: Int64

        public init(job: String, scheduledSeconds: Int64) {
            self.job = job
            self.scheduledSeconds = scheduledSeconds
        }
    }

    public var job: String
    public var definitionHash: String
    public var planned: PlannedOccurrence
    public var timeoutSeconds: Int64
    /// Attempts in all, at least 1.
    public var attemptsMax: Int
    /// The pause before the second attempt; it doubles for each further one.
    public var backoffSeconds: Int64
    /// Whether it waits for an earlier one that still runs; otherwise it is skipped. One that catches up always waits.
    public var mayQueue: Bool
    public var after: [Awaited]

    public init(
        job: String, definitionHash: String, planned: PlannedOccurrence, timeoutSeconds: Int64 = 2 * 3600,
        attemptsMax: Int = 3, backoffSeconds: Int64 = 300, mayQueue: Bool = false, after: [Awaited] = []
    ) {
        self.job = job
        self.definitionHash = definitionHash
        self.planned = planned
        self.timeoutSeconds = timeoutSeconds
        self.attemptsMax = max(1, attemptsMax)
        self.backoffSeconds = backoffSeconds
        self.mayQueue = mayQueue
        self.after = after
    }
}

/// A job as the database knows it.
public struct JobState: Sendable, Hashable {
    public let job: String
    /// Nominal times up to here are dealt with, in Unix seconds.
    public let lastNominalSeconds: Int64
    public let firstSeenAt: Timestamp
    public let pausedAt: Timestamp?
    public let pausedBy: String?

    public var isPaused: Bool { pausedAt != nil }

    /// SQL for the states of jobs, with the pause that lasts. Parameters: their names.
    static let selectSQL = """
        SELECT s.job, floor(extract(epoch FROM s.last_nominal))::bigint AS last_nominal_seconds, s.first_seen_at,
            p.paused_at, p.paused_by
        FROM trueup.job_state s LEFT JOIN trueup.pause p ON p.job = s.job AND p.resumed_at IS NULL
        WHERE s.job = ANY($1)
        """

    init(_ row: Row) throws {
        job = try row["job"]
        lastNominalSeconds = try row["last_nominal_seconds"]
        firstSeenAt = try row["first_seen_at"]
        pausedAt = try row["paused_at"]
        pausedBy = try row["paused_by"]
    }
}

/// A job as its file says.
public struct KnownJob: Sendable, Hashable {
    public var job: String
    public var definitionHash: String
    /// Expression and zone; empty for a job without a schedule.
    public var schedule: String

    public init(job: String, definitionHash: String, schedule: String) {
        self.job = job
        self.definitionHash = definitionHash
        self.schedule = schedule
    }
}
