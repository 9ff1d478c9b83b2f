import Jobs
import PostgreSQL
import Schedule
import Store

/// What the database knows of some jobs.
struct KnownJobs: Sendable {
    var nowSeconds: Int64
    var states: [String: JobState]
    /// The last occurrence of each that has ended.
    var last: [String: Occurrence]
    /// One of each whose attempts failed so far and that is to be tried again.
    var retrying: [String: Occurrence]
    /// The last run of each that has ended or whose process was killed, also one that a person or cron started.
    var lastRuns: [String: Run]
    /// The last run of each that applied a plan.
    var lastApplied: [String: Int64]
    /// How those stand that make reports.
    var reports: [String: ReportStanding]
    /// The ways on which the last report that was made has not arrived.
    var unreached: [String: [String]]
    /// The locks that are held at this moment.
    var running: Set<String>
}

/// One job for a person.
struct JobLines {
    let job: JobDefinition
    let known: KnownJobs?
    let nowSeconds: Int64
    let next: NextCommand

    /// A scheduler looks every second; so much later than a job's time, nobody does.
    private static let lateSeconds: Int64 = 120

    var lines: [String] {
        var lines = [
            "\(job.name)  \(job.kind.inWords)"
                + (job.description.isEmpty ? "" : ": \(job.description)")
        ]
        lines.append("  schedule  " + schedule)
        let next = job.expression?.next(3, after: nowSeconds, in: job.zone) ?? []
        if !next.isEmpty {
            lines.append("  next      " + next.map { ISOTime.text($0, in: job.zone) }.joined(separator: ", "))
        }
        guard let known else { return lines }
        lines.append("  last      " + last(known))
        if let since = known.reports[job.name]?.since { lines.append("  since     " + words(since)) }
        lines.append("  health    " + health(known).words)
        return lines
    }

    private var schedule: String {
        if let expression = job.expression { return expression.describe(timeZone: job.timeZone) }
        return job.after.isEmpty ? "by hand" : "after " + job.after.joined(separator: ", ")
    }

    /// What took place last: an occurrence of the schedule, or a run that a person or cron started.
    private func last(_ known: KnownJobs) -> String {
        let occurrence = known.last[job.name]
        if let report = known.reports[job.name]?.last { return lastReport(report, occurrence) }
        guard let run = known.lastRuns[job.name] else { return occurrence.map(result) ?? "never ran" }
        if let occurrence, (occurrence.endedAt?.seconds ?? 0) >= run.settledAt.seconds {
            return result(occurrence)
        }
        let how = run.trigger == "schedule" ? since(occurrence, run) : " (by hand or cron)"
        let state = run.stateNow([]).rawValue
        return "\(ISOTime.text(run.startedAt.seconds, in: job.zone)) \(state), run \(run.id)\(how)"
    }

    /// That a run of the schedule is an earlier time's than the one that was due last: it did not run.
    private func since(_ occurrence: Occurrence?, _ run: Run) -> String {
        guard let occurrence, occurrence.runID != run.id, occurrence.state != .done else { return "" }
        let due = ISOTime.text(occurrence.scheduledSeconds, in: job.zone)
        return " (started then; \(due) was \(occurrence.state.rawValue): \(occurrence.reason ?? "unknown"))"
    }

    /// What was made last: the schedule's report and its occurrence are one and the same.
    private func lastReport(_ report: ReportAttempt, _ occurrence: Occurrence?) -> String {
        guard let occurrence, (occurrence.endedAt?.seconds ?? 0) >= report.settledAt.seconds else {
            return words(report)
        }
        guard report.trigger == "schedule", let started = occurrence.startedAt, started <= report.startedAt else {
            return result(occurrence)
        }
        let reason = occurrence.state == .done ? "" : " (\(occurrence.reason ?? "unknown"))"
        let words = RunsCommand.words(report, zone: job.zone)
        return "\(ISOTime.text(occurrence.scheduledSeconds, in: job.zone)) \(words)\(reason)"
    }

    /// A time that made a report, or was to: when it started, what came of it, and how it was started.
    private func words(_ report: ReportAttempt) -> String {
        let how = report.trigger == "schedule" ? "" : report.isOwn ? " (by hand or cron)" : " (not the job's cut-off)"
        let words = RunsCommand.words(report, zone: job.zone)
        return "\(ISOTime.text(report.startedAt.seconds, in: job.zone)) \(words)\(how)"
    }

    private func result(_ last: Occurrence) -> String {
        let word = last.result ?? last.state.rawValue
        let reason = last.state == .done ? "" : " (\(last.reason ?? "unknown"))"
        let run = last.runID.map { ", run \($0)" } ?? ""
        return "\(ISOTime.text(last.scheduledSeconds, in: job.zone)) \(word)\(reason)\(run)"
    }

    /// How a job is.
    enum Health: String, Sendable {
        case ok, running, paused, late, failing, missed, waiting
        case neverRan = "never_ran"
    }

    func health(_ known: KnownJobs) -> (state: Health, words: String) {
        if let state = known.states[job.name], let by = state.pausedBy, let at = state.pausedAt {
            let resume = next.onJobs("trueup jobs resume \(job.name)")
            return (.paused, "paused by \(by) since \(isoTime(at.seconds)): \(resume)")
        }
        if !known.running.isDisjoint(with: [job.name, JobLock.reportPrefix + job.name]) {
            return (.running, "it runs now")
        }
        if let trouble = retrying(known) { return (.failing, trouble) }
        if let late = late(known) { return (.late, late) }
        if let failing = failing(known) { return (.failing, failing) }
        let occurrence = known.last[job.name]
        if occurrence?.state == .missed, isLast(occurrence, known) {
            return (.missed, "MISSED its last time")
        }
        let hasRun = last(known).end != nil || occurrence?.state == .done
        if !hasRun { return (.neverRan, known.states[job.name] == nil ? unseen : "never ran") }
        let isFailedSince = known.reports[job.name]?.since != nil
        if isFailedSince { return (.ok, "ok: the report is there; to make it once more did not succeed since") }
        return left(known).map { (.waiting, "WAITING: " + RunSummary.oneLine($0)) } ?? (.ok, "ok")
    }

    /// What its last run left to a person, unless a plan was applied since.
    private func left(_ known: KnownJobs) -> String? {
        guard known.reports[job.name] == nil, let run = known.lastRuns[job.name],
            known.lastApplied[job.name] ?? 0 < run.id
        else { return nil }
        return run.problems.first
    }

    private var unseen: String {
        job.expression == nil && job.after.isEmpty
            ? "never ran"
            : "never ran; no scheduler has seen it yet: \(next.onJobs("trueup schedule")), or cron (trueup cron print)"
    }

    private func isLast(_ occurrence: Occurrence?, _ known: KnownJobs) -> Bool {
        guard let ended = occurrence?.endedAt else { return false }
        // Within a second as well: a report is kept, then sent, and then its occurrence ends.
        return last(known).end.map { ended > $0 } ?? true
    }

    /// When its last run, or its last report of its own cut-off, started and ended, however it was started; one whose
    /// process was killed ended when it started, or later.
    private func last(_ known: KnownJobs) -> (start: Int64?, end: Timestamp?) {
        let standing = known.reports[job.name]
        let (run, report) = (known.lastRuns[job.name], standing?.last.flatMap { $0.isOwn ? $0 : nil })
        let starts = [run?.startedAt.seconds, report?.startedAt.seconds, standing?.since?.startedAt.seconds]
        return (
            starts.compactMap(\.self).max(),
            [run?.settledAt, report?.settledAt].compactMap(\.self).max()
        )
    }

    /// Its time has come and nobody started it: by the scheduler's own book where one has seen the job, else by its
    /// last run, which cron may have started.
    private func late(_ known: KnownJobs) -> String? {
        guard let expression = job.expression else { return nil }
        if let state = known.states[job.name] {
            guard let due = expression.next(after: state.lastNominalSeconds, in: job.zone),
                nowSeconds - due > Self.lateSeconds
            else { return nil }
            return "LATE: it was due at \(ISOTime.text(due, in: job.zone)), and no scheduler runs: "
                + next.onJobs("trueup schedule")
        }
        guard let start = last(known).start, let due = expression.previous(before: nowSeconds, in: job.zone),
            nowSeconds - due > Self.lateSeconds + job.jitterSeconds, start < due
        else { return nil }
        return "LATE: it was due at \(ISOTime.text(due, in: job.zone)), and nothing started it (no scheduler knows it)"
    }

    private func retrying(_ known: KnownJobs) -> String? {
        guard let occurrence = known.retrying[job.name] else { return nil }
        let why = occurrence.detail.map { ": " + RunSummary.oneLine($0) } ?? ""
        return "FAILING: \(occurrence.failures) of \(occurrence.attemptsMax) attempts at "
            + "\(ISOTime.text(occurrence.scheduledSeconds, in: job.zone)) failed (\(occurrence.reason ?? "error")); "
            + "the next one at \(ISOTime.text(occurrence.notBeforeSeconds, in: job.zone))\(why)"
    }

    private var runs: String { next.onJobs("trueup runs --job \(job.name)") }

    private func failing(_ known: KnownJobs) -> String? {
        let occurrence = known.last[job.name]
        if occurrence?.state == .failed, isLast(occurrence, known) {
            return "FAILING: \(occurrence?.detail ?? "see \(runs)")"
        }
        if let standing = known.reports[job.name], let report = standing.last, report.isOwn {
            return failing(report, standing, known)
        }
        guard let run = known.lastRuns[job.name] else { return nil }
        let state = run.stateNow([])
        if state == .interrupted {
            let end = stopped(isKilled: run.endedAt == nil, run.startedAt.seconds, run.endedAt?.seconds)
            return "FAILING: run \(run.id) \(end); \(again(run.trigger))"
        }
        guard state.isFailure else { return nil }
        let why = run.problems.first.map { ": " + RunSummary.oneLine($0) } ?? ""
        return "FAILING: run \(run.id) is \(state.rawValue)\(why)"
    }

    private func failing(_ report: ReportAttempt, _ standing: ReportStanding, _ known: KnownJobs) -> String? {
        let cutOff = report.cutOffSeconds.map { " up to \(ISOTime.text($0, in: job.zone))" } ?? ""
        let name = report.reportID.map { "report \($0)" } ?? "the report\(cutOff)"
        switch report.stateNow([]) {
        case .failed:
            let why = RunSummary.oneLine(report.problem ?? "see \(runs)")
            return "FAILING: \(name) was not made: \(why)"
        case .interrupted:
            let end = stopped(isKilled: report.isKilled, report.startedAt.seconds, report.endedAt?.seconds)
            let last = standing.previous.map { "; the last one: " + RunsCommand.words($0, zone: job.zone) } ?? ""
            return "FAILING: \(name) was not made: it \(end); \(again(report.trigger))\(last)"
        default: break
        }
        let show = report.reportID.map { ": " + next.onJobs("trueup report show \($0)") } ?? ""
        let ways = known.unreached[job.name] ?? []
        let unreached = ways.isEmpty ? nil : "has not reached everybody (\(ways.joined(separator: ", ")))"
        let troubles = [report.state == .incomplete ? "is incomplete" : nil, unreached].compactMap(\.self)
        return troubles.isEmpty ? nil : "FAILING: \(name) \(troubles.joined(separator: " and "))\(show)"
    }

    private func stopped(isKilled: Bool, _ startedSeconds: Int64, _ endedSeconds: Int64?) -> String {
        if !isKilled, let endedSeconds {
            return "was stopped before its end at \(ISOTime.text(endedSeconds, in: job.zone))"
        }
        return "was killed before its end, having started at \(ISOTime.text(startedSeconds, in: job.zone))"
    }

    private func again(_ trigger: String) -> String {
        let command = next.onJobs("trueup run \(job.name)")
        return trigger == "schedule" ? "a scheduler runs it again, or: \(command)" : "run it again: \(command)"
    }
}

extension Run {
    /// When it ended; of one that was killed, when it started.
    fileprivate var settledAt: Timestamp { endedAt ?? startedAt }
}

extension ReportAttempt {
    /// When it ended; of one that was killed, when it started.
    fileprivate var settledAt: Timestamp { endedAt ?? startedAt }
}
