import ArgumentParser
import Foundation
import PostgreSQL
import Reconciliation
import Runner
import Store

struct RunsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "Shows the history of runs, or one run.")

    @Argument(help: ArgumentHelp("The number of a run.", valueName: "run"))
    var number: Int64?

    @Option(name: .long, help: "Only this job.")
    var job: String?

    @Option(name: .long, help: "How many.")
    var limit = 20

    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes 1 to 10000.") }
    }

    func run() async throws {
        try await Database.with(databaseOptions, settings: nil) { database in
            let pool = Pool(database.target, size: 1, applicationName: "trueup runs")
            let runs = Runs(pool: pool)
            if let number {
                try await show(number, runs)
            } else {
                try await list(runs)
            }
            await pool.close()
        }
    }

    private func list(_ runs: Runs) async throws {
        var table = TextTable(
            headings: [
                "run", "job", "what", "state", "started", "took", "stripe", "local", "requests", "found", "repaired",
                "open",
            ],
            rightAligned: [0, 5, 6, 7, 8, 9, 10, 11])
        for run in try await runs.latest(limit: limit, job: job) {
            let counts = try await runs.counts(of: run.id).values
            table.rows.append([
                String(run.id), run.job, what(run), run.state.rawValue,
                isoTime(run.startedAt.seconds), duration(run), Money.grouped(run.stripeObjects),
                Money.grouped(run.localRows), Money.grouped(run.requests),
                Money.grouped(counts.map(\.found).reduce(0, +)), Money.grouped(counts.map(\.repaired).reduce(0, +)),
                Money.grouped(counts.map(\.open).reduce(0, +)),
            ])
        }
        if table.rows.isEmpty { Terminal.say("No runs yet. Start one with: trueup run JOB") }
        for line in table.lines { Terminal.print(line) }
    }

    private func show(_ id: Int64, _ runs: Runs) async throws {
        guard let run = try await runs.run(id: id) else {
            throw CommandError("There is no run \(id). See: " + NextCommand(databaseOptions).onDatabase("trueup runs"))
        }
        var lines = [
            "run        \(run.id)", "job        \(run.job)", "what       \(what(run))",
            "state      \(run.state.rawValue)",
            "period     \(isoTime(run.period.fromSeconds)) to \(isoTime(run.period.toSeconds))",
            "started    \(isoTime(run.startedAt.seconds)) by \(printable(run.requestedBy)) (\(run.trigger))",
            "took       \(duration(run))\(run.attempt > 1 ? ", in \(run.attempt) attempts" : "")",
            "read       \(Money.grouped(run.stripeObjects)) at Stripe, \(Money.grouped(run.localRows)) local rows, "
                + "\(Money.grouped(run.requests)) requests",
        ]
        lines += run.problems.map { "problem    " + RunSummary.oneLine($0) }
        var table = TextTable(headings: ["finding", "found", "repaired", "open"], rightAligned: [1, 2, 3])
        let counts = try await runs.counts(of: id)
        for kind in FindingKind.allCases {
            guard let count = counts[kind] else { continue }
            table.rows.append(
                [kind.rawValue, Money.grouped(count.found), Money.grouped(count.repaired), Money.grouped(count.open)])
        }
        for line in lines + (table.rows.isEmpty ? [] : [""] + table.lines) { Terminal.print(line) }
    }

    /// `run`, `plan`, `apply`, `revert`, `backfill`, `backfill, plan`.
    private func what(_ run: Run) -> String {
        let word: String? =
            switch RunTrigger(rawValue: run.trigger) {
            case .apply: "apply"
            case .revert: "revert"
            case .backfill: "backfill"
            case .manual, .schedule, .demo, nil: nil
            }
        let words = [word, run.isPlan ? "plan" : nil].compactMap(\.self)
        return words.isEmpty ? "run" : words.joined(separator: ", ")
    }

    private func duration(_ run: Run) -> String {
        guard let ended = run.endedAt else { return run.state == .running ? "…" : "–" }
        let milliseconds = (ended.microseconds - run.startedAt.microseconds) / 1_000
        if milliseconds < 60_000 { return "\(milliseconds / 1_000).\(milliseconds / 100 % 10) s" }
        return "\(milliseconds / 60_000) min \(milliseconds / 1_000 % 60) s"
    }
}
