import Glibc
import PostgreSQL
import Testing

@Suite struct EmbeddedClusterTests {
    @Test("a cluster is made once, keeps its data, and stops with its last user")
    func lifecycle() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            #expect(await !cluster.isRunning)
            #expect(await cluster.status().majorVersion == nil)
            #expect(try await cluster.stop() == .notRunning)
            try await cluster.start()
            let target = try await cluster.createDatabaseIfMissing("trueup")
            let again = try await cluster.createDatabaseIfMissing("trueup")
            #expect(again.description == target.description)
            try await insert(1, target)
            let status = await cluster.status()
            #expect(status.isRunning && !status.isKeptRunning && !status.isUsedByOthers)
            #expect(try #require(status.majorVersion) >= ServerBinaries.oldestMajorVersion)
            #expect(try await cluster.stop() == .stopped)
            #expect(await !cluster.isRunning)
            #expect(await cluster.status().processID == nil)
            try await cluster.start()
            #expect(try await values(target) == [1])
        }
    }

    @Test("the server listens on no network, and nobody else may enter its directories")
    func privacy() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            let target = try await cluster.start()
            let socketDirectory = try #require(target.host)
            #expect(socketDirectory == directory + "/data/socket")
            for path in [directory + "/data", directory + "/data/postgres", socketDirectory] {
                #expect(try status(path).st_mode & 0o777 == 0o700, "\(path)")
            }
            let connection = try await Connection.open(target, applicationName: "t")
            let sql = """
                SELECT current_setting('listen_addresses') AS listen, current_setting('fsync') AS fsync,
                    current_setting('server_encoding') AS encoding, current_setting('data_checksums') AS sums,
                    (SELECT string_agg(rolname, ',') FROM pg_roles WHERE rolcanlogin) AS roles,
                    (SELECT string_agg(DISTINCT type || ' ' || auth_method, ',' ORDER BY type || ' ' || auth_method)
                        FROM pg_hba_file_rules) AS rules
                """
            let row = try #require(try await connection.query(sql).first)
            #expect(try row["listen"] == "")
            #expect(try row["fsync"] == "off")
            #expect(try row["encoding"] == "UTF8")
            #expect(try row["sums"] == "on")
            #expect(try row["roles"] == "trueup")
            #expect(try row["rules"] == "host reject,local trust")
            let pid = try #require(await cluster.status().processID)
            #expect(getsid(pid) == pid, "the server has a session of its own, which no Ctrl-C reaches")
        }
    }

    @Test("without further wishes the server is durable")
    func durability() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", settings: ["work_mem": "5MB"])
            let connection = try await Connection.open(try await cluster.start(), applicationName: "t")
            for (name, value) in [
                ("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"), ("work_mem", "5MB"),
                ("max_connections", "200"), ("shared_buffers", "128MB"),
            ] {
                let row = try #require(try await connection.query("SELECT current_setting($1)", name).first)
                #expect(try row[0] == value, "\(name)")
            }
        }
    }

    @Test("several users start and share one server; the last to leave stops it")
    func sharing() async throws {
        try await withDirectory { directory in
            let clusters = (0..<4).map { _ in EmbeddedCluster(dataDirectory: directory + "/data", durable: false) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, cluster) in clusters.enumerated() {
                    group.addTask {
                        try await cluster.start()
                        let target = try await cluster.createDatabaseIfMissing("shared")
                        try await insert(number, target)
                    }
                }
                try await group.waitForAll()
            }
            #expect(await clusters[0].status().isUsedByOthers)
            var pids: Set<Int32> = []
            for cluster in clusters { pids.insert(try #require(await cluster.status().processID)) }
            #expect(pids.count == 1)
            for cluster in clusters.dropLast() {
                #expect(try await cluster.stop() == .inUse)
                #expect(await cluster.isRunning)
            }
            #expect(await !clusters[3].status().isUsedByOthers)
            #expect(try await clusters[3].stop() == .stopped)
            #expect(try await clusters[0].stop(.evenIfKept) == .notRunning)
        }
    }

    @Test("a server that is to be kept outlives its users until it is stopped by name")
    func kept() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            try await cluster.start(keepRunning: true)
            #expect(try await cluster.stop() == .kept)
            let other = EmbeddedCluster(dataDirectory: directory + "/data")
            try await other.start()
            #expect(await other.status().isKeptRunning)
            #expect(try await other.stop() == .kept)
            let stopper = EmbeddedCluster(dataDirectory: directory + "/data")
            #expect(try await stopper.stop(.evenIfKept) == .stopped)
            #expect(await !stopper.status().isKeptRunning)
        }
    }

    @Test("another process that uses the server keeps it from being stopped, but not by force")
    func otherProcess() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            try await cluster.start()
            let pid = try spawn(["/usr/bin/flock", "--shared", directory + "/data/users", "/bin/sleep", "60"])
            while await !cluster.status().isUsedByOthers { try await Task.sleep(for: .milliseconds(5)) }
            #expect(try await cluster.stop() == .inUse)
            #expect(try await cluster.stop(.evenIfKept) == .inUse)
            try await cluster.start()
            #expect(try await cluster.stop(.always) == .stopped)
            kill(-pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
    }

    @Test("a server whose Trueup was killed is found by the next, which stops it")
    func abandoned() async throws {
        try await withDirectory { directory in
            var first: EmbeddedCluster? = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            try await first?.start()
            let pid = await first?.status().processID
            // Its locks go with it, as the kernel drops those of a killed process.
            first = nil
            let second = EmbeddedCluster(dataDirectory: directory + "/data")
            try await second.start()
            #expect(await second.status().processID == pid)
            #expect(try await second.stop() == .stopped)
        }
    }

    @Test("who connects at once need not ask a server that calls itself ready, and one that is not there is started")
    func withoutAsking() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            let target = try await cluster.start(asks: false)
            try await insert(1, target)
            let pid = try #require(await cluster.status().processID)
            // A stopped server answers nobody.
            kill(pid, SIGSTOP)
            let other = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            let same = try await other.start(asks: false)
            kill(pid, SIGCONT)
            #expect(same.description == target.description)
            #expect(try await values(same) == [1])
            try await other.stop()
        }
    }

    @Test("open connections do not keep the server from stopping; they learn of it")
    func stopWithConnections() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            let target = try await cluster.start()
            let connection = try await Connection.open(target, applicationName: "t")
            let task = Task { try await connection.query("SELECT pg_sleep(60)") }
            try await waitUntilRunning("SELECT pg_sleep", try await Connection.open(target, applicationName: "w"))
            #expect(try await cluster.stop() == .stopped)
            let error = try await postgresError { _ = try await task.value }
            #expect(error.isConnectionLost)
            #expect(error.sqlState == "57P01")
            #expect(await connection.isBroken)
        }
    }

    @Test("after a SIGKILL of the server the next start recovers what was committed")
    func killedServer() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(
                dataDirectory: directory + "/data", durable: false)
            try await cluster.start()
            let target = try await cluster.createDatabaseIfMissing("trueup")
            for round in 0..<3 {
                try await insert(round, target)
                let pid = try #require(await cluster.status().processID)
                kill(pid, SIGKILL)
                while await cluster.isRunning { try await Task.sleep(for: .milliseconds(2)) }
                try await cluster.start()
                #expect(await cluster.status().processID != pid)
                #expect(try await values(target) == Array(0...round).map(Int64.init))
            }
        }
    }

    @Test("a postmaster.pid whose process id belongs to something else now is no obstacle")
    func stalePID() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            try await cluster.start()
            try await cluster.stop()
            // Not the test process itself: PostgreSQL ignores the ids of its own parents.
            let foreign = try spawn(["/bin/sleep", "60"])
            let data = directory + "/data/postgres"
            let socket = directory + "/data/socket"
            try write(
                "\(foreign)\n\(data)\n1\n5432\n\(socket)\n\n  1234567   2147483000\nready\n", data + "/postmaster.pid")
            try write("\(foreign)\n\(data)\n1\n5432\n\(socket)\n", socket + "/.s.PGSQL.5432.lock")
            #expect(await !cluster.isRunning)
            try await cluster.start()
            #expect(await cluster.isRunning)
            kill(-foreign, SIGKILL)
            waitpid(foreign, nil, 0)
        }
    }

    @Test("a data directory whose path is too long for a socket, or divides a list, works all the same")
    func awkwardPaths() async throws {
        try await withDirectory { directory in
            for name in [String(repeating: "long", count: 40), "comma, \"quote\" and space"] {
                let path = directory + "/" + name
                let cluster = EmbeddedCluster(dataDirectory: path, durable: false)
                let target = try await cluster.start()
                let socketDirectory = try #require(target.host)
                #expect(socketDirectory.hasPrefix("/tmp/trueup-"))
                #expect(try status(socketDirectory).st_mode & 0o777 == 0o700)
                _ = try await Connection.open(target, applicationName: "t").query("SELECT 1")
                try await cluster.stop()
                rmdir(socketDirectory)
            }
        }
    }
}

// MARK: - What the tests share

/// Runs `body` with a directory of its own, and ends the servers below it, whatever happens.
func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = try Fixture.temporaryDirectory()
    let result = await Result { try await body(directory) }
    for name in ["data", "."] {
        _ = try? await EmbeddedCluster(dataDirectory: "\(directory)/\(name)").stop(.always)
    }
    Fixture.remove(directory)
    try result.get()
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

func status(_ path: String) throws -> stat {
    var result = stat()
    try #require(stat(path, &result) == 0, "\(path): \(String(cString: strerror(errno)))")
    return result
}

func write(_ text: String, _ path: String, mode: mode_t = 0o600) throws {
    let file = try #require(fopen(path, "w"))
    fputs(text, file)
    fclose(file)
    chmod(path, mode)
}

/// Starts a program in a process group of its own.
func spawn(_ command: [String]) throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    defer { posix_spawnattr_destroy(&attributes) }
    let words = command.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    try #require(posix_spawn(&pid, command[0], nil, &attributes, words, environ) == 0)
    return pid
}

private func insert(_ value: Int, _ target: ConnectionTarget) async throws {
    let connection = try await Connection.open(target, applicationName: "t")
    try await connection.run(
        script: "SELECT pg_advisory_lock(1); CREATE TABLE IF NOT EXISTS t (id bigint); INSERT INTO t VALUES (\(value))")
    await connection.close()
}

private func values(_ target: ConnectionTarget) async throws -> [Int64] {
    let connection = try await Connection.open(target, applicationName: "t")
    let rows = try await connection.query("SELECT id FROM t ORDER BY id")
    await connection.close()
    return try rows.map { row throws(PostgresError) in try row["id"] }
}
