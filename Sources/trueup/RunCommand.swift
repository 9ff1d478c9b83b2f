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

    /// One after the other. Of several, one that fails is said and the next one runs; a stop stops all. What is told of
    /// one that has ended is told beside the next.
    private func runAll(
        _ set: JobSet, _ database: Database, _ early: EarlyConnections, _ folder: PlanFolder, _ meter: RequestMeter
    ) async throws -> JobCodes {
        let command = Work(
            set: set, database: database, early: early, folder: folder, meter: meter,
            senders: OutboxSenders(set.settings), endings: JobEndings(next: next))
        for (index, name) in names.enumerated() {
            let resume = same(Array(names[index...])).text
            Talk.isAbout("run failed", ["trueup.job": "\(name)"])
            if Task.isCancelled {
                _ = await command.endings.all()
                Terminal.say("Stopped. To go on from here: \(resume)")
                throw CancellationError()
            }
            guard let definition = set.job(named: name) else {
                // Its file is wrong, which was said.
                showFailure(name, nil, "Its file is wrong. See: " + next.onJobs("trueup check"), 1, command.endings)
                continue
            }
            do {
                try await runOne(definition, command, resume: resume)
            } catch {
                _ = await command.endings.all()
                throw error
            }
            if index + 1 < names.count { await command.endings.patience() }
        }
        let codes = await command.endings.all()
        // Stopped while it was told: the jobs have ended, and were shown.
        if Task.isCancelled { throw CancellationError() }
        return codes
    }

    /// What the jobs of the command share.
    struct Work {
        let set: JobSet
        let database: Database
        let early: EarlyConnections
        let folder: PlanFolder
        let meter: RequestMeter
        let senders: OutboxSenders
        let endings: JobEndings
    }

    /// An error of a job ends the command where it is its only one, and where the command was stopped. Of several it is
    /// said, and the next one runs.
    /// - Parameter telling: what is told of it.
    func fail(
        _ error: any Error, _ definition: JobDefinition, _ command: Work, _ telling: Telling<Bool> = .nothing
    ) async throws {
        if names.count == 1 || error is CancellationError || Task.isCancelled {
            _ = await telling.end()
            throw error
        }
        let explained = await command.database.explained(error)
        let code = Main.said(explained, next: next, job: definition.name)
        showFailure(
            definition.name, definition, explanation(of: explained, next: next), code, command.endings, telling)
    }

    /// Of several jobs each has its document, also one that has no run.
    /// - Parameter definition: `nil` where its file is wrong.
    private func showFailure(
        _ name: String, _ definition: JobDefinition?, _ problem: String, _ code: Int32, _ endings: JobEndings,
        _ telling: Telling<Bool> = .nothing
    ) {
        let (json, plan, isReport) = (json, plan, definition?.isReport == true)
        endings.add(name, telling) { _ in
            if json { try Self.printFailure(name, isReport: isReport, isPlan: plan, problem, code) }
            return code
        }
    }

    static func printFailure(
        _ name: String, isReport: Bool, isPlan: Bool, _ problem: String, _ code: Int32
    ) throws {
        if isReport {
            let document = ReportRunDocument(failed: name, problem: problem, exitCode: code)
            return try JSONDocument.print(document, isOneLine: true)
        }
        let document = RunDocument(failed: name, isPlan: isPlan, problem: problem, exitCode: code)
        try document.write(isOneLine: true) { Terminal.printRaw($0) }
    }

    private func runOne(_ definition: JobDefinition, _ command: Work, resume: String) async throws {
        let opened = command.early.take(for: definition)
        let pool = opened?.pool ?? RunningJob.pool(definition, command.database.target)
        do {
            if try await mustRest(definition, pool) {
                await pool.close()
                await opened?.budgets.close()
                return command.endings.add(definition.name, Telling<Bool>.nothing) { _ in 0 }
            }
        } catch {
            await pool.close()
            await opened?.budgets.close()
            return try await fail(error, definition, command)
        }
        if case .report(let job) = definition.kind {
            await pool.close()
            return try await make(job, definition, command, resume: resume)
        }
        let same = same([definition.name])
        let ended = await RunningJob(
            definition: definition, set: command.set, database: command.database, senders: command.senders,
            isPlan: plan, isQuiet: quiet, same: same, resume: resume, meter: command.meter, pool: pool,
            budgets: opened?.budgets
        ).ended(.manual)
        do {
            let result = try ended.result.get()
            let path = try command.folder.write(result.plan, same: same)
            show(result, of: definition, planPath: path, same, command.endings, ended.telling)
        } catch {
            try await fail(error, definition, command, ended.telling)
        }
    }

    /// A run that came to its end is shown once it was told.
    private func show(
        _ result: RunResult, of definition: JobDefinition, planPath: String?, _ same: SameCommand,
        _ endings: JobEndings, _ telling: Telling<Bool>
    ) {
        let (json, quiet, isOneOfSeveral) = (json, quiet, names.count > 1)
        endings.add(definition.name, telling) { hasUnsent in
            var told = result
            told.hasUnsent = hasUnsent
            RunOutput(told, definition: definition, planPath: planPath, same: same).show(
                json: json, quiet: quiet, isOneOfSeveral: isOneOfSeveral)
            return told.exitCode
        }
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
