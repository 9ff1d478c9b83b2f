import Jobs
import PostgreSQL
import Reconciliation
import Schedule
import Store

/// `trueup backfill --status`: how the backfills stand, those that wait to be gone on with first, each with the command
/// that does.
struct BackfillStatus {
    let set: JobSet
    let pool: Pool
    let next: NextCommand

    /// One of them.
    struct Standing: Sendable {
        let run: Run
        /// As it is now.
        let state: RunState
        let counts: [FindingKind: KindCount]
        /// Those that it reads.
        let accounts: [String]
        /// What it has read at Stripe so far.
        let objects: Int64
        /// How much of its range is read; `nil`: it has ended without some of it, or has not begun to read.
        let readPercent: Int?
        /// It has ended, and something of it was not read.
        let isInPart: Bool
        /// What goes on with it, or does it again; `nil`: it is under way, or has read everything, or is over.
        let command: String?
    }

    /// Those that ended, beside all that did not.
    private static let endedMax = 10

    /// - Parameter job: only of this one.
    func standings(job: String?) async throws -> [Standing] {
        let runs = Runs(pool: pool)
        let backfills = try await runs.backfills(job: job, endedMax: Self.endedMax)
        let held = try await JobLock.held(of: Array(Set(backfills.map(\.job))), pool: pool)
        var standings: [Standing] = []
        for run in backfills {
            let state = run.stateNow(held)
            let progress = try await pool.withConnection { try await ReadProgress.of(run: run.id, on: $0) }
            let accounts = Set(try await runs.lists(of: run.id).keys.map(\.account)).sorted()
            let isComplete = [.clean, .repaired, .drift].contains(state)
            // What was listed to its end may lack something else, such as what was taken back.
            let isOver = isComplete || state == .running || state == .interrupted
            let isToBeGiven = state == .interrupted || state == .incomplete
            standings.append(
                Standing(
                    run: run, state: state, counts: try await runs.counts(of: run.id), accounts: accounts,
                    objects: isComplete ? run.stripeObjects : progress?.objects ?? 0,
                    readPercent: isOver ? progress.map { Int($0.share * 100) } : nil, isInPart: !isOver,
                    command: isToBeGiven ? command(run, accounts) : nil))
        }
        return standings
    }

    /// The lines for a person; empty where there is no backfill.
    /// - Parameter columns: of a terminal; `nil`: no line is broken.
    func lines(_ standings: [Standing], columns: Int?) -> [String] {
        var table = TextTable(
            headings: ["run", "job", "what", "state", "from", "to", "read", "objects", "found", "repaired", "open"],
            rightAligned: [0, 6, 7, 8, 9, 10])
        var commands: [String] = []
        for one in standings {
            let (run, counts) = (one.run, one.counts.values)
            table.rows.append([
                String(run.id), run.job, run.isPlan ? "plan" : "backfill", one.state.rawValue,
                time(run.period.fromSeconds, run), time(run.period.toSeconds, run),
                one.isInPart ? "in part" : one.readPercent.map { "\($0) %" } ?? "–", Money.grouped(one.objects),
                Money.grouped(counts.map(\.found).reduce(0, +)),
                Money.grouped(counts.map(\.repaired).reduce(0, +)),
                Money.grouped(counts.map(\.open).reduce(0, +)),
            ])
            guard let command = one.command else { continue }
            commands.append(
                one.state == .incomplete
                    ? "To do run \(run.id) again: \(command)" : "To go on with run \(run.id): \(command)")
        }
        return table.lines(columns: columns) + (commands.isEmpty ? [] : [""] + commands)
    }

    /// A day where the moment is one's beginning in the job's zone, else the moment there.
    private func time(_ seconds: Int64, _ run: Run) -> String {
        let zone = set.job(named: run.job)?.zone ?? .utc
        let text = ISOTime.text(seconds, in: zone)
        guard let day = CivilDate(String(text.prefix(10))), zone.startOfDay(day) == seconds else { return text }
        return String(text.prefix(10))
    }

    private func command(_ run: Run, _ accounts: [String]) -> String {
        var words = [
            "trueup backfill \(run.job) --from \(time(run.period.fromSeconds, run)) --to "
                + time(run.period.toSeconds, run)
        ]
        if let all = set.job(named: run.job)?.kind.accounts, accounts.count == 1, all.count > 1,
            let one = accounts.first
        {
            words.append("--account \(one)")
        }
        if run.isPlan { words.append("--plan") }
        return next.onJobs(words.joined(separator: " "))
    }
}

/// `trueup backfill --status --json`: the newest first.
struct BackfillsDocument: Encodable, Sendable {
    struct Backfill: Encodable, Sendable {
        var run: Int64
        var job: String
        var plan: Bool
        /// `interrupted` and `incomplete` have a `command`.
        var state: String
        var accounts: [String]
        /// Null of one that could not begin.
        @OrNull var period: RunHistoryDocument.Period?
        var started: String
        @OrNull var ended: String?
        /// Null: it has ended without some of its range, or has not begun to read.
        @OrNull var readPercent: Int?
        /// What it has read at Stripe so far.
        var objects: Int64
        var counts: [String: RunHistoryDocument.Count]
        /// What goes on with it, or does it again.
        @OrNull var command: String?

        init(_ one: BackfillStatus.Standing) {
            let history = RunHistoryDocument(one.run, one.counts, state: one.state)
            run = history.run
            job = history.job
            plan = history.plan
            state = history.state
            accounts = one.accounts
            period = history.period
            started = history.started
            ended = history.ended
            readPercent = one.readPercent
            objects = one.objects
            counts = history.counts
            command = one.command
        }
    }

    let format = "trueup.backfills/1"
    var backfills: [Backfill]
}
