import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Schedule
import Store

struct RunsCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "Shows the history of runs, or one run.")

    @Argument(help: ArgumentHelp("The number of a run.", valueName: "run"))
    var number: Int64?

    @Option(name: .long, help: "Only this job.")
    var job: String?

    @Option(name: .long, help: "How many.")
    var limit = 20

    @Flag(name: .long, help: "Occurrences that did not run, and why.")
    var missed = false

    @OptionGroup var json: JSONOption
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes 1 to 10000.") }
        if missed, number != nil { throw ValidationError("--missed lists occurrences: leave out the run's number.") }
    }

    func run() async throws {
        let set = try files.loadIfThere()
        try await Database.with(databaseOptions, settings: set?.settings) { database in
            try await Pool.with(database.target, applicationName: "trueup runs") { pool in
                try await NameFilter(set: set, pool: pool).check(job: job)
                try await show(pool, set)
            }
        }
    }

    private func show(_ pool: Pool, _ set: JobSet?) async throws {
        let runs = Runs(pool: pool)
        if let number {
            try await show(number, runs, pool)
        } else if missed {
            try await listMissed(Occurrences(pool: pool), set)
        } else {
            try await list(runs, pool)
        }
    }

    private func listMissed(_ occurrences: Occurrences, _ set: JobSet?) async throws {
        var table = TextTable(headings: ["job", "due", "state", "why", "noticed"])
        let notRun = try await occurrences.notRun(limit: limit, job: job)
        if json.json { return try JSONDocument.print(MissedDocument(missed: notRun.map { .init($0) })) }
        for one in notRun {
            let zone = set?.job(named: one.job)?.zone ?? .utc
            table.rows.append([
                one.job, ISOTime.text(one.scheduledSeconds, in: zone), one.state.rawValue, one.reason ?? "–",
                one.endedAt.map { isoTime($0.seconds) } ?? "–",
            ])
        }
        if table.rows.isEmpty { Terminal.say("Nothing was missed.") }
        for line in table.lines(columns: WrappedLine.terminalColumns) { Terminal.print(line) }
    }

    private func list(_ runs: Runs, _ pool: Pool) async throws {
        // Reports are among the runs, by the time at which they started.
        var rows: [(at: Timestamp, cells: [String])] = []
        var table = TextTable(
            headings: [
                "run", "job", "what", "state", "started", "took", "stripe", "local", "requests", "found", "repaired",
                "accepted", "open", "note",
            ],
            rightAligned: [0, 5, 6, 7, 8, 9, 10, 11, 12])
        let found = try await runs.latest(limit: limit, job: job)
        let reports = try await ReportAttempts(pool: pool).latest(limit: limit, job: job)
        let locks = Set(found.map(\.job) + reports.map { JobLock.reportPrefix + $0.job })
        let held = try await JobLock.held(of: Array(locks), pool: pool)
        if json.json {
            var documents: [RunHistoryDocument] = []
            for run in found {
                documents.append(
                    RunHistoryDocument(run, try await runs.counts(of: run.id), state: run.stateNow(held)))
            }
            return try JSONDocument.print(
                RunsDocument(runs: documents, reports: reports.map { .init($0, state: $0.stateNow(held)) }))
        }
        for run in found {
            let counts = try await runs.counts(of: run.id).values
            let state = run.stateNow(held)
            let cells = [
                String(run.id), run.job, what(run), state.rawValue,
                isoTime(run.startedAt.seconds), duration(run, state), Money.grouped(run.stripeObjects),
                Money.grouped(run.localRows), Money.grouped(run.requests),
                Money.grouped(counts.map(\.found).reduce(0, +)),
                Money.grouped(counts.map(\.repaired).reduce(0, +)),
                Money.grouped(counts.map(\.accepted).reduce(0, +)),
                Money.grouped(counts.map(\.open).reduce(0, +)), note(run, state),
            ]
            rows.append((run.startedAt, cells))
        }
        rows += reports.map { ($0.startedAt, cells($0, held)) }
        table.rows = rows.sorted { $0.at > $1.at }.prefix(limit).map(\.cells)
        if table.rows.isEmpty { Terminal.say("No runs yet. Start one with: " + next.onJobs("trueup run JOB")) }
        for line in table.lines(columns: WrappedLine.terminalColumns) { Terminal.print(line) }
    }

    private func cells(_ report: ReportAttempt, _ held: Set<String>) -> [String] {
        let state = report.stateNow(held)
        let took = report.milliseconds.map(Self.duration) ?? (state == .running ? "…" : "–")
        let cutOff = report.cutOffSeconds.map { "up to " + isoTime($0) + (report.isOwn ? "" : ", as asked") }
        let why = report.isKilled && state == .interrupted ? "its process was killed" : report.problem
        return [
            report.reportID.map { "report \($0)" } ?? "–", report.job,
            report.isRepeated ? "report, as before" : "report", state.rawValue,
            isoTime(report.startedAt.seconds), took, "–", "–", "–", "–", "–", "–",
            report.openItems.map(Money.grouped) ?? "–",
            [cutOff, why.map(RunSummary.oneLine)].compactMap(\.self).joined(separator: ": "),
        ]
    }

    /// Why a run did not come to its end, or what is left to do after it.
    private func note(_ run: Run, _ state: RunState) -> String {
        if state == .interrupted, run.endedAt == nil { return "its process was killed" }
        return run.problems.first.map { RunSummary.oneLine($0) } ?? ""
    }

    private func show(_ id: Int64, _ runs: Runs, _ pool: Pool) async throws {
        guard let run = try await runs.run(id: id) else {
            throw CommandError("There is no run \(id). See: " + next.onJobs("trueup runs"))
        }
        let state = run.stateNow(try await JobLock.held(of: [run.job], pool: pool))
        let counts = try await runs.counts(of: id)
        let repairs =
            json.json || run.trigger == RunTrigger.revert.rawValue
            ? try await pool.withConnection { try await Repair.of(runID: id, on: $0) } : []
        if json.json {
            return try JSONDocument.print(
                OneRunDocument(
                    run: RunHistoryDocument(run, counts, state: state), repairs: repairs.map { .init($0) }))
        }
        var lines = [
            "run        \(run.id)", "job        \(run.job)", "what       \(what(run))",
            "state      \(state.rawValue)",
            run.period.toSeconds == 0
                ? "period     none: it could not begin"
                : "period     \(isoTime(run.period.fromSeconds)) to \(isoTime(run.period.toSeconds))",
            "started    \(isoTime(run.startedAt.seconds)) by \(printable(run.requestedBy)) (\(run.trigger))",
            "took       \(duration(run, state))\(run.attempt > 1 ? ", in \(run.attempt) attempts" : "")",
            "read       \(Money.grouped(run.stripeObjects)) at Stripe, \(Money.counted(run.localRows, "local row")), "
                + Money.counted(run.requests, "request"),
        ]
        lines += run.problems.map { "problem    " + RunSummary.oneLine($0) }
        if run.endedAt == nil || state == .interrupted {
            lines.append("repaired   \(Money.grouped(counts.values.map(\.repaired).reduce(0, +))) so far")
        }
        if state == .interrupted, run.state == .running {
            lines.append("note       its process was killed; the same command goes on from there")
        }
        lines += undone(repairs)
        let table = CountTable.of(counts)
        for line in lines + (table.rows.isEmpty ? [] : [""] + table.lines) { Terminal.print(line) }
    }

    /// More lines than a person reads.
    private static let undoneMax = 50

    /// What a revert took back: `undone     ungrant of order 12 (in_…), F-3`.
    private func undone(_ repairs: [Repair]) -> [String] {
        var lines = repairs.prefix(Self.undoneMax).map { repair in
            "undone     \(repair.effect) of \(repair.comparison.localNoun) \(printable(repair.localID)) "
                + "(\(printable(repair.stripeID))), F-\(repair.findingID)"
        }
        if repairs.count > Self.undoneMax { lines.append("undone     … and \(repairs.count - Self.undoneMax) more") }
        return lines
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

    private func duration(_ run: Run, _ state: RunState) -> String {
        guard let ended = run.endedAt else { return state == .running ? "…" : "–" }
        let milliseconds = (ended.microseconds - run.startedAt.microseconds) / 1_000
        return Self.duration(milliseconds)
    }

    private static func duration(_ milliseconds: Int64) -> String {
        if milliseconds < 60_000 { return "\(milliseconds / 1_000).\(milliseconds / 100 % 10) s" }
        return "\(milliseconds / 60_000) min \(milliseconds / 1_000 % 60) s"
    }
}
