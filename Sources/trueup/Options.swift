import ArgumentParser
import Jobs

/// Where the job files are.
struct JobOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The directory of the job files.", valueName: "dir"))
    var jobs = "jobs"

    /// All files, validated.
    func load() throws -> JobSet {
        let set = try JobFiles.load(directory: jobs)
        for warning in set.warnings { Terminal.say("warning: \(warning)") }
        return set
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
