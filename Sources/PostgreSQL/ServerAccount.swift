import Glibc

/// The unprivileged account that the server runs under when Trueup runs as root: PostgreSQL refuses to be root.
struct ServerAccount: Sendable {
    let name: String
    let uid: uid_t
    let gid: gid_t

    /// `nil` where Trueup is not root: the server then runs as the same user. A cluster that exists already decides by
    /// its owner; otherwise it is `postgres`, or `nobody`.
    static func forCluster(_ cluster: String) throws(ClusterError) -> ServerAccount? {
        guard geteuid() == 0 else { return nil }
        var status = stat()
        if stat(cluster, &status) == 0, status.st_uid != 0 {
            return ServerAccount(name: named(status.st_uid), uid: status.st_uid, gid: status.st_gid)
        }
        if let account = lookUp("postgres") ?? lookUp("nobody"), account.uid != 0 { return account }
        throw ClusterError(
            .noPermission,
            "PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it. "
                + "Run Trueup as a normal user, or add one: adduser --system --group postgres")
    }

    /// What stands before a command to run it as this account, without any of root's rights.
    var prefix: [String] {
        [
            "/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(gid)", "--clear-groups", "--inh-caps=-all",
            "--no-new-privs", "--",
        ]
    }

    /// Fails with the first directory on the way to `path` that the account cannot enter, for root's eyes see no such
    /// thing.
    func checkReach(_ path: String) throws(ClusterError) {
        if try canEnter(path) { return }
        var ancestor = ""
        for part in path.split(separator: "/") {
            ancestor += "/" + part
            guard try !canEnter(ancestor) else { continue }
            throw ClusterError(
                .noPermission,
                "the data directory \(path) cannot be used: as root, Trueup runs PostgreSQL as user \(name), who may "
                    + "not enter \(ancestor). Choose a directory elsewhere (--data-dir /var/lib/trueup), or let others "
                    + "pass: chmod o+x \(ancestor)")
        }
    }

    private func canEnter(_ path: String) throws(ClusterError) -> Bool {
        try Subprocess.run(["/usr/bin/test", "-x", path], as: self, timeoutSeconds: 5).status == 0
    }

    private static func lookUp(_ name: String) -> ServerAccount? {
        look { getpwnam_r(name, $0, $1, $2, $3) }
    }

    /// A user's name, or its number where it has none.
    static func named(_ uid: uid_t) -> String {
        look { getpwuid_r(uid, $0, $1, $2, $3) }?.name ?? "uid \(uid)"
    }

    private static func look(
        _ call: (
            UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
        ) -> Int32
    ) -> ServerAccount? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16_384) { buffer in
            guard let base = buffer.baseAddress, call(&entry, base, buffer.count, &found) == 0, found != nil,
                let name = entry.pw_name
            else { return nil }
            return ServerAccount(name: String(cString: name), uid: entry.pw_uid, gid: entry.pw_gid)
        }
    }

    /// The home directory of the user that runs this process.
    static func homeDirectory() -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16_384) { buffer in
            guard let base = buffer.baseAddress,
                getpwuid_r(geteuid(), &entry, base, buffer.count, &found) == 0, found != nil, let home = entry.pw_dir
            else { return nil }
            return String(cString: home)
        }
    }
}
