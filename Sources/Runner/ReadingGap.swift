import Jobs
import Reconciliation
import Schedule
import Store

/// A time of `created` that no complete run of a job has listed, between what its runs have: the job was not run for
/// longer than a run makes up for by itself (``ReadingPeriod``).
public struct ReadingGap: Sendable, Hashable {
    /// Unix seconds, half-open.
    public let period: Window
    /// The accounts whose objects nobody has listed.
    public let accounts: [String]
    /// The backfill that reads it, without the options that lead to files and database.
    public let command: String
    /// What is said of it; the command stands at its end.
    public let sentence: Advice

    /// Days are those of the job's time zone, and as many as hold the period.
    init(_ definition: JobDefinition, _ period: Window, accounts: [String]) {
        self.period = period
        self.accounts = accounts
        let first = definition.zone.date(at: period.fromSeconds)
        let last = definition.zone.date(at: period.toSeconds - 1)
        let only = accounts.count == 1 && definition.kind.accounts.count > 1 ? " --account \(accounts[0])" : ""
        command = "trueup backfill \(definition.name) --from \(first) --to \(last.adding(days: 1))\(only)"
        let days = first == last ? "on \(first)" : "from \(first) to \(last)"
        sentence = """
            What was created on \(accounts.joined(separator: ", ")) \(days) was read by no run of \(definition.name), \
            and lies further back than a run reads by itself. Until it was read, no run is called clean: \
            \(command: command)
            """
    }
}

// What runs of a job have left out, and no run that comes reads by itself.
extension JobRun {
    /// So many are said in full.
    private static let gapsMax = 3

    /// What no run of the job has listed of the objects that this one compares. A backfill is about its period and
    /// nothing else; what expires is listed from where the last complete run ended, however long ago that was.
    func readingGaps(_ run: Run, _ subjects: Subjects) async throws -> [ReadingGap] {
        guard range == nil, case .reconcile = definition.kind else { return [] }
        let lists = subjects.list.map { RunList(account: $0.account, object: $0.object) }
        var accounts: [Window: Set<String>] = [:]
        for (list, periods) in try await Runs(pool: pool).unlisted(run, lists) {
            for period in periods { accounts[period, default: []].insert(list.account) }
        }
        let ordered = accounts.sorted {
            ($0.key.fromSeconds, $0.key.toSeconds) < ($1.key.fromSeconds, $1.key.toSeconds)
        }
        return ordered.map { ReadingGap(definition, $0.key, accounts: $0.value.sorted()) }
    }

    /// The gaps as problems of the run: they keep it from being called clean.
    static func problems(_ gaps: [ReadingGap]) -> [Advice] {
        let more = gaps.count - gapsMax
        let rest: [Advice] =
            more > 0
            ? ["\(Money.counted(Int64(more), "later time was", "later times were")) read by no run of the job either."]
            : []
        return gaps.prefix(gapsMax).map(\.sentence) + rest
    }

    /// The events that no run has read and that Stripe lists no more, a sentence each. Nobody can read them any more,
    /// so that they are a note: what they told of is found by the objects themselves, where these are read.
    func unreadEvents(_ run: Run) async throws -> [String] {
        guard range == nil else { return [] }
        let runs = Runs(pool: pool)
        var notes: [String] = []
        for (list, period) in try await runs.lists(of: run.id) where list.object == .event {
            guard let readUpTo = try await runs.readUpTo(job: definition.name, list), readUpTo < period.fromSeconds
            else { continue }
            let zone = definition.zone
            let (first, last) = (zone.date(at: readUpTo), zone.date(at: period.fromSeconds - 1))
            notes.append(
                "\(list.account): no run of \(definition.name) has read the events of \(first) to \(last), and Stripe "
                    + "lists only those of the last 30 days. \(eventsAdvice(run))")
        }
        return notes.sorted()
    }

    private func eventsAdvice(_ run: Run) -> String {
        guard case .reconcile = definition.kind else {
            return "What they told of is found by the jobs of kind reconcile."
        }
        let before = definition.zone.date(at: run.period.fromSeconds)
        return "What they told of an object that was made before \(before), and whose row is closed, is found by a "
            + "backfill of the days on which it was made."
    }
}
