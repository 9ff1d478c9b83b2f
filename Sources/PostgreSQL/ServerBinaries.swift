import Glibc

/// An installed PostgreSQL server: the directory that holds its `postgres` and `initdb`.
public struct ServerBinaries: Sendable, Hashable {
    /// An absolute path.
    public let directory: String
    /// The major version, 15 or later.
    public let majorVersion: Int

    var postgres: String { directory + "/postgres" }
    var initdb: String { directory + "/initdb" }
    /// The client, for `trueup db psql`; it is there where `postgresql-client` is installed.
    public var psql: String { directory + "/psql" }

    /// The oldest server that Trueup works with.
    public static let oldestMajorVersion = 15

    /// Finds a server. Where `pathHint` or `TRUEUP_PG_BIN` names a directory, only that one counts. Otherwise
    /// `pg_config --bindir`, Debian's `/usr/lib/postgresql/*/bin` from the newest on, and `PATH` are searched.
    ///
    /// - Parameters:
    ///   - major: the only version wanted, as where a cluster exists already.
    ///   - environment: for tests; the process's own otherwise.
    /// - Throws: `.noServerBinaries`, which says where was looked and what to install.
    public static func find(
        pathHint: String? = nil, major: Int? = nil, environment: [String: String]? = nil
    ) throws(ClusterError) -> ServerBinaries {
        let environment = environment ?? processEnvironment()
        let named = pathHint ?? environment["TRUEUP_PG_BIN"].flatMap { $0.isEmpty ? nil : $0 }
        let candidates = named.map { [$0] } ?? searchPath(environment)
        var looked: [String] = []
        for directory in candidates where !looked.contains(directory) {
            looked.append(directory)
            guard let binaries = ServerBinaries(in: directory), binaries.majorVersion >= oldestMajorVersion else {
                continue
            }
            if let major, binaries.majorVersion != major { continue }
            return binaries
        }
        let wanted = major.map(String.init) ?? "\(oldestMajorVersion) or later"
        let place = looked.isEmpty ? "nowhere to look" : "looked in \(looked.joined(separator: ", "))"
        throw ClusterError(
            .noServerBinaries,
            "no PostgreSQL \(wanted) server (postgres and initdb) was found; \(place). "
                + "Install it with: apt-get install postgresql-\(major ?? oldestMajorVersion). "
                + "Or set TRUEUP_PG_BIN to its bin directory, or DATABASE_URL to a database that runs already.")
    }

    private static func searchPath(_ environment: [String: String]) -> [String] {
        let path = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
        var candidates: [String] = []
        if let tool = path.map({ $0 + "/pg_config" }).first(where: { access($0, X_OK) == 0 }),
            let answer = try? Subprocess.run([tool, "--bindir"], timeoutSeconds: 5), answer.status == 0
        {
            candidates.append(trimmed(answer.output))
        }
        let debian = "/usr/lib/postgresql"
        let versions = directoryEntries(debian).compactMap(Int.init).sorted(by: >)
        return candidates + versions.map { "\(debian)/\($0)/bin" } + path
    }

    /// `nil` where the directory lacks one of the two programs, or `postgres` does not say its version.
    private init?(in directory: String) {
        let postgres = directory + "/postgres"
        guard access(postgres, X_OK) == 0, access(directory + "/initdb", X_OK) == 0,
            let answer = try? Subprocess.run([postgres, "--version"], timeoutSeconds: 5), answer.status == 0,
            let version = answer.output.split(separator: " ").last?.prefix(while: \.isNumber), let major = Int(version)
        else { return nil }
        self.directory = directory
        majorVersion = major
    }
}

/// The names in a directory, without `.` and `..`; none where it cannot be read.
func directoryEntries(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

func processEnvironment() -> [String: String] {
    var result: [String: String] = [:]
    var position = environ
    while let entry = position.pointee {
        let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
        position += 1
    }
    return result
}
