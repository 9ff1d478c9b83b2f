import ArgumentParser
import Jobs
import Schedule

/// Where the job files are.
struct JobOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The directory of the job files.", valueName: "dir"))
    var jobs = "jobs"

    /// All files, validated.
    func load() throws -> JobSet {
        let set = try JobFiles.load(directory: jobs)
        for warning in set.warnings { Terminal.warn("\(warning)") }
        return set
    }
}

extension JobOptions {
    /// The files for a run of some jobs, which the typo in another file does not keep from running at night.
    func load(for names: [String]) throws -> JobSet {
        do {
            return try load()
        } catch let errors as JobFileErrors {
            let (set, wrong) = try JobFiles.loadWhatIsRight(directory: jobs)
            guard names.allSatisfy({ set.job(named: $0) != nil }) else { throw errors }
            for error in wrong { Terminal.say("trueup: \(error)", .error) }
            Terminal.say("These files are left out: \(names.joined(separator: ", ")) can run without them.", .warning)
            for warning in set.warnings { Terminal.warn("\(warning)") }
            return set
        }
    }

    /// What to say of a job that is not there.
    func noJob(_ name: String, in set: JobSet) -> String {
        let known = set.jobs.map(\.name)
        guard !known.isEmpty else { return "There is no job “\(name)”: \(jobs) has only settings." }
        let near = nearestWord(to: name, among: known).map { " Did you mean \($0)?" } ?? ""
        return "There is no job “\(name)” in \(jobs).\(near) Jobs: \(known.joined(separator: ", "))."
    }
}

/// Which database.
struct DatabaseOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where the embedded database is kept (default: the user's data directory).", valueName: "dir"))
    var dataDir: String?

    @Flag(name: .long, help: "Use the embedded database although a live key is set and DATABASE_URL is not.")
    var embedded = false
}
