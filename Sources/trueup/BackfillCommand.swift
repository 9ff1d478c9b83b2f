import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Reconciliation
import Runner
import Schedule
import Store

struct BackfillCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Runs a job once over a range of dates.",
        discussion: """
            The range is half-open: --to is the first day, or moment, that is left out. Dates are read in the job's \
            time zone; a moment is given as 2026-10-01T12:00:00Z. Only what was created in the range is compared and \
            repaired, and what its rows name, also where a refund, dispute or credit note came after it; what was \
            taken back of other payments is left to the job's runs. A backfill that was stopped goes on where it \
            stopped when the same command is given again; another range of the same job gives it up. --status lists \
            what waits for that, with --json for programs. With --plan nothing is repaired.
            """)

    @Argument(help: ArgumentHelp("The job, by file name without .yaml.", valueName: "job"))
    var name: String?

    @Option(name: .long, help: ArgumentHelp("The first day or moment.", valueName: "date"))
    var from: String?

    @Option(name: .long, help: ArgumentHelp("The first day or moment that is left out.", valueName: "date"))
    var to: String?

    @Flag(name: .long, help: "List the backfills with their progress, and how to go on with those that stopped.")
    var status = false

    @Option(name: .long, help: "Only this account of the job.")
    var account: String?

    @Flag(name: .long, help: "Show what would be done, and do nothing.")
    var plan = false

    @Option(name: .long, help: ArgumentHelp("The directory of the plan files.", valueName: "dir"))
    var plans = PlanFolder.usual

    @Flag(name: .long, help: "Print one JSON document to stdout.")
    var json = false

    @OptionGroup var log: LogOptions
    @OptionGroup var metrics: MetricsOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        if status {
            guard from == nil, to == nil, account == nil, !plan else {
                throw ValidationError("--status takes a job, and --json; no range, no account, no plan.")
            }
        } else if name == nil || from == nil || to == nil {
            throw ValidationError("Name a job, and give --from and --to; or --status.")
        }
    }

    func run() async throws {
        log.start()
        if status { return try await list(try files.loadWhatIsRight().set) }
        let set = try files.load(for: [name ?? ""])
        let (name, from, to) = (name ?? "", from ?? "", to ?? "")
        Talk.isAbout("run failed", ["trueup.job": "\(name)"])
        guard var definition = set.job(named: name) else { throw CommandError(files.noJob(name, in: set), code: 64) }
        guard case .reconcile(let job) = definition.kind else {
            throw CommandError(
                "Job \(name) is of kind \(definition.kind.word), which looks at what is there now, not at a range: "
                    + next.onJobs("trueup run \(name)"), code: 64)
        }
        if let account { definition = try definition.only(account) }
        let narrowed = definition
        let range = Window(
            fromSeconds: try Self.seconds(from, "--from", definition),
            toSeconds: max(
                try Self.seconds(from, "--from", definition), try Self.seconds(to, "--to", definition)))
        guard !range.isEmpty else { throw CommandError("--from \(from) is not before --to \(to).", code: 64) }
        let settled = Int64(Date().timeIntervalSince1970) - job.settleSeconds
        guard range.fromSeconds < settled else { throw CommandError("\(RunError.emptyRange(name))", code: 64) }
        if range.toSeconds > settled {
            Terminal.say(
                "--to \(to) lies ahead: the range ends the job's settle delay before the run began, as its first line "
                    + "says. What is created later is left to later runs.", .warning)
        }
        let folder = PlanFolder(path: plans)
        try folder.check()
        let isLive = Accounts.hasLiveKey(definition.kind.accounts, settings: set.settings)
        let file = metrics.file()
        let (result, isStopped) = try await Signals.cancelling {
            let result = try await file.written {
                try await Database.with(databaseOptions, settings: set.settings, hasLiveKey: isLive) { database in
                    try await file.written(of: database.target) {
                        try await RunningJob(
                            definition: narrowed, set: set, database: database,
                            senders: OutboxSenders(set.settings), isPlan: plan, range: range,
                            same: same, resume: same.text, meter: file.meter
                        ).run(.backfill)
                    }
                }
            }
            return (result, Task.isCancelled)
        }
        let path = try folder.write(result.plan, same: same)
        RunOutput(result, definition: definition, planPath: path, same: same).show(json: json)
        // Stopped while it was told: the run has ended.
        if isStopped { throw CancellationError() }
        if result.exitCode != 0 { throw ExitCode(result.exitCode) }
    }

    private func list(_ set: JobSet) async throws {
        if let name, set.job(named: name) == nil { throw CommandError(files.noJob(name, in: set), code: 64) }
        let (name, json) = (name, json)
        try await Database.with(databaseOptions, settings: set.settings) { database in
            try await Pool.with(database.target, size: 2, applicationName: "trueup backfill") { pool in
                let status = BackfillStatus(set: set, pool: pool, next: next)
                let standings = try await status.standings(job: name)
                if json {
                    return try JSONDocument.print(BackfillsDocument(backfills: standings.map { .init($0) }))
                }
                if standings.isEmpty { Terminal.say("There are no backfills.") }
                let lines = status.lines(standings, columns: WrappedLine.terminalColumns)
                for line in lines { Terminal.print(line) }
            }
        }
    }

    /// The command that goes on.
    private var same: SameCommand {
        let range = "--from \(NextCommand.word(from ?? "")) --to \(NextCommand.word(to ?? ""))"
        let only = account.map { " --account " + NextCommand.word($0) } ?? ""
        return SameCommand("trueup backfill \(name ?? "") \(range)\(only)", isPlan: plan, plans: plans, next: next)
    }

    /// A day's beginning in the job's zone, or a moment.
    private static func seconds(_ text: String, _ option: String, _ definition: JobDefinition) throws -> Int64 {
        if let date = CivilDate(text) { return definition.zone.startOfDay(date) }
        if let moment = ISOTime.seconds(text) { return moment }
        throw CommandError(
            "\(option) \(text) is neither a date like 2026-10-01 nor a moment like 2026-10-01T12:00:00Z.", code: 64)
    }
}
