import Glibc

/// A private PostgreSQL server in a directory of Trueup's own, reached through a Unix socket only.
///
/// ```swift
/// let cluster = EmbeddedCluster(dataDirectory: try EmbeddedCluster.defaultDataDirectory())
/// try await cluster.start()
/// let target = try await cluster.createDatabaseIfMissing("trueup")
/// …
/// try await cluster.stop()
/// ```
/// **Files.** `<dir>/postgres` is the cluster, `<dir>/postgres.log` its log, `<dir>/socket` its socket (a private
/// directory under /tmp where that path is too long for a socket), `<dir>/lock` and `<dir>/users` are locks,
/// `<dir>/keep-running` a mark.
///
/// **Who may enter.** The only role is `trueup`, without a password: the directory of the socket belongs to the
/// server's user and is closed to everyone else. As root, the server runs as the owner of the cluster, `postgres` or
/// `nobody`.
///
/// **How long it runs.** Whoever calls `start` is a user of the server until `stop`, or until its process ends, however
/// it ends. The last user to leave stops the server, unless somebody asked for it to be kept running. Where the last
/// user was killed the server stays, and the next `start` finds it.
public actor EmbeddedCluster {
    /// `<dir>`, absolute, without symbolic links once it exists.
    public private(set) var dataDirectory: String
    let givenBinaries: ServerBinaries?
    let isDurable: Bool
    let settings: [String: String]
    private let executor = QueueExecutor(label: "trueup.postgresql.cluster")
    /// Held as shared for as long as this object uses the server.
    private var use: FileLock?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The superuser of the private cluster.
    public static let role = "trueup"
    /// Only names the socket: nothing listens on a network.
    public static let port = 5432

    /// - Parameters:
    ///   - dataDirectory: where everything is kept; made where it does not exist.
    ///   - binaries: the server to run; otherwise one is searched for that fits the cluster.
    ///   - durable: false only for tests: no fsync, so that a power cut may destroy the data. A killed server loses
    /// nothing.
    ///   - settings: more of `postgresql.conf`, which outrank Trueup's own.
    public init(
        dataDirectory: String, binaries: ServerBinaries? = nil, durable: Bool = true, settings: [String: String] = [:]
    ) {
        self.dataDirectory = absolute(dataDirectory)
        givenBinaries = binaries
        isDurable = durable
        self.settings = settings
    }

    /// `$XDG_DATA_HOME/trueup` or `~/.local/share/trueup`; for root `/var/lib/trueup`, because no other user may enter
    /// `/root`. <https://specifications.freedesktop.org/basedir-spec/latest/>
    public static func defaultDataDirectory(environment: [String: String]? = nil) throws(ClusterError) -> String {
        let environment = environment ?? processEnvironment()
        // The specification has relative paths ignored.
        if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") { return data + "/trueup" }
        if geteuid() == 0 { return "/var/lib/trueup" }
        let home = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? ServerAccount.homeDirectory()
        guard let home else {
            throw ClusterError(.noPermission, "neither HOME nor XDG_DATA_HOME says where data is kept: use --data-dir")
        }
        return home + "/.local/share/trueup"
    }

    /// PostgreSQL's own data directory.
    public var clusterDirectory: String { dataDirectory + "/postgres" }
    /// The server's log, of this run and those before.
    public var logPath: String { dataDirectory + "/postgres.log" }
    var keepMark: String { dataDirectory + "/keep-running" }

    /// The server of this directory, where it lives, whoever started it.
    var postmaster: Postmaster? {
        Postmaster(cluster: clusterDirectory).flatMap { $0.isAlive ? $0 : nil }
    }

    /// Whether this object counts as a user of the server.
    var isUser: Bool { use != nil }

    /// Whether the server lives, whoever started it.
    public var isRunning: Bool { postmaster != nil }

    /// Starts the server where it does not run, after `initdb` the first time, and waits until it answers, at most 30
    /// seconds. From then on this object counts as a user of it.
    ///
    /// - Parameters:
    ///   - keepRunning: the server stays when its last user leaves, until `stop(.evenIfKept)`.
    ///   - asks: of a server that runs and calls itself ready, whether it is asked for an answer; not where the caller
    ///     connects at once and starts it once more, asking, where that fails.
    /// - Returns: how to reach the database `postgres`, which always exists.
    @discardableResult
    public func start(keepRunning: Bool = false, asks: Bool = true) async throws -> ConnectionTarget {
        try prepareDataDirectory()
        let lock = try await holdLock()
        defer { lock.release() }
        // Nobody asks for the exclusive form without the lock that is held here, so this cannot fail for long.
        if use == nil {
            let shared = try FileLock(dataDirectory + "/users")
            guard shared.tryShared() else { throw ClusterError(.busy, "cannot lock \(shared.path)") }
            use = shared
        }
        do {
            let target = try await runningServer(asks: asks)
            if keepRunning { try touch(keepMark) }
            return target
        } catch {
            use = nil
            throw error
        }
    }

    /// Makes a database that does not exist. Gives the way to it.
    @discardableResult
    public func createDatabaseIfMissing(_ name: String) async throws -> ConnectionTarget {
        guard let target = postmaster.flatMap(target(of:)) else {
            throw ClusterError(.startFailed, "the embedded database in \(dataDirectory) does not run; start it first")
        }
        let connection = try await Connection.open(target, applicationName: "trueup db create")
        let exists = try await connection.query("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", name)
        if exists.isEmpty { try await createDatabase(name, connection) }
        await connection.close()
        return target.with(database: name)
    }

    private func createDatabase(_ name: String, _ connection: Connection) async throws(PostgresError) {
        do throws(PostgresError) {
            // template0 has no users that could be in the way.
            try await connection.execute("CREATE DATABASE \(quoteIdentifier(name)) TEMPLATE template0")
        } catch {
            let anotherProcessWasFaster = ["42P04", "23505"].contains(error.sqlState)
            if !anotherProcessWasFaster { throw error }
        }
    }

    /// When to stop the server.
    public enum StopWish: Sendable {
        /// At the end of a command: only where nobody else uses the server and nobody asked for it to be kept.
        case whenUnused
        /// `trueup db stop`: also a server that is to be kept, but not one that others use.
        case evenIfKept
        /// Whoever uses it.
        case always
    }

    /// What became of the server.
    public enum StopOutcome: Sendable, Hashable {
        case stopped
        case notRunning
        /// Others use it.
        case inUse
        /// It is to be kept running.
        case kept
    }

    /// Ends this object's use of the server, and the server where `wish` allows it. Waits until it has ended: "fast
    /// shutdown" with a checkpoint, open transactions rolled back.
    @discardableResult
    public func stop(_ wish: StopWish = .whenUnused) async throws -> StopOutcome {
        guard use != nil || wish != .whenUnused, isDirectory(dataDirectory) else { return .notRunning }
        let lock = try await holdLock()
        defer { lock.release() }
        use = nil
        guard let postmaster else {
            unlink(keepMark)
            return .notRunning
        }
        let others = try FileLock(dataDirectory + "/users")
        guard others.tryExclusive() || wish == .always else { return .inUse }
        if wish == .whenUnused, access(keepMark, F_OK) == 0 { return .kept }
        unlink(keepMark)
        try await shutDown(postmaster)
        return .stopped
    }

    /// The lock around every decision to start or stop. `initdb` of another process may take a while.
    private func holdLock() async throws -> FileLock {
        let lock = try FileLock(dataDirectory + "/lock")
        let deadline = monotonicMilliseconds() + 120_000
        while !lock.tryExclusive() {
            guard monotonicMilliseconds() < deadline else {
                throw ClusterError(
                    .busy, "another process has been starting or stopping \(dataDirectory) for 2 minutes")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return lock
    }

    private func prepareDataDirectory() throws(ClusterError) {
        let account = try ServerAccount.forCluster(clusterDirectory)
        let exists = isDirectory(dataDirectory)
        try makeDirectory(dataDirectory, owner: account)
        if !exists || postmaster == nil { try account?.checkReach(dataDirectory) }
        guard access(dataDirectory, W_OK | X_OK) == 0 else {
            throw ClusterError(
                .noPermission,
                "the data directory \(dataDirectory) cannot be written by this user (\(errnoText())): "
                    + "run Trueup as its owner, or choose another with --data-dir")
        }
        if let path = realpath(dataDirectory, nil) {
            dataDirectory = String(cString: path)
            free(path)
        }
    }
}
