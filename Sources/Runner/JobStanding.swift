import Jobs
import PostgreSQL
import Reconciliation
import Schedule
import Store

/// How one job stands: what took place last, what is open, and how it is. The status page, `trueup jobs` and its
/// document say what is said here.
///
///     let known = try await KnownJobs.read(names, pool: pool)
///     JobStanding(job, known).health.word        // "89 differences are open"
public struct JobStanding: Sendable {
    let job: JobDefinition
    let known: KnownJobs

    /// A scheduler looks every second; so much later than a job's time, nobody does.
    static let lateSeconds: Int64 = 120

    public init(_ job: JobDefinition, _ known: KnownJobs) {
        self.job = job
        self.known = known
    }

    /// What took place: a run, a report, or a time of the schedule.
    public struct Last: Sendable, Hashable {
        /// `clean`, `drift`, `missed` …, as it stands now.
        public let state: String
        /// When it started, or was due, in Unix seconds.
        public let seconds: Int64
        /// `run 7`, `report 7`; `nil` where it has no number.
        public let name: String?
        /// All of it in words, without the time: `drift, run 8 (by hand or cron)`.
        public let text: String
    }

    /// The differences that wait for somebody, and what is there for information.
    public var open: OpenFindings { known.open[job.name] ?? OpenFindings() }

    /// The last own run that has ended or was killed.
    public var run: Run? { known.runs[job.name] }

    /// The last time of the schedule that has ended, also one that did not run.
    public var occurrence: Occurrence? { known.occurrences[job.name] }

    /// Of a job that makes reports.
    public var report: ReportStanding? { known.reports[job.name] }

    /// What took place last: an occurrence of the schedule, or a run or report that a person or cron started; `nil`
    /// where nothing did. A backfill, a plan, and what applies or takes back a plan are not it.
    public var last: Last? {
        if let report = report?.last { return last(report) }
        guard let run else { return occurrence.map(result) }
        if let occurrence, (occurrence.endedAt?.seconds ?? 0) >= run.settledAt.seconds { return result(occurrence) }
        let how = run.trigger == "schedule" ? since(run) : " (by hand or cron)"
        let state = run.stateNow([]).rawValue
        return Last(
            state: state, seconds: run.startedAt.seconds, name: "run \(run.id)", text: "\(state), run \(run.id)\(how)")
    }

    /// Of a job whose last report is there: a newer time that was to make it again, and did not.
    public var since: Last? { report?.since.map(words) }

    /// That a run of the schedule is an earlier time's than the one that was due last: it did not run.
    private func since(_ run: Run) -> String {
        guard let occurrence, occurrence.runID != run.id, occurrence.state != .done else { return "" }
        let due = ISOTime.text(occurrence.scheduledSeconds, in: job.zone)
        return " (started then; \(due) was \(occurrence.state.rawValue): \(occurrence.reason ?? "unknown"))"
    }

    /// What was made last: the schedule's report and its occurrence are one and the same.
    private func last(_ report: ReportAttempt) -> Last {
        guard let occurrence, (occurrence.endedAt?.seconds ?? 0) >= report.settledAt.seconds else {
            return words(report)
        }
        guard report.trigger == "schedule", let started = occurrence.startedAt, started <= report.startedAt else {
            return result(occurrence)
        }
        let reason = occurrence.state == .done ? "" : " (\(occurrence.reason ?? "unknown"))"
        return Last(
            state: report.stateNow([]).rawValue, seconds: occurrence.scheduledSeconds, name: report.name,
            text: report.words(zone: job.zone) + reason)
    }

    /// A time that made a report, or was to: when it started, what came of it, and how it was started.
    private func words(_ report: ReportAttempt) -> Last {
        let how = report.trigger == "schedule" ? "" : report.isOwn ? " (by hand or cron)" : " (not the job's cut-off)"
        return Last(
            state: report.stateNow([]).rawValue, seconds: report.startedAt.seconds, name: report.name,
            text: report.words(zone: job.zone) + how)
    }

    private func result(_ last: Occurrence) -> Last {
        let word = last.result ?? last.state.rawValue
        let reason = last.state == .done ? "" : " (\(last.reason ?? "unknown"))"
        let name = last.runID.map { "run \($0)" }
        let text = word + reason + (name.map { ", \($0)" } ?? "")
        return Last(state: word, seconds: last.scheduledSeconds, name: name, text: text)
    }

    /// Whether an occurrence ended after the last run or report.
    func isLast(_ occurrence: Occurrence?) -> Bool {
        guard let ended = occurrence?.endedAt else { return false }
        // Within a second as well: a report is kept, then sent, and then its occurrence ends.
        return settled.end.map { ended > $0 } ?? true
    }

    /// When its last run, or its last report of its own cut-off, started and ended, however it was started; one whose
    /// process was killed ended when it started, or later.
    var settled: (start: Int64?, end: Timestamp?) {
        let own = report?.last.flatMap { $0.isOwn ? $0 : nil }
        let starts = [run?.startedAt.seconds, own?.startedAt.seconds, report?.since?.startedAt.seconds]
        return (starts.compactMap(\.self).max(), [run?.settledAt, own?.settledAt].compactMap(\.self).max())
    }
}

extension Run {
    /// When it ended; of one that was killed, when it started.
    fileprivate var settledAt: Timestamp { endedAt ?? startedAt }
}

extension ReportAttempt {
    /// When it ended; of one that was killed, when it started.
    fileprivate var settledAt: Timestamp { endedAt ?? startedAt }

    fileprivate var name: String? { reportID.map { "report \($0)" } }

    /// `explained, report 7, 183 open items, up to 2026-11-27T00:00:00-05:00`; `failed, report 8, up to …`; `killed
    /// before its end, up to …`.
    /// - Parameter zone: of the times.
    func words(zone: Zone) -> String {
        let state =
            switch stateNow([]) {
            case .interrupted: isKilled ? "killed before its end" : "stopped before its end"
            case let state: state.rawValue
            }
        let items = openItems.map { Money.counted($0, "open item") }
        let cutOff = cutOffSeconds.map { "up to \(ISOTime.text($0, in: zone))" }
        return [state, name, items, cutOff].compactMap(\.self).joined(separator: ", ")
    }
}
