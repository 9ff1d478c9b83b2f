import Glibc

extension EmbeddedCluster {
    /// How long a server may take until it answers; recovery after a crash is part of it.
    private static let readinessMilliseconds: Int64 = 30_000

    /// Finds the server or starts it. The caller holds the lock.
    func runningServer(asks: Bool) async throws -> ConnectionTarget {
        if let postmaster {
            if !asks, postmaster.isReady, let target = target(of: postmaster) { return target }
            if let target = try await ready(postmaster, since: logSize()) { return target }
            // It was just shutting down; by now it is gone.
        }
        let account = try ServerAccount.forCluster(clusterDirectory)
        try await clearDeadServer()
        let binaries = try initializedCluster(account)
        let logStart = try openedLog()
        let pid = try launch(binaries, account)
        do {
            return try await started(pid, since: logStart)
        } catch {
            await end(pid)
            throw error
        }
    }

    /// A `postmaster.pid` whose process is dead.
    private func clearDeadServer() async throws {
        guard let dead = Postmaster(cluster: clusterDirectory) else { return }
        reap(dead.pid)
        let deadline = monotonicMilliseconds() + 10_000
        while dead.hasSurvivors {
            guard monotonicMilliseconds() < deadline else {
                throw ClusterError(
                    .startFailed,
                    "the server of \(clusterDirectory) died, but processes of it still run: end the postgres processes "
                        + "of user \(ownerName(clusterDirectory)) that use shared memory "
                        + "\(dead.sharedMemoryID ?? 0) (ipcs -mp), then try again")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        dead.removeStaleFiles()
    }

    private func launch(_ binaries: ServerBinaries, _ account: ServerAccount?) throws(ClusterError) -> pid_t {
        let socket = try socketDirectory(account)
        var all = Self.tuning
        if !isDurable {
            for (key, value) in ["fsync": "off", "full_page_writes": "off"] {
                all[key] = value
            }
        }
        all.merge(settings) { _, given in given }
        all["listen_addresses"] = ""
        all["unix_socket_directories"] = "\"\(socket)\""
        all["unix_socket_permissions"] = "0700"
        all["port"] = String(Self.port)
        let options = all.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] }
        let log = open(logPath, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard log >= 0 else { throw ClusterError(.noPermission, "cannot write \(logPath): \(errnoText())") }
        defer { close(log) }
        return try Subprocess.spawn([binaries.postgres, "-D", clusterDirectory] + options, as: account, output: log)
    }

    /// For set-based work on a machine that is shared with Trueup itself; as durable as PostgreSQL's defaults.
    private static let tuning = [
        "shared_buffers": "128MB", "max_connections": "200", "max_wal_size": "1GB", "work_mem": "16MB",
        "maintenance_work_mem": "128MB", "random_page_cost": "1.1", "jit": "off",
        // Nothing is replicated, and a table filled in the transaction that makes it needs no log of its own.
        "wal_level": "minimal", "max_wal_senders": "0",
        "timezone": "UTC", "log_timezone": "UTC", "lc_messages": "C", "log_line_prefix": "%m [%p] %a ",
    ]

    /// Waits for a server that was just launched.
    private func started(_ pid: pid_t, since logStart: Int) async throws -> ConnectionTarget {
        let deadline = monotonicMilliseconds() + Self.readinessMilliseconds
        while monotonicMilliseconds() < deadline {
            if reap(pid) { throw startFailure("PostgreSQL ended at once", since: logStart) }
            if let postmaster = Postmaster(cluster: clusterDirectory), postmaster.pid == pid,
                let target = try await ready(postmaster, since: logStart)
            {
                return target
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw startFailure("PostgreSQL was not ready after 30 s", since: logStart)
    }

    /// Connects until it works. `nil` where the server ends meanwhile.
    private func ready(_ postmaster: Postmaster, since logStart: Int) async throws -> ConnectionTarget? {
        let deadline = monotonicMilliseconds() + Self.readinessMilliseconds
        var last: PostgresError?
        while monotonicMilliseconds() < deadline {
            do throws(PostgresError) {
                if let target = Postmaster(cluster: clusterDirectory).flatMap(target(of:)) {
                    let connection = try await Connection.open(target, applicationName: "trueup db start")
                    await connection.close()
                    return target
                }
            } catch {
                if error.isCancelled { throw error }
                last = error
            }
            reap(postmaster.pid)
            if !postmaster.isAlive { return nil }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw startFailure(
            "PostgreSQL was not ready after 30 s: \(last.map(\.description) ?? "no answer")", since: logStart)
    }

    func target(of postmaster: Postmaster) -> ConnectionTarget? {
        postmaster.socketDirectory.map {
            ConnectionTarget(socketDirectory: $0, port: postmaster.port, database: "postgres", user: Self.role)
        }
    }

    /// Fast shutdown, and where that does not end within a minute, immediate shutdown, after which the next start
    /// recovers.
    func shutDown(_ postmaster: Postmaster) async throws {
        for (signal, seconds) in [(SIGINT, 60), (SIGQUIT, 10)] {
            kill(postmaster.pid, signal)
            let deadline = monotonicMilliseconds() + Int64(seconds) * 1_000
            while monotonicMilliseconds() < deadline {
                reap(postmaster.pid)
                if !postmaster.isAlive { return }
                // Not Task.sleep: a cancelled command still has to stop its server.
                usleep(5_000)
            }
        }
        throw ClusterError(
            .stopFailed, "PostgreSQL (process \(postmaster.pid)) in \(clusterDirectory) does not end; see \(logPath)")
    }

    /// Ends a server that this call launched and that is of no use.
    private func end(_ pid: pid_t) async {
        kill(pid, SIGQUIT)
        for _ in 0..<1_000 where !reap(pid) { usleep(5_000) }
    }

    /// True where the process was our child and has ended.
    @discardableResult
    private func reap(_ pid: pid_t) -> Bool {
        waitpid(pid, nil, WNOHANG) == pid
    }

    // MARK: - The log

    private func logSize() -> Int {
        var status = stat()
        return stat(logPath, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Keeps the log of the run before when it has grown. Gives the offset at which the new run's words begin.
    private func openedLog() throws(ClusterError) -> Int {
        if logSize() > 16 << 20 { rename(logPath, logPath + ".1") }
        return logSize()
    }

    private func startFailure(_ what: String, since logStart: Int) -> ClusterError {
        let text = contents(of: logPath, from: logStart) ?? ""
        let tail = text.split(separator: "\n").suffix(15).joined(separator: "\n")
        let words = tail.isEmpty ? "It wrote nothing to \(logPath)." : "The end of \(logPath):\n\(tail)"
        return ClusterError(.startFailed, "\(what) in \(clusterDirectory). \(words)")
    }
}
