import Store

/// A command to be given next, with the options that lead to the same files and database.
struct NextCommand: Sendable {
    private var jobs: String?
    private var dataDir: String?
    private var isEmbedded = false

    /// The usual places.
    init() {}

    init(_ files: JobOptions, _ database: DatabaseOptions) {
        if files.jobs != JobOptions.usual { jobs = files.jobs }
        dataDir = database.dataDir
        isEmbedded = database.embedded
    }

    /// The command with the options.
    func onJobs(_ command: String) -> String {
        command + (jobs.map { " --jobs " + Self.word($0) } ?? "")
            + (dataDir.map { " --data-dir " + Self.word($0) } ?? "") + (isEmbedded ? " --embedded" : "")
    }

    /// A command that somebody without the options advises, with them.
    func told(_ command: Advice.Command) -> String { onJobs(command.words) }

    /// A path as a shell takes it.
    static func word(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || "/._-+:".utf8.contains(byte)
        }
        return isPlain && !path.isEmpty ? path : "'" + path.replacing("'", with: "'\\''") + "'"
    }
}
