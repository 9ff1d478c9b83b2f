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

struct JobsListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the jobs: schedule, next three runs, last result, health.")

    @OptionGroup var files: JobOptions
    @OptionGroup var databaseOptions: DatabaseOptions

    func run() async throws {
        let set = try files.load()
        if set.jobs.isEmpty { Terminal.say("There are no jobs in \(files.jobs), only settings.") }
        let known = await known(set)
        let now = known?.nowSeconds ?? Int64(Date().timeIntervalSince1970)
        for (index, job) in set.jobs.enumerated() {
            if index > 0 { Terminal.print("") }
            for line in JobLines(job: job, known: known, nowSeconds: now).lines { Terminal.print(line) }
        }
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
                    return KnownJobs(
                        nowSeconds: try await occurrences.nowSeconds(), states: try await occurrences.states(of: names),
                        last: try await occurrences.lastEnded(of: names),
                        retrying: try await occurrences.retrying(of: names),
                        lastRuns: try await Runs(pool: pool).lastEnded(of: names),
                        running: try await JobLock.held(of: names, pool: pool))
                }
            }
        } catch {
            Terminal.say("Last results are not shown: \(explanation(of: error))")
            return nil
        }
    }
}

/// What the database knows of some jobs.
struct KnownJobs: Sendable {
    var nowSeconds: Int64
    var states: [String: JobState]
    /// The last occurrence of each that has ended.
    var last: [String: Occurrence]
    /// One of each whose attempts failed so far and that is to be tried again.
    var retrying: [String: Occurrence]
    /// The last run of each that has ended, also one that a person or cron started.
    var lastRuns: [String: Run]
    /// Those that run at this moment.
    var running: Set<String>
}

/// One job for a person.
struct JobLines {
    let job: JobDefinition
    let known: KnownJobs?
    let nowSeconds: Int64

    /// A scheduler looks every second; so much later than a job's time, nobody does.
    private static let lateSeconds: Int64 = 120

    var lines: [String] {
        var lines = [
            "\(job.name)  \(job.kind.inWords)"
                + (job.description.isEmpty ? "" : ": \(job.description)")
        ]
        lines.append("  schedule  " + schedule)
        let next = job.expression?.next(3, after: nowSeconds, in: job.zone) ?? []
        if !next.isEmpty {
            lines.append("  next      " + next.map { ISOTime.text($0, in: job.zone) }.joined(separator: ", "))
        }
        guard let known else { return lines }
        lines.append("  last      " + last(known))
        lines.append("  health    " + health(known))
        return lines
    }

    private var schedule: String {
        if let expression = job.expression { return expression.describe(timeZone: job.timeZone) }
        return job.after.isEmpty ? "by hand" : "after " + job.after.joined(separator: ", ")
    }

    /// What took place last: an occurrence of the schedule, or a run that a person or cron started.
    private func last(_ known: KnownJobs) -> String {
        let occurrence = known.last[job.name]
        guard let run = known.lastRuns[job.name] else { return occurrence.map(result) ?? "never ran" }
        if let occurrence, (occurrence.endedAt?.seconds ?? 0) >= (run.endedAt?.seconds ?? 0) {
            return result(occurrence)
        }
        let how = run.trigger == "schedule" ? "" : " (by hand or cron)"
        return "\(ISOTime.text(run.startedAt.seconds, in: job.zone)) \(run.state.rawValue), run \(run.id)\(how)"
    }

    private func result(_ last: Occurrence) -> String {
        let word = last.result ?? last.state.rawValue
        let reason = last.state == .done ? "" : " (\(last.reason ?? "unknown"))"
        let run = last.runID.map { ", run \($0)" } ?? ""
        return "\(ISOTime.text(last.scheduledSeconds, in: job.zone)) \(word)\(reason)\(run)"
    }

    private func health(_ known: KnownJobs) -> String {
        if let state = known.states[job.name], let by = state.pausedBy, let at = state.pausedAt {
            return "paused by \(by) since \(isoTime(at.seconds)): trueup jobs resume \(job.name)"
        }
        if known.running.contains(job.name) { return "it runs now" }
        if let trouble = retrying(known) { return trouble }
        if let late = late(known) { return late }
        if let failing = failing(known) { return failing }
        let occurrence = known.last[job.name]
        if occurrence?.state == .missed, known.lastRuns[job.name] == nil || isLast(occurrence, known) {
            return "MISSED its last time"
        }
        let hasRun = known.lastRuns[job.name] != nil || occurrence?.state == .done
        if !hasRun { return known.states[job.name] == nil ? unseen : "never ran" }
        return "ok"
    }

    private var unseen: String {
        job.expression == nil && job.after.isEmpty
            ? "never ran" : "never ran; no scheduler has seen it yet: trueup schedule, or cron (trueup cron print)"
    }

    private func isLast(_ occurrence: Occurrence?, _ known: KnownJobs) -> Bool {
        (occurrence?.endedAt?.seconds ?? 0) > (known.lastRuns[job.name]?.endedAt?.seconds ?? 0)
    }

    /// Its time has come and nobody started it: by the scheduler's own book where one has seen the job, else by its
    /// last run, which cron may have started.
    private func late(_ known: KnownJobs) -> String? {
        guard let expression = job.expression else { return nil }
        if let state = known.states[job.name] {
            guard let due = expression.next(after: state.lastNominalSeconds, in: job.zone),
                nowSeconds - due > Self.lateSeconds
            else { return nil }
            return "LATE: it was due at \(ISOTime.text(due, in: job.zone)), and no scheduler runs: trueup schedule"
        }
        guard let run = known.lastRuns[job.name], let due = expression.previous(before: nowSeconds, in: job.zone),
            nowSeconds - due > Self.lateSeconds + job.jitterSeconds, run.startedAt.seconds < due
        else { return nil }
        return "LATE: it was due at \(ISOTime.text(due, in: job.zone)), and nothing started it (no scheduler knows it)"
    }

    private func retrying(_ known: KnownJobs) -> String? {
        guard let occurrence = known.retrying[job.name] else { return nil }
        let why = occurrence.detail.map { ": " + RunSummary.oneLine($0) } ?? ""
        return "FAILING: \(occurrence.failures) of \(occurrence.attemptsMax) attempts at "
            + "\(ISOTime.text(occurrence.scheduledSeconds, in: job.zone)) failed (\(occurrence.reason ?? "error")); "
            + "the next one at \(ISOTime.text(occurrence.notBeforeSeconds, in: job.zone))\(why)"
    }

    private func failing(_ known: KnownJobs) -> String? {
        let occurrence = known.last[job.name]
        if occurrence?.state == .failed, known.lastRuns[job.name] == nil || isLast(occurrence, known) {
            return "FAILING: \(occurrence?.detail ?? "see trueup runs --job \(job.name)")"
        }
        guard let run = known.lastRuns[job.name], run.state.isFailure else { return nil }
        let why = run.problems.first.map { ": " + RunSummary.oneLine($0) } ?? ""
        return "FAILING: run \(run.id) is \(run.state.rawValue)\(why)"
    }
}

struct JobsPauseCommand: AsyncParsableCommand {
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
            Terminal.say(isNew ? "\(job) is paused. To go on: trueup jobs resume \(job)" : "\(job) was paused already.")
        }
    }

    static func change(
        _ name: String, _ files: JobOptions, _ options: DatabaseOptions,
        _ body: @Sendable (Occurrences, KnownJob) async throws -> Void
    ) async throws {
        let set = try files.load()
        guard let job = set.job(named: name) else { throw CommandError(files.noJob(name, in: set), code: 64) }
        try await Database.with(options, settings: set.settings) { database in
            try await Pool.with(database.target, applicationName: "trueup jobs") {
                try await body(Occurrences(pool: $0), KnownJob(job))
            }
        }
    }
}

struct JobsResumeCommand: AsyncParsableCommand {
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
