import Dispatch
import Schedule
import Synchronization

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

    /// The same for who has to go on although files are wrong: of a job whose file is, the definition that was known
    /// before stays. Where none was known the job is left out, and those that do not reconcile stay as they were known
    /// as well, or are left out: they rest on what others compare. They are left out, too, where a file is wrong and
    /// that of a job that was known is gone. With wrong settings there is nothing to go on with.
    /// - Parameter known: the jobs as they were read last.
    /// - Returns: the jobs, and everything that is wrong; empty where nothing is.
    /// - Throws: as ``load(directory:only:)``, where the directory or the settings are wrong.
    public static func loadWhatIsRight(
        directory: String, known: [JobDefinition] = []
    ) throws(JobFileErrors) -> (set: JobSet, errors: [JobFileError]) {
        var loader = Loader(directory: directory)
        try loader.findFiles(only: nil)
        let known = Dictionary(known.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return try loader.load(keeping: known)
    }
}

struct Loader {
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
        let (settings, files) = read()
        guard errors.isEmpty, let settings else { throw JobFileErrors(errors) }
        return set(settings, files.compactMap { $0.result?.definition })
    }

    mutating func load(
        keeping known: [String: JobDefinition]
    ) throws(JobFileErrors) -> (set: JobSet, errors: [JobFileError]) {
        let (settings, files) = read()
        guard let settings, !errors.contains(where: { $0.file == path("settings.yaml") }) else {
            throw JobFileErrors(errors)
        }
        let wrong = Set(errors.map(\.file))
        var jobs = files.compactMap { wrong.contains($0.path) ? known[$0.name] : $0.result?.definition }
        // The other kinds rest on what jobs compare: a draft is not to be deleted without its row because the file that
        // names the row's table has a typo. Those that were known did without that file before, but not without one
        // that is gone since: a report would say nothing of what it compared.
        let isOneGone = !wrong.isEmpty && !Set(known.keys).isSubset(of: files.map(\.name))
        if jobs.count < files.count || isOneGone {
            jobs = jobs.compactMap { job in
                if case .reconcile = job.kind { return job }
                return isOneGone ? nil : known[job.name]
            }
        }
        return (set(settings, jobs), JobFileErrors(errors).errors)
    }

    private func set(_ settings: Settings, _ jobs: [JobDefinition]) -> JobSet {
        JobSet(settings: settings, jobs: jobs, warnings: JobFileErrors(warnings).errors)
    }

    /// All files; what is wrong with them is in ``errors`` then.
    private mutating func read() -> (settings: Settings?, files: [JobFile]) {
        var settings: Settings?
        if hasSettings {
            switch Loader.read(path("settings.yaml")) {
            case .success(let source):
                settings = SettingsReader(source: source).settings()
                errors += source.errors
                warnings += source.warnings
            case .failure(let error): errors.append(error)
            }
        }
        let files = readJobs(settings)
        errors += files.flatMap(\.errors) + AfterCircles(files).errors + SharedTables(files).errors
        warnings += files.flatMap(\.warnings) + AfterByHand(files).warnings
        return (settings, files)
    }

    /// On all processors, since thousands of files are parsed before the first run of a day.
    private func readJobs(_ settings: Settings?) -> [JobFile] {
        let names = JobNames(jobNames)
        let paths = wanted.map { (name: $0, path: path($0 + ".yaml")) }
        // Zones are read once for each part, so there are not more parts than keep the processors busy.
        let chunk = max(100, (paths.count + 15) / 16)
        let results = Mutex<[Int: [JobFile]]>([:])
        DispatchQueue.concurrentPerform(iterations: (paths.count + chunk - 1) / chunk) { index in
            let zones = ZoneCache()
            let files = paths[(index * chunk)..<min((index + 1) * chunk, paths.count)].map { name, path in
                JobFile(name: name, path: path, settings: settings, names: names, zones: zones)
            }
            results.withLock { $0[index] = files }
        }
        return results.withLock { found in found.keys.sorted().flatMap { found[$0] ?? [] } }
    }

    static func read(_ path: String) -> Result<SourceText, JobFileError> {
        switch readFile(path, limitBytes: Document.limitBytes) {
        case .success(let bytes): return .success(SourceText(file: path, bytes: bytes))
        case .failure(let failure):
            let message =
                failure.isTooLarge
                ? "the file is larger than 1 MiB; no job needs that"
                : failure.isNotRegular ? "not a regular file" : "the file cannot be read: \(failure.reason)"
            return .failure(JobFileError(file: path, message: message))
        }
    }
}

/// The jobs of a directory, also those with errors.
struct JobNames: Sendable {
    let list: [String]
    private let set: Set<String>

    init(_ names: [String]) {
        list = names
        set = Set(names)
    }

    func contains(_ name: String) -> Bool { set.contains(name) }
}

/// What one file held.
struct JobFile: Sendable {
    let name: String
    let path: String
    let result: JobReader.Result?
    let errors: [JobFileError]
    let warnings: [JobFileError]

    init(name: String, path: String, settings: Settings?, names: JobNames, zones: ZoneCache) {
        self.name = name
        self.path = path
        switch Loader.read(path) {
        case .success(let source):
            let reader = JobReader(source: source, name: name, settings: settings, jobNames: names, zones: zones)
            result = reader.job()
            errors = source.errors
            warnings = source.warnings
        case .failure(let error):
            result = nil
            errors = [error]
            warnings = []
        }
    }
}
