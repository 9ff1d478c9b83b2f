import Glibc
import PostgreSQL
import Synchronization
import Testing

/// One embedded server for the whole test process, without fsync, in a temporary directory; stopped and
/// removed when the process ends.
enum Fixture {
    private static let server = Task { () throws -> EmbeddedCluster in
        let directory = try temporaryDirectory()
        let cluster = EmbeddedCluster(
            dataDirectory: directory, durable: false, settings: ["max_connections": "300"])
        try await cluster.start()
        // The exit handler below takes no context, so it finds its work here.
        if let pid = await cluster.status().processID { serversToStop.withLock { $0.append((pid, directory)) } }
        atexit { stopServers() }
        return cluster
    }

    private static let databaseCount = Atomic<Int>(0)

    /// A fresh database, so that tests run side by side.
    static func database() async throws -> ConnectionTarget {
        let number = databaseCount.add(1, ordering: .relaxed).newValue
        return try await server.value.createDatabaseIfMissing("test_\(number)")
    }

    /// A connection to a fresh database.
    static func connection() async throws -> Connection {
        try await Connection.open(database(), applicationName: "tests")
    }

    /// A private directory that others may pass through, because a server of another user has to.
    static func temporaryDirectory() throws -> String {
        var template = Array("/tmp/trueup-tests-XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        chmod(path, 0o755)
        return path
    }

    static func remove(_ directory: String) {
        var pid: pid_t = 0
        let words: [UnsafeMutablePointer<CChar>?] = ["/bin/rm", "-rf", "--", directory, nil].map { word in
            word.flatMap { strdup($0) }
        }
        posix_spawn(&pid, "/bin/rm", nil, nil, words, environ)
        waitpid(pid, nil, 0)
        for word in words { free(word) }
    }
}

private let serversToStop = Mutex<[(pid: pid_t, directory: String)]>([])

private func stopServers() {
    let servers = serversToStop.withLock { $0 }
    for server in servers {
        // Nothing is kept, so there is nothing to shut down in order.
        kill(server.pid, SIGQUIT)
        waitpid(server.pid, nil, 0)
        Fixture.remove(server.directory)
    }
}

/// Waits until another session of the same database runs a statement that begins with these words.
func waitUntilRunning(_ words: String, _ watcher: Connection) async throws {
    let sql =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE $1 || '%'"
    for _ in 0..<3_000 {
        if try await !watcher.query(sql, words).isEmpty { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("nobody runs \(words)")
}

/// Runs `body`, which must throw a `PostgresError`, and gives the error.
func postgresError(
    _ body: () async throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
) async throws -> PostgresError {
    let error = await #expect(throws: PostgresError.self, sourceLocation: sourceLocation) { try await body() }
    return try #require(error, sourceLocation: sourceLocation)
}
