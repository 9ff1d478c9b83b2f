/// All files of a jobs directory, validated.
public struct JobSet: Sendable {
    public var settings: Settings
    /// In the order of their names.
    public var jobs: [JobDefinition]
    /// What is allowed and still worth a word.
    public var warnings: [JobFileError]

    public init(settings: Settings, jobs: [JobDefinition], warnings: [JobFileError] = []) {
        self.settings = settings
        self.jobs = jobs
        self.warnings = warnings
    }

    /// The job of that name, or `nil`.
    public func job(named name: String) -> JobDefinition? {
        jobs.first { $0.name == name }
    }
}
