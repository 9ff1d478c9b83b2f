import Schedule

/// A directory of job files: `settings.yaml`, and one `NAME.yaml` for each job.
///
/// ```swift
/// let set = try JobFiles.load(directory: "jobs")
/// set.job(named: "credit-invoices")?.expression?.next(after: now, in: zone)
/// ```
public enum JobFiles {
    /// Reads and validates `settings.yaml` and every other `*.yaml` of a directory. Other files are left alone.
    /// - Parameters:
    ///   - directory: as reached from the working directory; errors name files as `DIRECTORY/NAME`.
    ///   - only: the jobs to load; `nil` for all.
    /// - Throws: everything that is wrong with all of them, at once.
    public static func load(directory: String, only: [String]? = nil) throws(JobFileErrors) -> JobSet {
        var loader = Loader(directory: directory)
        try loader.findFiles(only: only)
        return try loader.load()
    }
}

private struct Loader {
    let directory: String
    private var errors: [JobFileError] = []
    private var warnings: [JobFileError] = []
    private var hasSettings = false
    /// All jobs of the directory.
    private var jobNames: [String] = []
    /// Those to load.
    private var wanted: [String] = []

    init(directory: String) {
        var path = directory
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.directory = path
    }

    private func path(_ file: String) -> String { directory + "/" + file }

    mutating func findFiles(only: [String]?) throws(JobFileErrors) {
        let names: [String]
        switch directoryNames(directory) {
        case .success(let found): names = found
        case .failure(let failure):
            let message =
                failure.isMissing
                ? "there is no such directory; name one with --jobs" : "the directory cannot be read: \(failure.reason)"
            throw JobFileErrors([JobFileError(file: directory, message: message)])
        }
        for name in names { sort(name) }
        if !hasSettings {
            errors.append(
                JobFileError(
                    file: path("settings.yaml"), message: "the file is missing", expected: "a file with accounts"))
        }
        wanted = jobNames
        if let only { choose(only) }
    }

    private mutating func sort(_ file: String) {
        guard !file.hasPrefix(".") else { return }
        if file == "settings.yaml" {
            hasSettings = true
        } else if file.hasSuffix(".yml") {
            let better = file.dropLast(4) + ".yaml"
            errors.append(
                JobFileError(
                    file: path(file), message: "a file that ends in .yml is not read", expected: "\(better)"))
        } else if file.hasSuffix(".yaml") {
            let name = String(file.dropLast(5))
            if TextRule.jobName.isValid(name) {
                jobNames.append(name)
            } else {
                errors.append(
                    JobFileError(
                        file: printable(path(file)), message: "the file's name is the job's name, and cannot be one",
                        expected: TextRule.jobName.expectation))
            }
        }
    }

    private mutating func choose(_ only: [String]) {
        wanted = only.filter { jobNames.contains($0) }
        for name in only where !jobNames.contains(name) {
            errors.append(
                JobFileError(
                    file: directory, message: "there is no job \(quoted(name))", found: name,
                    expected: jobNames.isEmpty
                        ? "a file \(path("NAME.yaml"))" : "one of " + jobNames.joined(separator: ", "),
                    suggestion: nearestWord(to: name, among: jobNames)))
        }
    }

    mutating func load() throws(JobFileErrors) -> JobSet {
        var settings: Settings?
        if hasSettings, let source = read("settings.yaml") {
            settings = SettingsReader(source: source).settings()
            take(source)
        }
        var results: [JobReader.Result] = []
        var sources: [String: SourceText] = [:]
        let zones = ZoneCache()
        for name in wanted {
            guard let source = read(name + ".yaml") else { continue }
            let reader = JobReader(source: source, name: name, settings: settings, jobNames: jobNames, zones: zones)
            if let result = reader.job() { results.append(result) }
            sources[name] = source
        }
        reportCycles(results, sources)
        for source in sources.values { take(source) }
        guard errors.isEmpty, let settings else { throw JobFileErrors(errors) }
        return JobSet(
            settings: settings, jobs: results.map(\.definition), warnings: JobFileErrors(warnings).errors)
    }

    private mutating func take(_ source: SourceText) {
        errors += source.errors
        warnings += source.warnings
    }

    private mutating func read(_ file: String) -> SourceText? {
        switch readFile(path(file), limitBytes: Document.limitBytes) {
        case .success(let bytes): return SourceText(file: path(file), bytes: bytes)
        case .failure(let failure):
            let message =
                failure.isTooLarge
                ? "the file is larger than 1 MiB; no job needs that"
                : failure.isNotRegular ? "not a regular file" : "the file cannot be read: \(failure.reason)"
            errors.append(JobFileError(file: path(file), message: message))
            return nil
        }
    }

    /// Every circle of `after`, once, at the first job of it by name.
    private func reportCycles(_ results: [JobReader.Result], _ sources: [String: SourceText]) {
        let edges = Dictionary(uniqueKeysWithValues: results.map { ($0.definition.name, $0.afterPlaces) })
        var isDone: Set<String> = []
        for start in edges.keys.sorted() where !isDone.contains(start) {
            // Depth first without recursion: a chain of 10,000 jobs is as good as one of two.
            var path: [(name: String, next: Int)] = [(start, 0)]
            while let (name, next) = path.last {
                let targets = edges[name] ?? []
                guard next < targets.count else {
                    isDone.insert(name)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = targets[next]
                if let first = path.firstIndex(where: { $0.name == target.name }) {
                    guard first < path.count - 1 else { continue }
                    let circle = (path[first...].map(\.name) + [target.name]).joined(separator: " → ")
                    sources[name]?.report("\"after\" runs in a circle: \(circle)", at: target.place)
                } else if !isDone.contains(target.name), edges[target.name] != nil {
                    path.append((target.name, 0))
                }
            }
        }
    }
}
