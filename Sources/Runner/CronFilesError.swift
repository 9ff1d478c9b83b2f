/// Why there are no files for a set of jobs.
public enum CronFilesError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Two jobs whose names differ only in what a Kubernetes name cannot hold.
    case oneName(jobs: [String], name: String)
    /// A line break would begin a line of its own in a crontab, which cron would run.
    case controlCharacter(what: String)

    public var description: String {
        switch self {
        case .oneName(let jobs, let name):
            "the jobs \(jobs.joined(separator: " and ")) would both be the CronJob \(name), since Kubernetes has no _ "
                + "in names and no - at their ends: rename one of the files"
        case .controlCharacter(let what):
            "\(what) has a line break or another control character, which no crontab, unit or manifest can hold"
        }
    }
}
