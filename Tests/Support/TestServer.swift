import Glibc
import PostgreSQL
import Store
import Synchronization

/// One embedded PostgreSQL for the whole test process, without fsync, in a temporary directory; it is gone when the
/// process ends. Every test has a database of its own, copied from one that is migrated.
public enum TestServer {
    private static let template = "trueup_template"
    private static let count = Atomic<Int>(0)

    private static let server = Task { () throws -> ConnectionTarget in
        let directory = try temporaryDirectory()
        let cluster = EmbeddedCluster(dataDirectory: directory, durable: false, settings: ["max_connections": "500"])
        let target = try await cluster.start()
        // The exit handler takes no context, so it finds its work in a global.
        if let pid = await cluster.status().processID { runningServers.withLock { $0.append((pid, directory)) } }
        atexit { stopServers() }
        let connection = try await Connection.open(
            cluster.createDatabaseIfMissing(template), applicationName: "template")
        _ = try await Migrator.migrate(connection)
        _ = try await ApplicationTables.create(on: connection)
        await connection.close()
        keptClusters.withLock { $0.append(cluster) }
        return target
    }

    /// A fresh database with schema `trueup` and the application's tables.
    public static func database() async throws -> ConnectionTarget {
        let target = try await server.value
        let name = "test_\(count.add(1, ordering: .relaxed).newValue)"
        let connection = try await Connection.open(target, applicationName: "tests")
        // Two copies of one template at once wait for each other.
        try await connection.execute("SELECT pg_advisory_lock(1)")
        try await connection.execute("CREATE DATABASE \(name) TEMPLATE \(template) STRATEGY file_copy")
        await connection.close()
        return target.with(database: name)
    }

    /// A fresh database without any table.
    public static func emptyDatabase() async throws -> ConnectionTarget {
        let target = try await server.value
        let name = "empty_\(count.add(1, ordering: .relaxed).newValue)"
        let connection = try await Connection.open(target, applicationName: "tests")
        try await connection.execute("CREATE DATABASE \(name) TEMPLATE template0")
        await connection.close()
        return target.with(database: name)
    }

    /// A pool on a fresh database.
    public static func pool(size: Int = 8) async throws -> Pool {
        Pool(try await database(), size: size, applicationName: "tests")
    }

    /// A private directory that others may pass through, because a server of another user has to.
    public static func temporaryDirectory() throws -> String {
        var template = Array("/tmp/trueup-tests-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template).map({ String(cString: $0) }) else {
            throw TestServerError(description: "mkdtemp failed: \(String(cString: strerror(errno)))")
        }
        chmod(path, 0o755)
        return path
    }

    /// Removes a directory with everything in it.
    public static func remove(_ directory: String) {
        var pid: pid_t = 0
        let words: [UnsafeMutablePointer<CChar>?] = ["/bin/rm", "-rf", "--", directory, nil].map { word in
            word.flatMap { strdup($0) }
        }
        posix_spawn(&pid, "/bin/rm", nil, nil, words, environ)
        waitpid(pid, nil, 0)
        for word in words { free(word) }
    }
}

public struct TestServerError: Error, CustomStringConvertible {
    public let description: String
}

private let runningServers = Mutex<[(pid: pid_t, directory: String)]>([])
/// A cluster that is let go stops its server.
private let keptClusters = Mutex<[EmbeddedCluster]>([])

private func stopServers() {
    for server in runningServers.withLock({ $0 }) {
        // Nothing is kept, so there is nothing to shut down in order.
        kill(server.pid, SIGQUIT)
        waitpid(server.pid, nil, 0)
        TestServer.remove(server.directory)
    }
}
