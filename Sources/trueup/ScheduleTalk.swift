import Foundation
import Runner
import Store

/// What schedulers and workers tell, a line each.
enum ScheduleTalk {
    /// `nil` for what nobody needs to hear.
    static func line(_ event: ScheduleEvent) -> String? {
        switch event {
        case .reloaded(let jobs): "the job files changed; \(counted(jobs, "job"))"
        case .refused(let text): "the job files are wrong, and the jobs stay as they were:\n\(text)"
        case .slept(let seconds): "nobody looked for \(seconds) s: this machine slept or the process was stopped"
        case .ahead(let job, let seconds):
            "\(job): it was last dealt with \(seconds / 86_400) days in the future, when the database's clock was "
                + "wrong, and waits for that day. To let it run now: trueup jobs pause \(job), then trueup jobs resume "
                + job
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
