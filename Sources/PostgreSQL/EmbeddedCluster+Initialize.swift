import Glibc

extension EmbeddedCluster {
    /// Runs `initdb` where there is no cluster yet. Gives binaries of the cluster's version. The caller holds the lock.
    func initializedCluster(_ account: ServerAccount?) throws(ClusterError) -> ServerBinaries {
        for leftover in directoryEntries(dataDirectory) where leftover.hasPrefix(Self.temporaryPrefix) {
            try removeTree(dataDirectory + "/" + leftover)
        }
        rmdir(clusterDirectory)  // goes where it is empty, as a volume made for it may be
        guard isDirectory(clusterDirectory) else {
            let binaries: ServerBinaries
            if let givenBinaries { binaries = givenBinaries } else { binaries = try ServerBinaries.find() }
            try initialize(binaries, account)
            return binaries
        }
        guard let major = contents(of: clusterDirectory + "/PG_VERSION").flatMap({ Int(trimmed($0)) }) else {
            throw unreadableCluster()
        }
        guard let binaries = givenBinaries else { return try ServerBinaries.find(major: major) }
        guard binaries.majorVersion == major else {
            throw ClusterError(
                .versionMismatch,
                "the cluster in \(clusterDirectory) was made by PostgreSQL \(major), and \(binaries.directory) holds "
                    + "\(binaries.majorVersion). Point TRUEUP_PG_BIN at version \(major) (apt-get install "
                    + "postgresql-\(major)), or bring the cluster up with pg_upgrade, or choose another --data-dir")
        }
        return binaries
    }

    private static let temporaryPrefix = "postgres.init-"

    /// Into a directory of another name, which is renamed when it is whole: a crash in between leaves no half-made
    /// cluster.
    private func initialize(_ binaries: ServerBinaries, _ account: ServerAccount?) throws(ClusterError) {
        let temporary = "\(dataDirectory)/\(Self.temporaryPrefix)\(getpid())"
        try makeDirectory(temporary, owner: account)
        var command = [
            binaries.initdb, "--pgdata=\(temporary)", "--username=\(Self.role)", "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8", "--lc-collate=C", "--lc-ctype=C.UTF-8", "--lc-messages=C", "--lc-monetary=C",
            "--lc-numeric=C",
            "--lc-time=C", "--data-checksums", "--no-instructions",
        ]
        if !isDurable { command.append("--no-sync") }
        let (status, output) = try Subprocess.run(command, as: account, timeoutSeconds: 300)
        guard status == 0 else {
            try? removeTree(temporary)
            let tail = output.split(separator: "\n").suffix(12).joined(separator: "\n")
            throw ClusterError(
                .initializationFailed,
                "initdb failed with status \(status) in \(dataDirectory). Its last words:\n\(tail)")
        }
        guard rename(temporary, clusterDirectory) == 0 else {
            throw ClusterError(.initializationFailed, "cannot rename \(temporary): \(errnoText())")
        }
        // The new name must survive a power cut as the contents do, which initdb has synchronized.
        let descriptor = open(dataDirectory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
    }

    private func unreadableCluster() -> ClusterError {
        if access(clusterDirectory, R_OK | X_OK) != 0 {
            return ClusterError(
                .noPermission,
                "\(clusterDirectory) belongs to user \(ownerName(clusterDirectory)) and cannot be read by this one: "
                    + "run Trueup as that user, or choose another --data-dir")
        }
        return ClusterError(
            .notACluster,
            "\(clusterDirectory) exists, but holds no PostgreSQL cluster (no PG_VERSION): move it away, "
                + "or choose another --data-dir"
        )
    }

    /// The socket's directory, made where it is missing: closed to everyone but the server's user and root.
    func socketDirectory(_ account: ServerAccount?) throws(ClusterError) -> String {
        let preferred = dataDirectory + "/socket"
        let directory =
            Self.isUsable(socketDirectory: preferred) ? preferred : Self.fallbackSocketDirectory(for: dataDirectory)
        try makeDirectory(directory, owner: account)
        var status = stat()
        let wanted = account?.uid ?? geteuid()
        guard lstat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == wanted else {
            throw ClusterError(
                .noPermission,
                "\(directory), where the server's socket is to be, is not a directory of the server's user "
                    + "(uid \(wanted)): remove it"
            )
        }
        guard status.st_mode & 0o077 == 0 || chmod(directory, 0o700) == 0 else {
            throw ClusterError(.noPermission, "cannot close \(directory) to others: \(errnoText())")
        }
        return directory
    }

    /// A socket's path has at most 107 bytes, and a comma or a quote would divide a list of directories.
    static func isUsable(socketDirectory: String) -> Bool {
        "\(socketDirectory)/.s.PGSQL.\(port)".utf8.count <= 107 && !socketDirectory.contains { ",\"\\".contains($0) }
    }

    /// The same for the same data directory, so that every process finds it.
    static func fallbackSocketDirectory(for dataDirectory: String) -> String {
        // FNV-1a, in 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>
        let hash = dataDirectory.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return "/tmp/trueup-\(String(hash, radix: 16))"
    }
}
