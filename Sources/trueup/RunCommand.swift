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

    @Flag(name: .long, help: "Print one JSON document for each job to stdout.")
    var json = false

    @Flag(name: .long, help: "For cron: say nothing at all when nothing was found and nothing done.")
    var quiet = false

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func validate() throws {
        guard !names.isEmpty else { throw ValidationError("Name at least one job.") }
    }

    func run() async throws {
        let set = try files.load()
        let definitions = try names.map { name in
            guard let job = set.job(named: name) else {
                throw CommandError(files.noJob(name, in: set), code: 64)
            }
            return job
        }
        let accountNames = Array(Set(definitions.flatMap(\.kind.accounts))).sorted()
        let isLive = Accounts.hasLiveKey(accountNames, settings: set.settings)
        let results = try await Signals.cancelling {
            try await Database.with(databaseOptions, settings: set.settings, hasLiveKey: isLive) { database in
                var codes: [Int32] = []
                for definition in definitions {
                    codes.append(try await runOne(definition, set, database))
                }
                return codes
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

    private func runOne(_ definition: JobDefinition, _ set: JobSet, _ database: Database) async throws -> Int32 {
        if case .report(let job) = definition.kind {
            guard !plan else { throw CommandError("A report changes nothing: run it without --plan.", code: 64) }
            let making = MakingReport(definition: definition, job: job, set: set, target: database.target)
            let (result, isSent) = try await making.make(.manual)
            if !quiet || result.exitCode != 0 {
                for line in ReportSummary.lines(result.report) { Terminal.print(line) }
                Terminal.say("Report \(result.id): \(result.files.count) files in \(result.directory)")
            }
            return isSent || result.exitCode == 3 ? result.exitCode : 1
        }
        let result = try await RunningJob(
            definition: definition, set: set, database: database, isPlan: plan, isQuiet: quiet,
            resume: next.onJobs("trueup run \(definition.name)" + (plan ? " --plan" : ""))
        ).run(.manual)
        let path = try result.plan.map { try PlanFile.write($0, to: plans) }
        RunOutput(result, definition: definition, planPath: path, next: next).show(json: json, quiet: quiet)
        return result.exitCode
    }
}

extension RunResult {
    /// Whether nobody has to hear of it.
    var isUneventful: Bool { outcome.state == .clean && outcome.problems.isEmpty }
}
