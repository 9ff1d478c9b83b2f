import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
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

    private func runOne(_ definition: JobDefinition, _ set: JobSet, _ database: Database) async throws -> Int32 {
        let accounts = try Accounts.open(definition.kind.accounts, settings: set.settings)
        let pool = Pool(database.target, size: JobRun.poolSize, applicationName: "trueup run \(definition.name)")
        let view = RunView(definition, isQuiet: quiet)
        do {
            let run = JobRun(
                definition: definition, jobs: set.jobs, clients: accounts.clients, pool: pool, origin: .here(.manual),
                isPlan: plan, nowSeconds: Int64(Date().timeIntervalSince1970), progress: { view.show($0) })
            let result = try await run.run()
            view.clear()
            await pool.close()
            await accounts.http.close()
            let path = try result.plan.map { try PlanFile.write($0, to: plans) }
            show(result, definition, planPath: path)
            if json { Terminal.printRaw(try RunDocument(result).text()) }
            return result.exitCode
        } catch {
            view.clear()
            await pool.close()
            await accounts.http.close()
            if error is CancellationError {
                Terminal.say("Stopped. To go on from here: trueup run \(definition.name)")
            }
            throw error
        }
    }

    /// The summary is data where it is all that is printed, and talk beside a JSON document. A plan ends with the line
    /// that sums it up.
    private func show(_ result: RunResult, _ definition: JobDefinition, planPath: String?) {
        if quiet, json || result.isUneventful { return }
        let summary = RunSummary(result, definition: definition, planPath: planPath)
        guard result.run.isPlan, let made = result.plan else { return Terminal.printSummary(summary, isData: !json) }
        let text = (summary.heading + [""] + PlanView(made).lines).joined(separator: "\n")
        if json { Terminal.say(text) } else { Terminal.print(text) }
        if let planPath { Terminal.say("Written to \(planPath). To do it: trueup apply \(planPath)") }
    }
}

extension RunResult {
    /// Whether nobody has to hear of it.
    var isUneventful: Bool { outcome.state == .clean && outcome.problems.isEmpty }
}
