import Glibc

/// The state of an embedded database, for `trueup db status`.
public struct ClusterStatus: Sendable {
    /// Where everything is kept.
    public let dataDirectory: String
    /// The server's log.
    public let logPath: String
    /// PostgreSQL's major version; `nil` where there is no cluster yet.
    public let majorVersion: Int?
    /// The server's process; `nil` where it does not run.
    public let processID: Int32?
    /// How to reach the database `postgres`; `nil` where the server does not run.
    public let target: ConnectionTarget?
    /// Whether it stays when its last user leaves.
    public let isKeptRunning: Bool
    /// Whether another process, or another object of this one, uses it.
    public let isUsedByOthers: Bool

    /// Whether the server lives.
    public var isRunning: Bool { processID != nil }
}

extension EmbeddedCluster {
    /// Whether there is a cluster in the directory.
    /// - Throws: ``ClusterError/Kind/noPermission``, where this user may not look, so that nobody can say that there is
    ///   none.
    public func isMade() throws(ClusterError) -> Bool {
        let file = clusterDirectory + "/PG_VERSION"
        if access(file, R_OK) == 0 { return true }
        let code = errno
        if code == ENOENT || code == ENOTDIR { return false }
        // The outermost that is closed: what lies behind it cannot even be asked for its owner.
        let places = [dataDirectory, clusterDirectory]
        let closed = places.first { access($0, X_OK) != 0 } ?? file
        let owner = code == EACCES || code == EPERM ? ", which belongs to user \(ownerName(closed))" : ""
        throw ClusterError(
            .noPermission,
            "this user cannot look into \(closed)\(owner): \(errnoText(code)). Run Trueup as the user who made the "
                + "database, or choose another with --data-dir")
    }

    /// Looks, and changes nothing.
    public func status() -> ClusterStatus {
        let postmaster = postmaster
        return ClusterStatus(
            dataDirectory: dataDirectory, logPath: logPath,
            majorVersion: contents(of: clusterDirectory + "/PG_VERSION").flatMap { Int(trimmed($0)) },
            processID: postmaster?.pid, target: postmaster.flatMap(target(of:)),
            isKeptRunning: access(keepMark, F_OK) == 0,
            isUsedByOthers: userCount() > (isUser ? 1 : 0))
    }

    /// How many hold the lock of users. Asked of the kernel, because taking the lock to find out would disturb those
    /// who start.
    private func userCount() -> Int {
        var file = stat()
        guard stat(dataDirectory + "/users", &file) == 0, let locks = contents(of: "/proc/locks") else { return 0 }
        // 1: FLOCK  ADVISORY  READ 1234 08:01:131 0 EOF
        let held = locks.split(separator: "\n").filter { $0.contains(" FLOCK ") && $0.contains(":\(file.st_ino) ") }
        return held.count
    }
}
