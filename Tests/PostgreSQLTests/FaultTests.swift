import Glibc
import PostgreSQL
import Testing

@Suite struct FaultTests {
    @Test("a backend that is terminated in a statement is a lost connection, with the server's reason")
    func terminated() async throws {
        let target = try await Fixture.database()
        let (victim, killer) = (
            try await Connection.open(target, applicationName: "victim"),
            try await Connection.open(target, applicationName: "killer")
        )
        let pid = await victim.backendPID
        let task = Task { try await victim.query("SELECT pg_sleep(60)") }
        try await waitUntilRunning("SELECT pg_sleep", killer)
        try await killer.execute("SELECT pg_terminate_backend($1)", pid)
        let error = try await postgresError { _ = try await task.value }
        #expect(error.isConnectionLost)
        #expect(error.sqlState == "57P01")
        let next = try await postgresError { try await victim.execute("SELECT 1") }
        #expect(next.isConnectionLost)
    }

    @Test(
        "a backend that is terminated in a pipeline is a lost connection in a transaction, else an unknown outcome",
        arguments: [false, true])
    func terminatedInPipeline(inTransaction: Bool) async throws {
        let target = try await Fixture.database()
        let (victim, killer) = (
            try await Connection.open(target, applicationName: "victim"),
            try await Connection.open(target, applicationName: "killer")
        )
        let pid = await victim.backendPID
        let pipeline = [Statement("SELECT 1"), Statement("SELECT pg_sleep(60)"), Statement("SELECT 2")]
        let task = Task {
            guard inTransaction else { return try await victim.pipeline(pipeline) }
            return try await victim.transaction { try await $0.pipeline(pipeline) }
        }
        try await waitUntilRunning("SELECT pg_sleep", killer)
        try await killer.execute("SELECT pg_terminate_backend($1)", pid)
        let error = try await postgresError { _ = try await task.value }
        #expect(inTransaction ? error.isConnectionLost : error.isCommitOutcomeUnknown, "\(error)")
        #expect(error.sqlState == "57P01")
    }

    @Test("a backend that is killed in a statement is a lost connection, and the server recovers")
    func killed() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            let target = try await cluster.start()
            let connection = try await Connection.open(target, applicationName: "victim")
            try await connection.run(script: "CREATE TABLE t (id bigint); INSERT INTO t VALUES (1)")
            let pid = await connection.backendPID
            let task = Task {
                try await connection.transaction { connection in
                    try await connection.execute("INSERT INTO t VALUES (2)")
                    try await connection.execute("SELECT pg_sleep(60)")
                }
            }
            try await waitUntilRunning("SELECT pg_sleep", try await Connection.open(target, applicationName: "w"))
            kill(pid, SIGKILL)
            let error = try await postgresError { _ = try await task.value }
            #expect(error.isConnectionLost, "before COMMIT was sent the outcome is known: \(error)")
            // The postmaster ends all other backends and recovers; `start` waits for that.
            try await cluster.start()
            let next = try await Connection.open(target, applicationName: "next")
            #expect(try await next.query("SELECT FROM t").count == 1)
        }
    }

    @Test("a connection that ends within COMMIT leaves the outcome unknown, and the pool does not try again")
    func terminatedInCommit() async throws {
        let target = try await Fixture.database()
        let killer = try await Connection.open(target, applicationName: "killer")
        try await killer.run(
            script: """
                CREATE TABLE t (id bigint);
                CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION slow();
                """)
        let pool = Pool(target, size: 1, applicationName: "victim")
        let attempts = Recorder<Int32>()
        let task = Task {
            try await pool.transaction { connection in
                attempts.append(await connection.backendPID)
                try await connection.execute("INSERT INTO t VALUES (1)")
            }
        }
        try await waitUntilRunning("COMMIT", killer)
        try await killer.execute("SELECT pg_terminate_backend($1)", attempts.values.first)
        let error = try await postgresError { _ = try await task.value }
        #expect(error.isCommitOutcomeUnknown)
        #expect(error.sqlState == "57P01")
        #expect(attempts.values.count == 1)
        #expect(try await killer.query("SELECT FROM t").isEmpty)
        #expect(try await pool.withConnection { try await $0.query("SELECT 1") }.count == 1)
        await pool.close()
    }

    @Test("a COMMIT whose answer is lost is an unknown outcome, though it happened", arguments: [false, true])
    func answerLost(_ isPipeline: Bool) async throws {
        let target = try await Fixture.database()
        let watcher = try await Connection.open(target, applicationName: "watcher")
        try await watcher.run(script: "CREATE TABLE t (id bigint)")
        let directory = try Fixture.temporaryDirectory()
        defer { Fixture.remove(directory) }
        // BEGIN says READ COMMITTED; the statement ends with a NUL byte.
        let word = isPipeline ? "INSERT" : "COMMIT\0"
        let proxy = try CuttingProxy(
            to: "\(try #require(target.host))/.s.PGSQL.5432", at: directory + "/.s.PGSQL.5432", cutsAnswerTo: word)
        defer { proxy.stop() }
        let through = ConnectionTarget(
            socketDirectory: directory, database: try #require(target.database), user: try #require(target.user))
        let connection = try await Connection.open(through, applicationName: "victim")
        let error = try await postgresError {
            if isPipeline {
                try await connection.pipeline([Statement("INSERT INTO t VALUES ($1)", 1)])
            } else {
                try await connection.transaction { connection in
                    _ = try await connection.execute("INSERT INTO t VALUES (1)")
                }
            }
        }
        #expect(error.isCommitOutcomeUnknown)
        #expect(error.sqlState == nil)
        #expect(try await watcher.query("SELECT FROM t").count == 1)
    }

    @Test("cancelling against a server that does not answer even that is bounded, and ends the connection")
    func frozenServer() async throws {
        try await withDirectory { directory in
            let cluster = EmbeddedCluster(dataDirectory: directory + "/data", durable: false)
            let target = try await cluster.start()
            let connection = try await Connection.open(target, applicationName: "t")
            let task = Task { try await connection.query("SELECT pg_sleep(60)") }
            try await waitUntilRunning("SELECT pg_sleep", try await Connection.open(target, applicationName: "w"))
            let pid = try #require(await cluster.status().processID)
            kill(pid, SIGSTOP)
            let clock = ContinuousClock()
            let start = clock.now
            task.cancel()
            #expect(try await postgresError { _ = try await task.value }.isCancelled)
            #expect(clock.now - start < .seconds(8))
            #expect(await connection.isBroken)
            kill(pid, SIGCONT)
        }
    }

    @Test("a server that accepts and says nothing is given up in time, and sooner when cancelled")
    func silentServer() async throws {
        let directory = try Fixture.temporaryDirectory()
        defer { Fixture.remove(directory) }
        let listener = try listen(at: directory + "/.s.PGSQL.5432")
        defer { close(listener) }
        let target = try ConnectionTarget("host=\(directory) dbname=d user=u connect_timeout=2")
        let clock = ContinuousClock()
        var start = clock.now
        let error = try await postgresError { _ = try await Connection.open(target, applicationName: "t") }
        #expect(error.isConnectionLost)
        #expect(error.description.contains("no answer within 2 s"))
        #expect(clock.now - start < .seconds(4))
        let task = Task { try await Connection.open(target, applicationName: "t") }
        try await Task.sleep(for: .milliseconds(100))
        start = clock.now
        task.cancel()
        #expect(try await postgresError { _ = try await task.value }.isCancelled)
        #expect(clock.now - start < .seconds(1))
    }
}
