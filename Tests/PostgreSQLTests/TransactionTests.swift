import PostgreSQL
import Testing

private struct Planned: Error {}

@Suite struct TransactionTests {
    @Test("a transaction commits when its body returns and rolls back when it throws")
    func commitAndRollBack() async throws {
        let connection = try await table()
        let value = try await connection.transaction { connection in
            try await connection.execute("INSERT INTO t VALUES (1)")
            return "done"
        }
        #expect(value == "done")
        await #expect(throws: Planned.self) {
            try await connection.transaction { connection in
                try await connection.execute("INSERT INTO t VALUES (2)")
                throw Planned()
            }
        }
        #expect(try await rows(connection) == [1])
        try await connection.transaction { connection in _ = try await connection.execute("INSERT INTO t VALUES (3)") }
        #expect(try await rows(connection) == [1, 3])
    }

    @Test("isolation and access are what was asked for", arguments: IsolationLevel.allCases, AccessMode.allCases)
    func modes(_ isolation: IsolationLevel, _ access: AccessMode) async throws {
        let connection = try await table()
        try await connection.transaction(isolation, access: access) { connection in
            let sql =
                "SELECT current_setting('transaction_isolation') AS i, current_setting('transaction_read_only') AS r"
            let row = try #require(try await connection.query(sql).first)
            #expect(try row["i"] == isolation.rawValue.lowercased())
            #expect(try row["r"] == (access == .readOnly ? "on" : "off"))
        }
        guard access == .readOnly else { return }
        let error = try await postgresError {
            try await connection.transaction(isolation, access: access) { connection in
                _ = try await connection.execute("INSERT INTO t VALUES (1)")
            }
        }
        #expect(error.sqlState == "25006")
    }

    @Test("a repeatable read sees one snapshot")
    func snapshot() async throws {
        let target = try await Fixture.database()
        let reader = try await Connection.open(target, applicationName: "reader")
        let writer = try await Connection.open(target, applicationName: "writer")
        try await writer.run(script: "CREATE TABLE t (id bigint)")
        try await reader.transaction(.repeatableRead, access: .readOnly) { reader in
            #expect(try await rows(reader) == [])
            try await writer.execute("INSERT INTO t VALUES (1)")
            #expect(try await rows(reader) == [])
        }
        #expect(try await rows(reader) == [1])
    }

    @Test("an error that the body swallows does not pass for a commit")
    func swallowedError() async throws {
        let connection = try await table()
        let error = try await postgresError {
            try await connection.transaction { connection in
                try await connection.execute("INSERT INTO t VALUES (1)")
                _ = try? await connection.execute("INSERT INTO nowhere VALUES (1)")
            }
        }
        guard case .rolledBackAtCommit = error.kind else { throw error }
        #expect(try await rows(connection) == [])
    }

    @Test("an error at COMMIT is the server's, and nothing happened")
    func deferredConstraint() async throws {
        let connection = try await table()
        try await connection.run(
            script: "CREATE TABLE child (id bigint REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)")
        let error = try await postgresError {
            try await connection.transaction { connection in
                _ = try await connection.execute("INSERT INTO child VALUES (7)")
            }
        }
        #expect(error.sqlState == "23503")
        #expect(!error.isCommitOutcomeUnknown)
        #expect(try await connection.query("SELECT FROM child").isEmpty)
    }

    @Test("transactions do not nest")
    func nesting() async throws {
        let connection = try await table()
        let error = try await postgresError {
            try await connection.transaction { connection in
                try await connection.transaction { _ in }
            }
        }
        guard case .misuse = error.kind else { throw error }
        try await connection.run(script: "BEGIN")
        let open = try await postgresError { try await connection.transaction { _ in } }
        guard case .misuse = open.kind else { throw open }
    }

    @Test("a cursor hands over any number of rows in batches, with parameters")
    func batches() async throws {
        let connection = try await Fixture.connection()
        let sql = "SELECT n AS n FROM generate_series(1, $1) n"
        for (total, size) in [(0, 10), (1, 10), (10, 10), (10_001, 1_000)] {
            let sizes = Recorder<Int>()
            let count = try await connection.forEachBatch(of: size, sql, parameters: [total]) { rows in
                sizes.append(rows.count)
            }
            #expect(count == total)
            #expect(sizes.values.reduce(0, +) == total)
            #expect(sizes.values.allSatisfy { $0 <= size })
        }
        // Within a transaction, with other statements in between, and left early.
        try await connection.transaction { connection async throws in
            await #expect(throws: Planned.self) {
                try await connection.forEachBatch(of: 10, sql, parameters: [100]) { _ in
                    _ = try await connection.query("SELECT 1")
                    throw Planned()
                }
            }
            #expect(try await connection.query("SELECT FROM pg_cursors WHERE name <> ''").isEmpty)
        }
    }

    @Test("the pool repeats what PostgreSQL asks to repeat: of concurrent increments none is lost")
    func serializationRetry() async throws {
        let pool = Pool(try await Fixture.database(), size: 4, applicationName: "retry")
        try await pool.withConnection { connection in
            try await connection.run(script: "CREATE TABLE t (id int, n bigint); INSERT INTO t VALUES (1, 0)")
        }
        let attempts = Recorder<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await pool.transaction(.serializable, attempts: 50) { connection in
                        attempts.append(1)
                        let row = try #require(try await connection.query("SELECT n FROM t WHERE id = 1").first)
                        let n: Int64 = try row["n"]
                        try await connection.execute("UPDATE t SET n = $1 WHERE id = 1", n + 1)
                    }
                }
            }
            try await group.waitForAll()
        }
        let row = try await pool.withConnection { try await $0.query("SELECT n FROM t") }.first
        #expect(try row?["n"] == 8 as Int64)
        #expect(attempts.values.count >= 8)
        await pool.close()
    }

    @Test("the pool gives up after so many attempts, and repeats no other error")
    func boundedRetry() async throws {
        let pool = Pool(try await Fixture.database(), size: 1, applicationName: "retry")
        for (state, expected) in [("40001", 3), ("40P01", 3), ("55P03", 3), ("23505", 1)] {
            let attempts = Recorder<Int>()
            let error = try await postgresError {
                try await pool.transaction(attempts: 3) { connection in
                    attempts.append(1)
                    try await connection.run(
                        script: "DO $$ BEGIN RAISE EXCEPTION 'planned' USING ERRCODE = '\(state)'; END $$")
                }
            }
            #expect(error.sqlState == state)
            #expect(attempts.values.count == expected)
        }
        await pool.close()
    }

    private func table() async throws -> Connection {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (id bigint PRIMARY KEY)")
        return connection
    }

    private func rows(_ connection: Connection) async throws -> [Int64] {
        try await connection.query("SELECT id FROM t ORDER BY id").map { row throws(PostgresError) in try row["id"] }
    }
}
