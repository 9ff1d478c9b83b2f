import Jobs
import Runner
import Schedule
import Store

/// A job as `trueup jobs --json` tells it.
struct JobDocument: Encodable, Sendable {
    struct Run: Encodable, Sendable {
        var run: Int64
        var trigger: String
        var state: String
        var started: String
        @OrNull var ended: String?

        init(_ run: Store.Run) {
            self.run = run.id
            trigger = run.trigger
            state = run.stateNow([]).rawValue
            started = JSONDocument.time(run.startedAt.seconds)
            ended = run.endedAt.map { JSONDocument.time($0.seconds) }
        }
    }

    struct Due: Encodable, Sendable {
        var due: String
        /// `done`, `missed`, `skipped`, `failed`.
        var state: String
        @OrNull var reason: String?
        @OrNull var run: Int64?

        init(_ occurrence: Occurrence) {
            due = JSONDocument.time(occurrence.scheduledSeconds)
            state = occurrence.state.rawValue
            reason = occurrence.reason
            run = occurrence.runID
        }
    }

    var name: String
    var kind: String
    var description: String
    var accounts: [String]
    /// The cron expression; null: it has none.
    @OrNull var schedule: String?
    var timeZone: String
    var after: [String]
    /// The next three times.
    var next: [String]
    /// The last run of the job's own that has ended, or whose process was killed (`interrupted`): by the schedule, by
    /// cron or by hand. Backfills, plans and what was applied are in `trueup runs`.
    @OrNull var lastRun: Run?
    /// The last time of the schedule that has ended, also one that did not run.
    @OrNull var lastDue: Due?
    /// The last report of the job's own cut-off, or the newer time that was to make one and did not.
    @OrNull var lastReport: ReportAttemptDocument?
    /// Where the last one was not made: the one before, which was.
    @OrNull var previousReport: ReportAttemptDocument?
    /// Where the last one is there: a newer time that was to make it again and did not.
    @OrNull var failedSince: ReportAttemptDocument?
    /// Differences that wait for somebody, and findings that are there for information; null: as `health`.
    @OrNull var open: Int64?
    @OrNull var information: Int64?
    /// ``JobHealth/State``; null: the database was not read.
    @OrNull var health: String?
    /// The same as a sentence.
    @OrNull var healthText: String?

    init(_ job: JobDefinition, _ lines: JobLines) {
        name = job.name
        kind = job.kind.word
        description = job.description
        accounts = job.kind.accounts
        schedule = job.expression?.text
        timeZone = job.timeZone
        after = job.after
        next = (job.expression?.next(3, after: lines.nowSeconds, in: job.zone) ?? []).map(JSONDocument.time)
        let standing = lines.standing
        lastRun = standing?.run.map(Run.init)
        lastDue = standing?.occurrence.map(Due.init)
        let report = standing?.report
        func document(_ report: ReportAttempt?) -> ReportAttemptDocument? {
            report.map { ReportAttemptDocument($0, state: $0.stateNow([])) }
        }
        lastReport = document(report?.last)
        previousReport = document(report?.previous)
        failedSince = document(report?.since)
        open = standing?.open.open
        information = standing?.open.information
        let health = standing.map(lines.health)
        self.health = health?.state.rawValue
        healthText = health?.words
    }
}

/// `trueup jobs --json`.
struct JobsDocument: Encodable, Sendable {
    let format = "trueup.jobs/1"
    /// Whether there is a database that could say more of the jobs than their files.
    var isDatabaseRead: Bool
    var jobs: [JobDocument]
}
