import Foundation
import Logging
import Runner
import Schedule
import Store

/// What schedulers and workers tell, a line each.
enum ScheduleTalk {
    /// `nil` for what nobody needs to hear.
    /// - Parameter next: what leads to the same files and database.
    static func line(_ event: ScheduleEvent, _ next: NextCommand) -> String? {
        switch event {
        case .reloaded(let jobs): "the job files changed; \(counted(jobs, "job"))"
        case .refused(let text):
            "the job files are wrong; what is wrong stays as it was known, the other files count. Where one is gone, "
                + "what does not reconcile is left out:\n\(text)"
        case .slept(let seconds): "nobody looked for \(seconds) s: this machine slept or the process was stopped"
        case .ahead(let job, let seconds):
            "\(job): it was last dealt with \(seconds / 86_400) days in the future, when the database's clock was "
                + "wrong, and waits for that day. To let it run now: "
                + next.onJobs("trueup jobs pause \(job)") + ", then " + next.onJobs("trueup jobs resume \(job)")
        case .databaseLost(let text): "the database is away; trying again every second. \(text)"
        case .databaseBack: "the database is back"
        case .noticed(let one): noticed(one)
        case .began(let lease):
            "\(lease.job): starts the occurrence of \(isoTime(lease.occurrence.scheduledSeconds))"
                + (lease.attempt > 1 ? ", attempt \(lease.attempt)" : "")
        case .ended(let one, let seconds): ended(one, seconds)
        case .lost(let lease): "\(LeaseLost(job: lease.job, attempt: lease.attempt))"
        case .released(let lease, "busy"): "\(lease.job): it runs in another process; looking again later"
        case .released(let lease, _): "\(lease.job): given back; the next attempt goes on from there"
        }
    }

    /// The same as a record of a log: a constant message, and what it is about.
    static func record(
        _ event: ScheduleEvent
    ) -> (message: Logger.Message, level: Logger.Level, metadata: Logger.Metadata) {
        switch event {
        case .reloaded(let jobs): ("job files changed", .info, ["trueup.jobs": "\(jobs)"])
        case .refused: ("job files refused", .error, [:])
        case .slept(let seconds): ("scheduler slept", .warning, ["trueup.seconds": "\(seconds)"])
        case .ahead(let job, let seconds):
            ("job ahead of the clock", .warning, ["trueup.job": "\(job)", "trueup.seconds": "\(seconds)"])
        case .databaseLost: ("database lost", .error, [:])
        case .databaseBack: ("database back", .info, [:])
        case .noticed(let one):
            ("occurrence \(one.state.rawValue)", one.state == .skipped ? .info : .warning, metadata(one))
        case .began(let lease): ("attempt began", .info, metadata(lease))
        case .ended(let one, let seconds):
            (
                "attempt ended", one.state == .done ? .info : one.state == .due ? .warning : .error,
                metadata(one).merging(["trueup.seconds": "\(seconds)"]) { $1 }
            )
        case .lost(let lease): ("lease lost", .error, metadata(lease))
        case .released(let lease, let reason):
            ("attempt given back", .info, metadata(lease).merging(["trueup.reason": "\(reason)"]) { $1 })
        }
    }

    private static func metadata(_ lease: Lease) -> Logger.Metadata {
        metadata(lease.occurrence).merging(["trueup.worker": "\(lease.owner)"]) { $1 }
    }

    private static func metadata(_ one: Occurrence) -> Logger.Metadata {
        var data: Logger.Metadata = [
            "trueup.job": "\(one.job)", "trueup.occurrence": "\(ISOTime.text(one.scheduledSeconds, in: .utc))",
            "trueup.attempt": "\(one.attempt)", "trueup.occurrence.state": "\(one.state.rawValue)",
        ]
        if let run = one.runID { data["trueup.run.id"] = "\(run)" }
        if let reason = one.reason { data["trueup.reason"] = "\(reason)" }
        if let result = one.result { data["trueup.run.state"] = "\(result)" }
        return data
    }

    private static func noticed(_ one: Occurrence) -> String? {
        let what = "\(one.job): the occurrence of \(isoTime(one.scheduledSeconds))"
        return switch one.state {
        case .missed: "\(what) did not run: \(one.reason ?? "unknown")"
        case .skipped: "\(what) is skipped: \(one.reason ?? "unknown")"
        case .due where one.reason == "lease_lost": "\(what) is due again: \(one.detail ?? "its worker died")"
        case .failed: "\(what) failed: \(one.detail ?? one.reason ?? "unknown")"
        case .due, .waiting, .running, .done: nil
        }
    }

    private static func ended(_ one: Occurrence, _ seconds: Double) -> String {
        let took = String(format: "after %.1f s", seconds)
        let run = one.runID.map { ", run \($0)" } ?? ""
        switch one.state {
        case .done: return "\(one.job): \(one.result ?? "done") \(took)\(run)"
        case .due:
            return "\(one.job): \(one.reason ?? "error") \(took)\(run), attempt \(one.attempt); again at "
                + "\(isoTime(one.notBeforeSeconds)). \(one.detail ?? "")"
        default:
            return "\(one.job): \(one.reason ?? "failed") \(took)\(run), after \(counted(one.failures, "attempt")): "
                + "given up. \(one.detail ?? "")"
        }
    }
}

extension AttemptEnd {
    /// A run's state as the end of an attempt: what could not be read is tried again.
    init(_ result: RunResult) {
        let detail = result.outcome.problems.first.map { RunSummary.oneLine($0) }
        switch result.outcome.state {
        case .clean, .repaired, .drift:
            self.init(.done(result.outcome.state.rawValue), runID: result.run.id, detail: detail)
        case .incomplete: self.init(.failed("incomplete"), runID: result.run.id, detail: detail)
        case .running, .interrupted, .failed: self.init(.failed("error"), runID: result.run.id, detail: detail)
        }
    }
}
