import Jobs
import Reconciliation
import Schedule
import Store

// How a job is. What comes first outranks what follows it.
extension JobStanding {
    /// How it is, with what to do about it.
    public var health: JobHealth {
        if let state = known.states[job.name], let by = state.pausedBy, let at = state.pausedAt {
            let time = ISOTime.text(at.seconds, in: job.zone)
            let resume = "trueup jobs resume \(job.name)"
            return JobHealth(.paused, "paused by \(by)", "paused by \(by) since \(time): \(command: resume)")
        }
        if !known.held.isDisjoint(with: [job.name, JobLock.reportPrefix + job.name]) {
            return JobHealth(.running, "running", "it runs now")
        }
        if let health = retrying ?? late ?? failing { return health }
        if occurrence?.state == .missed, isLast(occurrence) {
            return JobHealth(.missed, "missed its last time", "MISSED its last time")
        }
        if settled.end == nil, occurrence?.state != .done { return neverRan }
        return waiting ?? ok
    }

    private var neverRan: JobHealth {
        let isSeen = known.states[job.name] != nil || (job.expression == nil && job.after.isEmpty)
        let unseen: Advice = """
            never ran; no scheduler has seen it yet: \(command: "trueup schedule"), or cron (trueup cron print)
            """
        return JobHealth(.neverRan, "never ran", isSeen ? "never ran" : unseen)
    }

    private var ok: JobHealth {
        JobHealth(.ok, "ok", report?.since == nil ? "ok" : "ok: the report is there; \(Self.notAgain)")
    }

    private static let notAgain = "to make it once more did not succeed since"

    // MARK: Its time

    /// By how much it is behind its schedule, in seconds; 0 where it is not, or is paused.
    public var behindSeconds: Int64 { overdue.map { known.nowSeconds - $0.dueSeconds } ?? 0 }

    /// Its time has come and nobody started it: by the scheduler's own book where one has seen the job, else by its
    /// last run, which cron may have started.
    private var overdue: (dueSeconds: Int64, isKnown: Bool)? {
        guard let expression = job.expression else { return nil }
        let now = known.nowSeconds
        if let state = known.states[job.name] {
            guard !state.isPaused, let due = expression.next(after: state.lastNominalSeconds, in: job.zone),
                now - due > Self.lateSeconds
            else { return nil }
            return (due, true)
        }
        guard let start = settled.start, let due = expression.previous(before: now, in: job.zone),
            now - due > Self.lateSeconds + job.jitterSeconds, start < due
        else { return nil }
        return (due, false)
    }

    private var late: JobHealth? {
        guard let overdue else { return nil }
        let due = "LATE: it was due at \(ISOTime.text(overdue.dueSeconds, in: job.zone)), and"
        let advice: Advice =
            overdue.isKnown
            ? "\(due) no scheduler runs: \(command: "trueup schedule")"
            : "\(due) nothing started it (no scheduler knows it)"
        return JobHealth(.late, "late by \(Age.words(behindSeconds))", advice)
    }

    // MARK: What did not end well

    private var retrying: JobHealth? {
        guard let occurrence = known.retrying[job.name] else { return nil }
        let why = occurrence.detail.map { ": " + $0 } ?? ""
        return JobHealth(
            .failing, "an attempt failed",
            """
            FAILING: \(occurrence.failures) of \(occurrence.attemptsMax) attempts at \
            \(ISOTime.text(occurrence.scheduledSeconds, in: job.zone)) failed (\(occurrence.reason ?? "error")); the \
            next one at \(ISOTime.text(occurrence.notBeforeSeconds, in: job.zone))\(why)
            """)
    }

    private var history: Advice { "see \(command: "trueup runs --job \(job.name)")" }

    private var failing: JobHealth? {
        if let occurrence, occurrence.state == .failed, isLast(occurrence) {
            let word = occurrence.reason == "incomplete" ? "incomplete" : "failed"
            return JobHealth(.failing, word, "FAILING: \(occurrence.detail.map { Advice($0) } ?? history)")
        }
        if let report, let last = report.last, last.isOwn { return failing(last, report) }
        guard let run else { return nil }
        let state = run.stateNow([])
        if state == .interrupted {
            let end = stopped(isKilled: run.endedAt == nil, run.startedAt.seconds, run.endedAt?.seconds)
            return JobHealth(
                .failing, "stopped before its end", "FAILING: run \(run.id) \(end); \(again(run.trigger))")
        }
        guard state == .incomplete || state == .failed else { return nil }
        let why = run.problems.first.map { ": " + $0 } ?? ""
        return JobHealth(.failing, state.rawValue, "FAILING: run \(run.id) is \(state.rawValue)\(why)")
    }

    private func failing(_ report: ReportAttempt, _ standing: ReportStanding) -> JobHealth? {
        let cutOff = report.cutOffSeconds.map { " up to \(ISOTime.text($0, in: job.zone))" } ?? ""
        let name = report.reportID.map { "report \($0)" } ?? "the report\(cutOff)"
        switch report.stateNow([]) {
        case .failed:
            let why = report.problem.map { Advice($0) } ?? history
            return JobHealth(.failing, "failed", "FAILING: \(name) was not made: \(why)")
        case .interrupted:
            let end = stopped(isKilled: report.isKilled, report.startedAt.seconds, report.endedAt?.seconds)
            let last = standing.previous.map { "; the last one: " + $0.words(zone: job.zone) } ?? ""
            return JobHealth(
                .failing, "stopped before its end",
                "FAILING: \(name) was not made: it \(end); \(again(report.trigger))\(last)")
        default: break
        }
        let ways = known.unreached[job.name] ?? []
        let unreached = ways.isEmpty ? nil : "has not reached everybody (\(ways.joined(separator: ", ")))"
        let incomplete = report.state == .incomplete ? "is incomplete" : nil
        let troubles = [incomplete, unreached].compactMap(\.self)
        guard !troubles.isEmpty else { return nil }
        return JobHealth(
            .failing, incomplete == nil ? "did not reach everybody" : "incomplete",
            "FAILING: \(name) \(troubles.joined(separator: " and "))\(show(report))")
    }

    private func show(_ report: ReportAttempt) -> Advice {
        report.reportID.map { id -> Advice in ": \(command: "trueup report show \(id)")" } ?? ""
    }

    private func stopped(isKilled: Bool, _ startedSeconds: Int64, _ endedSeconds: Int64?) -> String {
        if !isKilled, let endedSeconds {
            return "was stopped before its end at \(ISOTime.text(endedSeconds, in: job.zone))"
        }
        return "was killed before its end, having started at \(ISOTime.text(startedSeconds, in: job.zone))"
    }

    private func again(_ trigger: String) -> Advice {
        let run = "trueup run \(job.name)"
        return trigger == "schedule"
            ? "a scheduler runs it again, or: \(command: run)" : "run it again: \(command: run)"
    }

    // MARK: What waits for somebody

    private var waiting: JobHealth? {
        if let report { return report.last.flatMap { waiting($0, isAgain: report.since != nil) } }
        let open = open.open
        let left = left
        guard open > 0 else {
            return left.map { JobHealth(.waiting, "waits for a person", "WAITING: \($0)") }
        }
        let word = "\(Money.counted(open, "difference")) \(open == 1 ? "is" : "are") open"
        let list = "trueup findings list --job \(job.name)"
        let what: Advice = "WAITING: \(word)"
        let advice: Advice =
            if let left { "\(what) (\(command: list)); \(left)" } else { "\(what): \(command: list)" }
        return JobHealth(.waiting, word, advice)
    }

    /// What its last run left to a person besides, unless a plan was applied since.
    private var left: String? {
        guard let run, known.applied[job.name] ?? 0 < run.id else { return nil }
        return run.problems.first
    }

    /// A report of which the command ends with 2.
    private func waiting(_ report: ReportAttempt, isAgain: Bool) -> JobHealth? {
        guard report.isOwn, report.state == .explained || report.state == .unexplained else { return nil }
        let name = report.reportID.map { "report \($0)" } ?? "the report"
        let items = report.openItems.map { ", with \(Money.counted($0, "open item"))" } ?? ""
        let since = isAgain ? "; the report is there; \(Self.notAgain)" : ""
        return JobHealth(
            .waiting, report.state.rawValue,
            "WAITING: \(name) is \(report.state.rawValue)\(items)\(show(report))\(since)")
    }
}
