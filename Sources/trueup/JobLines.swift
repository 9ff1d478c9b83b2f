import Jobs
import Reconciliation
import Runner
import Schedule
import Store

/// One job for a person.
struct JobLines {
    let job: JobDefinition
    /// How it stands; `nil` where no database was read.
    let standing: JobStanding?
    let nowSeconds: Int64
    let next: NextCommand

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
        guard let standing else { return lines }
        lines.append("  last      " + (standing.last.map(words) ?? "never ran"))
        if let since = standing.since { lines.append("  since     " + words(since)) }
        if let open = words(standing.open) { lines.append("  open      " + open) }
        lines.append("  health    " + health(standing).words)
        return lines
    }

    private var schedule: String {
        if let expression = job.expression { return expression.describe(timeZone: job.timeZone) }
        return job.after.isEmpty ? "by hand" : "after " + job.after.joined(separator: ", ")
    }

    private func words(_ last: JobStanding.Last) -> String {
        "\(ISOTime.text(last.seconds, in: job.zone)) \(last.text)"
    }

    /// `89 differences, and 6 for information`; `nil` where there is neither.
    private func words(_ open: OpenFindings) -> String? {
        guard open.open > 0 || open.information > 0 else { return nil }
        return Money.counted(open.open, "difference") + InformationWords.behind(open.information)
    }

    /// How it is, and the sentence for it, in one line.
    func health(_ standing: JobStanding) -> (state: JobHealth.State, words: String) {
        let health = standing.health
        return (health.state, RunSummary.oneLine(health.advice.text(next.told)))
    }
}

/// What is there for information, behind what waits for somebody.
enum InformationWords {
    /// `, and 6 for information`; empty where nothing is.
    static func behind(_ count: Int64) -> String {
        count == 0 ? "" : ", and \(Money.grouped(count)) for information"
    }
}
