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

    /// Those that ended, beside all that did not.
    private static let endedMax = 10

    /// The lines for a person; empty where there is no backfill.
    /// - Parameter job: only of this one.
    func lines(job: String?) async throws -> [String] {
        let runs = try await Runs(pool: pool).backfills(job: job, endedMax: Self.endedMax)
        let held = try await JobLock.held(of: Array(Set(runs.map(\.job))), pool: pool)
        var table = TextTable(
            headings: ["run", "job", "what", "state", "from", "to", "read", "objects", "found", "repaired", "open"],
            rightAligned: [0, 6, 7, 8, 9, 10])
        var commands: [String] = []
        for run in runs {
            let state = run.stateNow(held)
            let progress = try await pool.withConnection { try await ReadProgress.of(run: run.id, on: $0) }
            let counts = try await Runs(pool: pool).counts(of: run.id).values
            let isComplete = [.clean, .repaired, .drift].contains(state)
            let objects = isComplete ? run.stripeObjects : progress?.objects ?? 0
            let isOver = isComplete || state == .running || state == .interrupted
            table.rows.append([
                String(run.id), run.job, run.isPlan ? "plan" : "backfill", state.rawValue,
                time(run.period.fromSeconds, run), time(run.period.toSeconds, run),
                // What was listed to its end may lack something else, such as what was taken back.
                isOver ? progress.map { "\(Int($0.share * 100)) %" } ?? "–" : "in part", Money.grouped(objects),
                Money.grouped(counts.map(\.found).reduce(0, +)),
                Money.grouped(counts.map(\.repaired).reduce(0, +)),
                Money.grouped(counts.map(\.open).reduce(0, +)),
            ])
            if state == .interrupted { commands.append("To go on with run \(run.id): \(try await command(run))") }
            if state == .incomplete { commands.append("To do run \(run.id) again: \(try await command(run))") }
        }
        return table.lines + (commands.isEmpty ? [] : [""] + commands)
    }

    /// A day where the moment is one's beginning in the job's zone, else the moment there.
    private func time(_ seconds: Int64, _ run: Run) -> String {
        let zone = set.job(named: run.job)?.zone ?? .utc
        let text = ISOTime.text(seconds, in: zone)
        guard let day = CivilDate(String(text.prefix(10))), zone.startOfDay(day) == seconds else { return text }
        return String(text.prefix(10))
    }

    private func command(_ run: Run) async throws -> String {
        var words = [
            "trueup backfill \(run.job) --from \(time(run.period.fromSeconds, run)) --to "
                + time(run.period.toSeconds, run)
        ]
        let accounts = Set(try await Runs(pool: pool).lists(of: run.id).keys.map(\.account))
        if let all = set.job(named: run.job)?.kind.accounts, accounts.count == 1, all.count > 1,
            let one = accounts.first
        {
            words.append("--account \(one)")
        }
        if run.isPlan { words.append("--plan") }
        return next.onJobs(words.joined(separator: " "))
    }
}
