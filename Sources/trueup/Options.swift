import ArgumentParser
import Foundation
import Jobs
import Schedule

/// Where the job files are.
struct JobOptions: ParsableArguments {
    /// Where they are unless it is said.
    static let usual = "jobs"

    @Option(name: .long, help: ArgumentHelp("The directory of the job files.", valueName: "dir"))
    var jobs = JobOptions.usual

    /// All files, validated.
    func load() throws -> JobSet {
        let set = try JobFiles.load(directory: jobs)
        for warning in set.warnings { Terminal.warn("\(warning)") }
        return set
    }
}

extension JobOptions {
    /// The jobs whose files are right; what is wrong with others is said.
    /// - Returns: them, and how many errors the others have.
    func loadWhatIsRight() throws -> (set: JobSet, errors: Int) {
        let (set, wrong) = try JobFiles.loadWhatIsRight(directory: jobs)
        for error in wrong { Terminal.say("trueup: \(error)", .error) }
        for warning in set.warnings { Terminal.warn("\(warning)") }
        return (set, wrong.count)
    }

    /// The files for a run of some jobs, which the typo in another file does not keep from running at night. What is
    /// wrong with the others, and with some of those to run, is said; the set has what is right.
    /// - Throws: `JobFileErrors` where none of the jobs can run; ``CommandError`` for a name that no file has.
    func load(for names: [String]) throws -> JobSet {
        do {
            let set = try load()
            for name in names where set.job(named: name) == nil { throw CommandError(noJob(name, in: set), code: 64) }
            return set
        } catch let errors as JobFileErrors {
            let (set, wrong) = try JobFiles.loadWhatIsRight(directory: jobs)
            let left = names.filter { set.job(named: $0) == nil }
            for name in left where !FileManager.default.fileExists(atPath: "\(jobs)/\(name).yaml") {
                throw CommandError(noJob(name, in: set), code: 64)
            }
            let able = names.filter { !left.contains($0) }
            guard !able.isEmpty else { throw errors }
            for error in wrong { Terminal.say("trueup: \(error)", .error) }
            Terminal.say("These files are left out: \(able.joined(separator: ", ")) can run without them.", .warning)
            if !left.isEmpty { Terminal.say("trueup: cannot run: \(left.joined(separator: ", "))", .error) }
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
