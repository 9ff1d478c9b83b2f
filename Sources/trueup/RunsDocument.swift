import Store

/// `trueup runs --json`: the newest first.
struct RunsDocument: Encodable, Sendable {
    let format = "trueup.runs/1"
    var runs: [RunHistoryDocument]
    var reports: [ReportAttemptDocument]
}

/// A report that was made, or was to be made.
struct ReportAttemptDocument: Encodable, Sendable {
    /// Its number; null: it failed before it had one.
    @OrNull var report: Int64?
    var job: String
    var trigger: String
    var state: String
    /// The figures were those of a report that was there.
    var isRepeated: Bool
    /// As of the job's own cut-off; else of a time that somebody asked for.
    var own: Bool
    /// Null: it failed before it was known.
    @OrNull var cutOff: String?
    @OrNull var openItems: Int64?
    @OrNull var problem: String?
    var started: String
    @OrNull var ended: String?

    /// - Parameter state: as it is now.
    init(_ attempt: ReportAttempt, state: ReportAttemptState) {
        report = attempt.reportID
        job = attempt.job
        trigger = attempt.trigger
        self.state = state.rawValue
        isRepeated = attempt.isRepeated
        own = attempt.isOwn
        cutOff = attempt.cutOffSeconds.map(JSONDocument.time)
        openItems = attempt.openItems
        problem = attempt.problem
        started = JSONDocument.time(attempt.startedAt.seconds)
        ended = attempt.endedAt.map { JSONDocument.time($0.seconds) }
    }
}

/// `trueup runs --missed --json`.
struct MissedDocument: Encodable, Sendable {
    struct Missed: Encodable, Sendable {
        var job: String
        var due: String
        var state: String
        @OrNull var reason: String?
        @OrNull var noticed: String?

        init(_ occurrence: Occurrence) {
            job = occurrence.job
            due = JSONDocument.time(occurrence.scheduledSeconds)
            state = occurrence.state.rawValue
            reason = occurrence.reason
            noticed = occurrence.endedAt.map { JSONDocument.time($0.seconds) }
        }
    }

    let format = "trueup.missed/1"
    var missed: [Missed]
}
