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
        let lines = { (job: JobDefinition) in
            JobLines(job: job, standing: known.map { JobStanding(job, $0) }, nowSeconds: now, next: next)
        }
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
                    try await KnownJobs.read(set.jobs.map(\.name), pool: pool)
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
