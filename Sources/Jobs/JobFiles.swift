/// A directory of job files.
public enum JobFiles {
    /// Reads and validates `settings.yaml` and every other `*.yaml` of a directory.
    /// - Parameters:
    ///   - directory: as reached from the working directory; errors name files as `DIRECTORY/NAME`.
    ///   - only: the jobs to load; `nil` for all.
    /// - Throws: everything that is wrong with all of them, at once.
    public static func load(directory: String, only: [String]? = nil) throws(JobFileErrors) -> JobSet {
        throw JobFileErrors([JobFileError(file: directory, message: "not read yet")])
    }
}
