import Jobs
import PostgreSQL
import Store

// What is told of a report that a person or cron asked for; of the schedule's, its occurrence tells.
extension Alerts {
    /// Puts the messages about how a report ended into the outbox. Of one report each end is told once: made again with
    /// the same end it is no news, and where it reaches everybody at last it is.
    /// - Parameters:
    ///   - end: how it ended, with a sentence.
    ///   - id: the report's number; the messages leave with those of the report.
    /// - Returns: how many messages are new.
    public func tell(_ end: AttemptEnd, report id: Int64, pool: Pool) async throws -> Int {
        guard wants(end.event) else { return 0 }
        let word: String
        let what: String
        switch end.outcome {
        case .done(let state):
            word = state
            what = end.event == .success ? ": clean (report \(id))" : ": differences remain (report \(id))"
        case .failed(let reason):
            word = reason
            what = " failed (\(reason), report \(id))"
        }
        let text = Text(
            subject: job + what,
            lines: ["\(job) was made: \(end.detail ?? "report \(id)").", "", "See: trueup report show \(id)"])
        let key = "report-\(id)/\(word)"
        return try await pool.transaction { connection in
            try await enqueue(text, key: key, report: id, on: connection)
        }
    }
}

extension AttemptEnd {
    /// What the end of a report is to those who asked to hear of it.
    public var event: NotifyEvent {
        switch outcome {
        case .done("clean"): .success
        case .done: .drift
        case .failed: .failure
        }
    }
}
