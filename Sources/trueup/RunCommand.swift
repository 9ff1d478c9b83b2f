import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Runner
import Store

struct RunCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs jobs now, one after the other.",
        discussion: """
            A run that was killed goes on where it stopped. Of several jobs each one runs, whatever becomes of those \
            before it, and the exit code is the worst. With --plan nothing is repaired: only GET requests are \
            made, and the application's tables are only read.
            """)

    @Argument(help: ArgumentHelp("The jobs to run, by file name without .yaml.", valueName: "job"))
    var names: [String]

    @Flag(name: .long, help: "Show what would be done, and do nothing.")
    var plan = false

    @Option(name: .long, help: ArgumentHelp("The directory of the plan files.", valueName: "dir"))
    var plans = PlanFolder.usual

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
        Talk.isAbout("run failed", ["trueup.job": "\(names.joined(separator: ","))"])
        let set = try files.load(for: names)
        let definitions = names.compactMap { set.job(named: $0) }
        if plan, let report = definitions.first(where: \.isReport) {
            throw CommandError("\(report.name) is a report and changes nothing: run it without --plan.", code: 64)
        }
        let folder = PlanFolder(path: plans)
        if !definitions.allSatisfy(\.isReport) { try folder.check() }
        let accountNames = Array(Set(definitions.flatMap(\.kind.accounts))).sorted()
        let isLive = Accounts.hasLiveKey(accountNames, settings: set.settings)
        let file = metrics.file()
        let early = EarlyConnections(for: names.first.flatMap { set.job(named: $0) })
        let codes: JobCodes
        do {
            codes = try await Signals.cancelling {
                try await file.written {
                    try await pingingFailure(of: definitions) { isOpen in
                        try await Database.with(
                            databaseOptions, settings: set.settings, hasLiveKey: isLive, found: { early.open($0) }
                        ) { database in
                            isOpen()
                            return try await file.written(of: database.target) {
                                try await runAll(set, database, early, folder, file.meter)
                            }
                        }
                    }
                }
            }
        } catch {
            await early.close()
            throw error
        }
        await early.close()
        codes.say()
        if codes.worst != 0 { throw ExitCode(codes.worst) }
    }

    /// This command for some of its jobs.
    func same(_ jobs: [String]) -> SameCommand {
        SameCommand("trueup run " + jobs.joined(separator: " "), isPlan: plan, plans: plans, next: next)
    }

    /// A database that is away keeps every job from running, and those who wait for their pings hear of it.
    private func pingingFailure(
        of definitions: [JobDefinition], _ body: (() -> Void) async throws -> JobCodes
    ) async throws -> JobCodes {
        var isOpen = false
        do {
            return try await body { isOpen = true }
        } catch {
            if !isOpen, !plan, !(error is CancellationError) {
                let pings = Pings()
                for definition in definitions {
                    let start = StartPing(definition, pings)
                    start.send()
                    await start.end(.fail, "error")
                }
                await pings.close()
            }
            throw error
        }
    }

    /// One after the other. Of several, one that fails is said and the next one runs; a stop stops all.
    private func runAll(
        _ set: JobSet, _ database: Database, _ early: EarlyConnections, _ folder: PlanFolder, _ meter: RequestMeter
    ) async throws -> JobCodes {
        var codes = JobCodes()
        for (index, name) in names.enumerated() {
            let resume = same(Array(names[index...])).text
            Talk.isAbout("run failed", ["trueup.job": "\(name)"])
            if Task.isCancelled {
                Terminal.say("Stopped. To go on from here: \(resume)")
                throw CancellationError()
            }
            guard let definition = set.job(named: name) else {
                // Its file is wrong, which was said.
                codes.add(name, 1)
                try showFailure(name, nil, "Its file is wrong. See: " + next.onJobs("trueup check"), 1)
                continue
            }
            do {
                codes.add(name, try await runOne(definition, set, database, early, folder, meter, resume: resume))
            } catch {
                if names.count == 1 || error is CancellationError || Task.isCancelled { throw error }
                let explained = await database.explained(error)
                let code = Main.said(explained, next: next, job: name)
                codes.add(name, code)
                try showFailure(name, definition, explanation(of: explained, next: next), code)
            }
        }
        return codes
    }

    /// Of several jobs each has its document, also one that has no run.
    /// - Parameter definition: `nil` where its file is wrong.
    private func showFailure(
        _ name: String, _ definition: JobDefinition?, _ problem: String, _ code: Int32
    ) throws {
        guard json else { return }
        if definition?.isReport == true {
            let document = ReportRunDocument(failed: name, problem: problem, exitCode: code)
            return try JSONDocument.print(document, isOneLine: true)
        }
        let document = RunDocument(failed: name, isPlan: plan, problem: problem, exitCode: code)
        try document.write(isOneLine: true) { Terminal.printRaw($0) }
    }

    private func runOne(
        _ definition: JobDefinition, _ set: JobSet, _ database: Database, _ early: EarlyConnections,
        _ folder: PlanFolder, _ meter: RequestMeter, resume: String
    ) async throws -> Int32 {
        let opened = early.take(for: definition)
        let pool = opened?.pool ?? RunningJob.pool(definition, database.target)
        do {
            if try await mustRest(definition, pool) {
                await pool.close()
                await opened?.budgets.close()
                return 0
            }
        } catch {
            await pool.close()
            await opened?.budgets.close()
            throw error
        }
        if case .report(let job) = definition.kind {
            await pool.close()
            return try await make(job, definition, set, database, resume: resume)
        }
        let same = same([definition.name])
        let result = try await RunningJob(
            definition: definition, set: set, database: database, isPlan: plan, isQuiet: quiet, same: same,
            resume: resume, meter: meter, pool: pool, budgets: opened?.budgets
        ).run(.manual)
        let path = try folder.write(result.plan, same: same)
        RunOutput(result, definition: definition, planPath: path, same: same).show(
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
}

extension JobDefinition {
    /// Whether it makes a report, and changes nothing.
    var isReport: Bool { if case .report = kind { true } else { false } }
}

extension RunResult {
    /// Whether nobody has to hear of it.
    var isUneventful: Bool { outcome.state == .clean && outcome.problems.isEmpty }
}
