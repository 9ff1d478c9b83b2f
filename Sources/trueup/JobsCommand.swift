import ArgumentParser
import Foundation
import Jobs
import PostgreSQL
import Runner
import Schedule
import Store

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "Shows the jobs, when they run next and how they did; pauses and resumes them.",
        subcommands: [JobsListCommand.self, JobsPauseCommand.self, JobsResumeCommand.self],
        defaultSubcommand: JobsListCommand.self)
}

struct JobsListCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the jobs: schedule, next three runs, last result, health.")

    @OptionGroup var json: JSONOption
    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let (set, wrong) = try files.loadWhatIsRight()
        if set.jobs.isEmpty, wrong == 0 { Terminal.say("There are no jobs in \(files.jobs), only settings.") }
        let known = await known(set)
        let now = known?.nowSeconds ?? Int64(Date().timeIntervalSince1970)
        let lines = { JobLines(job: $0, known: known, nowSeconds: now, next: next) }
        if json.json {
            let jobs = set.jobs.map { JobDocument($0, lines($0)) }
            try JSONDocument.print(JobsDocument(isDatabaseRead: known != nil, jobs: jobs))
        } else {
            for (index, job) in set.jobs.enumerated() {
                if index > 0 { Terminal.print("") }
                for line in lines(job).lines { Terminal.print(line) }
            }
        }
        // What is not shown is not well.
        if wrong > 0 { throw ExitCode(1) }
    }

    /// Of each last report the ways on which it has not arrived, by job.
    private func unreached(_ reports: [String: ReportStanding], _ pool: Pool) async throws -> [String: [String]] {
        var unreached: [String: [String]] = [:]
        for (job, standing) in reports {
            guard let id = standing.made?.reportID else { continue }
            unreached[job] = try await StoredReports(pool: pool).unreached(of: id)
        }
        return unreached
    }

    /// What the database knows of the jobs; `nil` where none is to be had, which is no error here.
    private func known(_ set: JobSet) async -> KnownJobs? {
        let environment = ProcessInfo.processInfo.environment
        let variable = set.settings.databaseURLEnv
        let isNamed = environment[variable] != nil || environment[variable + "_FILE"] != nil
        let directory = databaseOptions.dataDir ?? (try? EmbeddedCluster.defaultDataDirectory()) ?? ""
        guard isNamed || FileManager.default.fileExists(atPath: directory) else { return nil }
        do {
            return try await Database.with(databaseOptions, settings: set.settings) { database in
                try await Pool.with(database.target, applicationName: "trueup jobs") { pool in
                    let occurrences = Occurrences(pool: pool)
                    let names = set.jobs.map(\.name)
                    let reports = try await ReportAttempts(pool: pool).standings(of: names)
                    return KnownJobs(
                        nowSeconds: try await occurrences.nowSeconds(), states: try await occurrences.states(of: names),
                        last: try await occurrences.lastEnded(of: names),
                        retrying: try await occurrences.retrying(of: names),
                        lastRuns: try await Runs(pool: pool).lastEnded(of: names),
                        lastApplied: try await Runs(pool: pool).lastApplied(of: names),
                        reports: reports, unreached: try await unreached(reports, pool),
                        running: try await JobLock.held(
                            of: names + names.map { JobLock.reportPrefix + $0 }, pool: pool))
                }
            }
        } catch {
            Terminal.say("Last results are not shown: \(explanation(of: error, next: next))")
            return nil
        }
    }
}

struct JobsPauseCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Keeps the schedule and cron from starting a job; what runs goes on. It is not missed meanwhile.")

    @Argument(help: "The job.")
    var job: String

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        try await JobsPauseCommand.change(job, files, databaseOptions) { occurrences, known in
            let isNew = try await occurrences.pause(known, by: RunOrigin.here(.manual).requestedBy)
            let resume = next.onJobs("trueup jobs resume \(job)")
            Terminal.say(isNew ? "\(job) is paused. To go on: \(resume)" : "\(job) was paused already.")
        }
    }

    static func change(
        _ name: String, _ files: JobOptions, _ options: DatabaseOptions,
        _ body: @Sendable (Occurrences, KnownJob) async throws -> Void
    ) async throws {
        // A typo in another file is no reason not to stop this job.
        let set = try files.load(for: [name])
        guard let job = set.job(named: name) else { throw CommandError(files.noJob(name, in: set), code: 64) }
        try await Database.with(options, settings: set.settings) { database in
            try await Pool.with(database.target, applicationName: "trueup jobs") {
                try await body(Occurrences(pool: $0), KnownJob(job))
            }
        }
    }
}

struct JobsResumeCommand: AsyncParsableCommand, DatabaseUsing {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Lets a paused job start again, from now on.")

    @Argument(help: "The job.")
    var job: String

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        try await JobsPauseCommand.change(job, files, databaseOptions) { occurrences, known in
            let wasPaused = try await occurrences.resume(known)
            Terminal.say(wasPaused ? "\(job) starts again when it is due." : "\(job) was not paused.")
        }
    }
}

extension Kind {
    /// `reconcile on default, medflyt`, or `report`, which reads no account.
    var inWords: String {
        accounts.isEmpty ? word : "\(word) on \(accounts.joined(separator: ", "))"
    }
}
