import PostgreSQL
import Testing

@Suite struct CancellationTests {
    @Test("cancelling a task stops its statement within a second, and the connection is usable")
    func running() async throws {
        let connection = try await Fixture.connection()
        let clock = ContinuousClock()
        var fastest = Duration.seconds(60)
        // The best of three, because a busy machine may keep this test itself waiting.
        for _ in 0..<3 where fastest > .seconds(1) {
            let task = Task { try await connection.query("SELECT pg_sleep(60)") }
            try await Task.sleep(for: .milliseconds(200))
            let start = clock.now
            task.cancel()
            let error = try await postgresError { _ = try await task.value }
            fastest = min(fastest, clock.now - start)
            #expect(error.isCancelled)
            #expect(try await connection.query("SELECT 1").count == 1)
        }
        #expect(fastest < .seconds(1))
    }

    @Test("a statement of a task that is cancelled already does not run")
    func before() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (a int)")
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try await connection.execute("INSERT INTO t VALUES (1)")
        }
        task.cancel()
        let error = try await postgresError { _ = try await task.value }
        #expect(error.isCancelled)
        #expect(try await connection.query("SELECT FROM t").isEmpty)
    }

    @Test("a cancellation at any instant hits its own statement or nothing, never the next one")
    func races() async throws {
        let connection = try await Fixture.connection()
        for round in 0..<300 {
            let task = Task { try await connection.query("SELECT pg_sleep(0.001)") }
            // From well before to well after the millisecond that the statement takes.
            try await Task.sleep(for: .microseconds(round * 10))
            task.cancel()
            // Without waiting for the task: this statement comes next on the connection.
            #expect(try await connection.query("SELECT \(round)").count == 1)
            do {
                _ = try await task.value
            } catch let error as PostgresError {
                #expect(error.isCancelled)
            }
        }
    }

    @Test("a cancelled transaction is rolled back")
    func transaction() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (a int)")
        let task = Task {
            try await connection.transaction { connection in
                try await connection.execute("INSERT INTO t VALUES (1)")
                _ = try await connection.query("SELECT pg_sleep(60)")
            }
        }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        let error = try await postgresError { try await task.value }
        #expect(error.isCancelled)
        #expect(try await connection.query("SELECT FROM t").isEmpty)
        let late = Task {
            try await connection.transaction { connection in
                try await connection.execute("INSERT INTO t VALUES (2)")
                while !Task.isCancelled { await Task.yield() }
            }
        }
        late.cancel()
        await #expect(throws: PostgresError.self) { try await late.value }
        #expect(try await connection.query("SELECT FROM t").isEmpty)
    }

    @Test("COPY is cancelled in both directions")
    func copies() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(
            script: """
                CREATE TABLE t (a bigint);
                CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';
                CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow();
                """)
        let goingIn = Task {
            var rows = BinaryRows()
            for number in 0..<1_000_000 {
                rows.beginRow(columns: 1)
                rows.append(number)
            }
            return try await connection.copyIn("COPY t FROM STDIN WITH (FORMAT binary)", rows)
        }
        try await Task.sleep(for: .milliseconds(1_500))
        goingIn.cancel()
        #expect(try await postgresError { _ = try await goingIn.value }.isCancelled)
        #expect(try await connection.query("SELECT FROM t").isEmpty)
        let comingOut = Task {
            try await connection.copyOut(
                "COPY (SELECT n, pg_sleep(0.001)::text FROM generate_series(1, 1000000) n) TO STDOUT (FORMAT binary)"
            ) { _ in }
        }
        try await Task.sleep(for: .milliseconds(100))
        comingOut.cancel()
        #expect(try await postgresError { _ = try await comingOut.value }.isCancelled)
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test("many sleeping statements do not keep others from running")
    func blockedThreads() async throws {
        let target = try await Fixture.database()
        let sleepers = (0..<16).map { _ in
            Task {
                let connection = try await Connection.open(target, applicationName: "sleeper")
                _ = try await connection.query("SELECT pg_sleep(90)")
            }
        }
        let clock = ContinuousClock()
        let start = clock.now
        try await Task.sleep(for: .milliseconds(300))
        let connection = try await Connection.open(target, applicationName: "awake")
        for _ in 0..<100 { _ = try await connection.query("SELECT 1") }
        #expect(clock.now - start < .seconds(30))
        for sleeper in sleepers { sleeper.cancel() }
        for sleeper in sleepers { await #expect(throws: PostgresError.self) { try await sleeper.value } }
        #expect(clock.now - start < .seconds(60))
    }
}
