import Glibc
import PostgreSQL
import Testing

/// One reproduction of every reason why the embedded database cannot be used.
@Suite struct ClusterErrorTests {
    @Test("no server: says where was looked, what to install, and what to set")
    func noServer() async throws {
        let error = try await clusterError {
            _ = try ServerBinaries.find(environment: ["TRUEUP_PG_BIN": "/nonexistent/bin", "PATH": "/usr/bin"])
        }
        #expect(error.kind == .noServerBinaries)
        for words in ["/nonexistent/bin", "apt-get install postgresql-15", "TRUEUP_PG_BIN", "DATABASE_URL"] {
            #expect(error.description.contains(words))
        }
        let future = try await clusterError {
            _ = try ServerBinaries.find(major: 99, environment: ["PATH": "/usr/bin:/bin"])
        }
        #expect(future.description.contains("no PostgreSQL 99"))
        #expect(future.description.contains("/usr/bin"))
    }

    @Test("a server older than 15 does not count")
    func oldServer() async throws {
        try await withDirectory { directory in
            try fakeServer(in: directory, version: "14.9", initdb: "exit 0")
            let error = try await clusterError { _ = try ServerBinaries.find(pathHint: directory) }
            #expect(error.kind == .noServerBinaries)
        }
    }

    @Test("the installed server is found")
    func found() throws {
        let binaries = try ServerBinaries.find()
        #expect(binaries.majorVersion >= ServerBinaries.oldestMajorVersion)
        let hinted = try ServerBinaries.find(pathHint: binaries.directory, environment: [:])
        #expect(hinted == binaries)
    }

    @Test("a directory that the server's user cannot reach is named, with the way out")
    func unreachable() async throws {
        try await withDirectory { directory in
            let closed = directory + "/closed"
            mkdir(closed, 0o700)
            if geteuid() != 0 { chmod(closed, 0) }
            let error = try await clusterError { try await EmbeddedCluster(dataDirectory: closed + "/data").start() }
            #expect(error.kind == .noPermission)
            #expect(error.description.contains(closed))
            #expect(error.description.contains("--data-dir"))
            if geteuid() == 0 { #expect(error.description.contains("chmod o+x \(closed)")) }
            chmod(closed, 0o755)
        }
    }

    @Test("where this user cannot look nobody says that there is no database")
    func unseen() async throws {
        try await withDirectory { directory in
            #expect(try await !EmbeddedCluster(dataDirectory: directory + "/none").isMade())
            mkdir(directory + "/data", 0o755)
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data")
            #expect(try await !cluster.isMade())
            // Root may look everywhere, but not around a circle.
            let inner = directory + "/data/postgres"
            if geteuid() == 0 { symlink("postgres", inner) } else { mkdir(inner, 0) }
            let error = try await clusterError { _ = try await cluster.isMade() }
            #expect(error.kind == .noPermission && error.description.contains(inner), "\(error)")
            if geteuid() == 0 {
                unlink(inner)
            } else {
                for words in ["belongs to user ", "ermission denied"] { #expect(error.description.contains(words)) }
                chmod(inner, 0o755)
            }
        }
    }

    @Test("a directory that cannot be made is named")
    func notADirectory() async throws {
        try await withDirectory { directory in
            try write("a file", directory + "/file")
            let error = try await clusterError {
                try await EmbeddedCluster(dataDirectory: directory + "/file/data").start()
            }
            #expect(error.kind == .noPermission)
            #expect(error.description.contains(directory + "/file"))
        }
    }

    @Test("a cluster of another major version is named, with both versions")
    func version() async throws {
        try await withDirectory { directory in
            mkdir(directory + "/data", 0o755)
            mkdir(directory + "/data/postgres", 0o755)
            try write("13\n", directory + "/data/postgres/PG_VERSION")
            let binaries = try ServerBinaries.find()
            let given = try await clusterError {
                try await EmbeddedCluster(dataDirectory: directory + "/data", binaries: binaries).start()
            }
            #expect(given.kind == .versionMismatch)
            #expect(given.description.contains("PostgreSQL 13"))
            #expect(given.description.contains("\(binaries.majorVersion)"))
            let searched = try await clusterError {
                try await EmbeddedCluster(dataDirectory: directory + "/data").start()
            }
            #expect(searched.kind == .noServerBinaries)
            #expect(searched.description.contains("postgresql-13"))
        }
    }

    @Test("a directory that is no cluster is left alone")
    func notACluster() async throws {
        try await withDirectory { directory in
            mkdir(directory + "/data", 0o755)
            mkdir(directory + "/data/postgres", 0o755)
            try write("precious", directory + "/data/postgres/file")
            let error = try await clusterError { try await EmbeddedCluster(dataDirectory: directory + "/data").start() }
            #expect(error.kind == .notACluster)
            #expect(access(directory + "/data/postgres/file", F_OK) == 0)
        }
    }

    @Test("where initdb fails its words are shown, nothing half-made is left, and the next try works")
    func initdbFails() async throws {
        try await withDirectory { directory in
            let fake = directory + "/bin"
            mkdir(fake, 0o755)
            try fakeServer(in: fake, version: "15.1", initdb: "echo 'could not write: No space left on device'; exit 1")
            let path = directory + "/data"
            let broken = EmbeddedCluster(dataDirectory: path, binaries: try .find(pathHint: fake), durable: false)
            let error = try await clusterError { try await broken.start() }
            #expect(error.kind == .initializationFailed)
            #expect(error.description.contains("No space left on device"))
            #expect(access(path + "/postgres", F_OK) != 0)
            // What a Trueup that was killed during initdb leaves.
            mkdir(path + "/postgres.init-1", 0o700)
            try write("15\n", path + "/postgres.init-1/PG_VERSION")
            try await EmbeddedCluster(dataDirectory: path, durable: false).start()
            #expect(access(path + "/postgres.init-1", F_OK) != 0)
        }
    }

    @Test("where the server does not start the end of its log is shown, and no process is left")
    func startFails() async throws {
        try await withDirectory { directory in
            let path = directory + "/data"
            let cluster = EmbeddedCluster(dataDirectory: path, durable: false, settings: ["shared_buffers": "much"])
            let error = try await clusterError { try await cluster.start() }
            #expect(error.kind == .startFailed)
            #expect(error.description.contains("invalid value for parameter \"shared_buffers\""))
            #expect(await !cluster.isRunning)
            let next = EmbeddedCluster(dataDirectory: path, durable: false)
            try await next.start()
            #expect(try await next.stop() == .stopped, "the one that failed is no user")
        }
    }

    @Test("a directory in the socket's place that is somebody else's is refused")
    func squattedSocket() async throws {
        try await withDirectory { directory in
            let path = directory + "/" + String(repeating: "long", count: 40)
            let cluster = EmbeddedCluster(dataDirectory: path, durable: false)
            let socketDirectory = try #require(try await cluster.start().host)
            try await cluster.stop()
            rmdir(socketDirectory)
            symlink("/tmp", socketDirectory)
            let error = try await clusterError { try await cluster.start() }
            #expect(error.kind == .noPermission)
            #expect(error.description.contains(socketDirectory))
            unlink(socketDirectory)
        }
    }

    @Test(
        "the default directory follows the XDG specification",
        arguments: [
            (["XDG_DATA_HOME": "/data", "HOME": "/home/ann"], "/data/trueup", "/data/trueup"),
            (["XDG_DATA_HOME": "relative", "HOME": "/home/ann"], "/var/lib/trueup", "/home/ann/.local/share/trueup"),
            (["HOME": "/home/ann"], "/var/lib/trueup", "/home/ann/.local/share/trueup"),
        ])
    func defaultDirectory(_ environment: [String: String], _ root: String, _ user: String) throws {
        let directory = try EmbeddedCluster.defaultDataDirectory(environment: environment)
        #expect(directory == (geteuid() == 0 ? root : user))
    }

    /// Two scripts that look like a server to whoever searches for one.
    private func fakeServer(in directory: String, version: String, initdb: String) throws {
        try writeScript("echo 'postgres (PostgreSQL) \(version)'", directory + "/postgres")
        try writeScript(initdb, directory + "/initdb")
    }

    /// Another process writes it: a child that a test beside this one is just starting would have a copy of our
    /// descriptor, and a file that is open for writing cannot be executed.
    private func writeScript(_ body: String, _ path: String) throws {
        let command = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\""
        let pid = try spawn(["/bin/sh", "-c", command, "sh", body, path])
        var status: Int32 = 0
        try #require(waitpid(pid, &status, 0) == pid && status == 0)
    }

    private func clusterError(_ body: () async throws -> Void) async throws -> ClusterError {
        let error = await #expect(throws: ClusterError.self) { try await body() }
        return try #require(error)
    }
}
