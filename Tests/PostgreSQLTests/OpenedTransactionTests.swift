import PostgreSQL
import Testing

@Suite("Transactions in few round trips")
struct OpenedTransactionTests {
    @Test("what opens a transaction is part of it, and its answers are given")
    func opening() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (id bigint PRIMARY KEY)")
        for number in 1...4 {
            let isKept = number != 3
            do {
                try await connection.transaction(
                    opening: [Statement("INSERT INTO t VALUES ($1) RETURNING id", number), Statement("SELECT 7 AS n")]
                ) { connection, opened in
                    #expect(try opened[0].rows[0]["id"] == number)
                    #expect(try opened[1].rows[0]["n"] == 7)
                    #expect(try await connection.query("SELECT FROM t WHERE id = $1", number).count == 1)
                    if !isKept { throw Abandoned() }
                }
            } catch is Abandoned {}
        }
        let kept = try await connection.query("SELECT id FROM t ORDER BY id")
        #expect(try kept.map { try $0["id"] as Int64 } == [1, 2, 4])
    }

    @Test("where what opens it fails, the body does not run, and nothing stays open")
    func failedOpening() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (1)")
        let error = try await postgresError {
            try await connection.transaction(
                opening: [Statement("INSERT INTO t VALUES (2)"), Statement("INSERT INTO t VALUES (1)")]
            ) { _, _ in _ = Issue.record("the body ran") }
        }
        #expect(error.isUniqueViolation)
        #expect(try await connection.query("SELECT FROM t").count == 1)
        try await connection.transaction { _ = try await $0.execute("INSERT INTO t VALUES (3)") }
    }

    @Test("a backend that ends while a transaction opens is a lost connection: nothing was committed")
    func lostWhileOpening() async throws {
        let target = try await Fixture.database()
        let victim = try await Connection.open(target, applicationName: "victim")
        let killer = try await Connection.open(target, applicationName: "killer")
        let pid = await victim.backendPID
        let task = Task {
            try await victim.transaction(opening: [Statement("SELECT pg_sleep(60)")]) { _, _ in }
        }
        try await waitUntilRunning("SELECT pg_sleep", killer)
        try await killer.execute("SELECT pg_terminate_backend($1)", pid)
        let error = try await postgresError { try await task.value }
        #expect(error.isConnectionLost, "\(error)")
    }

    @Test("statements of pipelines are prepared once, and again after their tables changed")
    func prepared() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (id bigint PRIMARY KEY)")
        func add(_ numbers: ClosedRange<Int>) async throws {
            try await connection.transaction { connection in
                _ = try await connection.pipeline(
                    numbers.map { Statement("INSERT INTO t VALUES ($1) RETURNING t.*", $0) })
            }
        }
        try await add(1...3)
        try await add(4...4)
        let names = "SELECT FROM pg_prepared_statements WHERE statement LIKE 'INSERT%'"
        #expect(try await connection.query(names).count == 1)
        try await connection.run(script: "ALTER TABLE t ADD note text")
        // The server refuses a prepared statement whose columns have changed; the next one is prepared anew.
        let error = try await postgresError { try await add(5...5) }
        #expect(error.sqlState == "0A000", "\(error)")
        try await add(5...7)
        try await add(8...8)
        #expect(try await connection.query("SELECT FROM t").count == 8)
    }

    @Test("a pipeline of more kinds of statements than are kept prepared runs")
    func manyKinds() async throws {
        let connection = try await Fixture.connection()
        for _ in 0..<3 {
            let sum = try await connection.transaction { connection in
                try await connection.pipeline((0..<200).map { Statement("SELECT $1 + \($0)::bigint AS n", 1) })
                    .map { try $0.rows[0]["n"] as Int64 }.reduce(0, +)
            }
            #expect(sum == 200 + 199 * 100)
        }
    }

    private struct Abandoned: Error {}
}
