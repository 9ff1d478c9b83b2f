import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Reports
import Runner
import Store

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs jobs now, one after the other.",
        discussion: """
            A run that was killed goes on where it stopped. With --plan nothing is repaired: only GET requests are \
            made, and the application's tables are only read.
            """)

    @Argument(help: ArgumentHelp("The jobs to run, by file name without .yaml.", valueName: "job"))
    var names: [String]

    @Flag(name: .long, help: "Show what would be done, and do nothing.")
    var plan = false

    @Option(name: .long, help: ArgumentHelp("The directory of the plan files.", valueName: "dir"))
    var plans = "plans"

    @Flag(name: .long, help: "Print a JSON document to stdout; of several jobs, one line each.")
    var json = false

    @Flag(
        name: .long,
        help: "For cron: say nothing when nothing was found and nothing done, and leave paused jobs alone.")
    var quiet = false

    @OptionGroup var log: LogOptions
    @OptionGroup var metrics: MetricsOptions
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard !names.isEmpty else { throw ValidationError("Name at least one job.") }
    }

    func run() async throws {
        log.start()
        let set = try files.load(for: names)
        let definitions = try names.map { name in
            guard let job = set.job(named: name) else {
                throw CommandError(files.noJob(name, in: set), code: 64)
            }
            return job
        }
        let accountNames = Array(Set(definitions.flatMap(\.kind.accounts))).sorted()
        let isLive = Accounts.hasLiveKey(accountNames, settings: set.settings)
        let file = metrics.file()
        let results = try await Signals.cancelling {
            try await file.written {
                try await Database.with(databaseOptions, settings: set.settings, hasLiveKey: isLive) { database in
                    try await file.written(of: database.target) {
                        var codes: [Int32] = []
                        for definition in definitions {
                            codes.append(try await runOne(definition, set, database, file.meter))
                        }
                        return codes
                    }
                }
            }
        }
        let worst = RunCommand.worst(of: results)
        if worst != 0 { throw ExitCode(worst) }
    }

    /// Of several jobs: an error outranks an incomplete run, which outranks open differences.
    static func worst(of codes: [Int32]) -> Int32 {
        for code: Int32 in [1, 3, 2] where codes.contains(code) { return code }
        return 0
    }

    private var next: NextCommand { NextCommand(files, databaseOptions) }

    private func runOne(
        _ definition: JobDefinition, _ set: JobSet, _ database: Database, _ meter: RequestMeter
    ) async throws -> Int32 {
        let pool = RunningJob.pool(definition, database)
        do {
            if try await mustRest(definition, pool) {
                await pool.close()
                return 0
            }
        } catch {
            await pool.close()
            throw error
        }
        if case .report(let job) = definition.kind {
            await pool.close()
            guard !plan else { throw CommandError("A report changes nothing: run it without --plan.", code: 64) }
            let making = MakingReport(definition: definition, job: job, set: set, target: database.target)
            let result: ReportResult
            do {
                result = try await making.make(.manual)
            } catch {
                let running = RunningJob(definition: definition, set: set, database: database, resume: "")
                if !(error is CancellationError) { await running.tellFailure(error) }
                throw error
            }
            if json { try showReport(result, definition) }
            if !quiet || result.exitCode != 0 {
                let lines = ReportSummary.lines(result.report)
                for line in lines { if json { Terminal.say(line) } else { Terminal.print(line) } }
                Terminal.say("Report \(result.id): \(result.files.count) files in \(result.directory)")
                result.sayDeliveries()
            }
            return result.exitCode
        }
        let result = try await RunningJob(
            definition: definition, set: set, database: database, isPlan: plan, isQuiet: quiet,
            resume: next.onJobs("trueup run \(definition.name)" + (plan ? " --plan" : "")), meter: meter, pool: pool
        ).run(.manual)
        let path = try result.plan.map { try PlanFile.write($0, to: plans) }
        RunOutput(result, definition: definition, planPath: path, next: next).show(
            json: json, quiet: quiet, isOneOfSeveral: names.count > 1)
        return result.exitCode
    }
}

extension RunCommand {
    /// A pause keeps the schedule and cron from starting a job, and a person not.
    private func mustRest(_ definition: JobDefinition, _ pool: Pool) async throws -> Bool {
        let state = try await Occurrences(pool: pool).states(of: [definition.name])[definition.name]
        guard let by = state?.pausedBy, let at = state?.pausedAt else { return false }
        if quiet { return true }
        Terminal.say(
            "\(definition.name) is paused by \(printable(by)) since \(isoTime(at.seconds)). It runs now all the same, "
                + "because you ask; its schedule stays paused.")
        return false
    }

    private struct ReportDocument: Encodable {
        let format = "trueup.report-run/1"
        let report: Int64
        let job: String
        let state: String
        let directory: String
        let files: [String]
        let repeated: Bool
        let deliveries: [Delivery]

        struct Delivery: Encodable {
            let destination: String
            let address: String
            let outcome: String
            let detail: String
        }
    }

    private func showReport(_ result: ReportResult, _ definition: JobDefinition) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if names.count == 1 { encoder.outputFormatting.insert(.prettyPrinted) }
        let document = ReportDocument(
            report: result.id, job: definition.name, state: result.state.rawValue.lowercased(),
            directory: result.directory, files: result.files.map(\.name), repeated: result.isRepeated,
            deliveries: result.deliveries.map {
                ReportDocument.Delivery(
                    destination: $0.destination, address: $0.address, outcome: $0.outcome.rawValue, detail: $0.detail)
            })
        Terminal.print(String(decoding: try encoder.encode(document), as: UTF8.self))
    }
}

extension RunResult {
    /// Whether nobody has to hear of it.
    var isUneventful: Bool { outcome.state == .clean && outcome.problems.isEmpty }
}
