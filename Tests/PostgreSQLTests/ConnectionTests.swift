import PostgreSQL
import Synchronization
import Testing

@Suite struct ConnectionTests {
    @Test("statements give the number of rows they changed, queries their rows")
    func statements() async throws {
        let connection = try await Fixture.connection()
        try await connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, \"stripeCustomerId\" text)")
        #expect(try await connection.execute("INSERT INTO t SELECT n, $1 FROM generate_series(1, 5) n", "cus_1") == 5)
        #expect(
            try await connection.execute("UPDATE t SET \"stripeCustomerId\" = $1 WHERE id > $2", nil as String?, 3) == 2
        )
        #expect(try await connection.execute("DELETE FROM t WHERE id = ANY($1)", [1, 2, 99] as [Int64]) == 2)
        let rows = try await connection.query("SELECT id, \"stripeCustomerId\" FROM t ORDER BY id")
        #expect(rows.map(\.columns).first?.map(\.name) == ["id", "stripeCustomerId"])
        let ids: [Int64] = try rows.map { row throws(PostgresError) in try row["id"] }
        let customers: [String?] = try rows.map { row throws(PostgresError) in try row[1] }
        #expect(ids == [3, 4, 5])
        #expect(customers == ["cus_1", nil, nil])
        #expect(try await connection.query("SELECT 1 WHERE false").isEmpty)
        #expect(try await connection.execute("") == 0)
    }

    @Test("a script runs all of its statements or, where one fails, none")
    func scripts() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE a (x int); INSERT INTO a VALUES (1); INSERT INTO a VALUES (2);")
        let error = try await postgresError {
            try await connection.run(script: "INSERT INTO a VALUES (3); SELECT nonsense; INSERT INTO a VALUES (4)")
        }
        #expect(error.sqlState == "42703")
        #expect(error.server?.position != nil)
        let count: Int = try #require(try await connection.query("SELECT count(*) FROM a").first)[0]
        #expect(count == 2)
    }

    @Test(
        "the server's errors carry their SQLSTATE and place",
        arguments: [
            ("INSERT INTO person (id, name) VALUES (1, 'again')", "23505", "person_pkey"),
            ("INSERT INTO person (id, name) VALUES (2, NULL)", "23502", "name"),
            ("INSERT INTO person (id, name) VALUES (-2, 'x')", "23514", "person_id_check"),
            ("SELECT * FROM nowhere", "42P01", "nowhere"), ("SELEC 1", "42601", "SELEC"),
            ("SELECT 1/0", "22012", "division by zero"),
        ])
    func serverErrors(_ sql: String, _ state: String, _ word: String) async throws {
        let connection = try await Fixture.connection()
        try await connection.run(
            script: "CREATE TABLE person (id bigint PRIMARY KEY CHECK (id > 0), name text NOT NULL); "
                + "INSERT INTO person VALUES (1, 'first')")
        let error = try await postgresError { try await connection.execute(sql) }
        #expect(error.sqlState == state)
        #expect(error.description.contains(state))
        #expect(error.description.contains(word))
        #expect(error.sql == sql)
        #expect(try await connection.query("SELECT 1").count == 1, "the connection is usable after an error")
    }

    @Test("a description shows no values, a debug description does")
    func redaction() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (email text UNIQUE)")
        try await connection.execute("INSERT INTO t VALUES ($1)", "canary@example.com")
        let duplicate = try await postgresError {
            try await connection.execute("INSERT INTO t VALUES ($1)", "canary@example.com")
        }
        let malformed = try await postgresError {
            try await connection.execute("SELECT $1::text::bigint", "canary\"@example.com")
        }
        for error in [duplicate, malformed] {
            #expect(!error.description.contains("canary"))
            #expect(!error.description.contains("example.com"))
            #expect(error.debugDescription.contains("canary"))
        }
        #expect(duplicate.description.contains("t_email_key"))
    }

    @Test("a decoding error names column, type, wanted type and SQL")
    func decodingErrors() async throws {
        let connection = try await Fixture.connection()
        let sql = "SELECT 'x'::text AS name, NULL::bigint AS amount, now()::timestamp AS at"
        let row = try #require(try await connection.query(sql).first)
        let mismatch = try await postgresError { let _: Int64 = try row["name"] }
        #expect(mismatch.description.contains("column \"name\" is text, but Int64 was wanted"))
        #expect(mismatch.description.contains(sql))
        let null = try await postgresError { let _: Int64 = try row["amount"] }
        #expect(null.description.contains("it is NULL"))
        let zone = try await postgresError { let _: Timestamp = try row["at"] }
        #expect(zone.description.contains("AT TIME ZONE"))
        let absent = try await postgresError { let _: Int64? = try row["amuont"] }
        #expect(absent.description.contains("only name, amount, at"))
        let outside = try await postgresError { let _: Int64? = try row[3] }
        #expect(outside.description.contains("3 columns"))
    }

    @Test("text with a NUL byte is refused before it is sent")
    func nulBytes() async throws {
        let connection = try await Fixture.connection()
        let error = try await postgresError { try await connection.execute("SELECT $1, $2", 1, "a\0b") }
        #expect(error.description.contains("$2"))
        #expect(error.description.contains("NUL byte"))
        let timestamp = try await postgresError {
            try await connection.execute("SELECT $1", Timestamp(microseconds: .min + 1))
        }
        #expect(timestamp.description.contains("4713 BC"))
        let count = try await postgresError {
            try await connection.execute("SELECT 1", parameters: [Int](repeating: 1, count: 70_000))
        }
        #expect(count.description.contains("65535"))
    }

    @Test("a statement that is run again is prepared, and survives a change of its table")
    func preparedStatements() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        for _ in 0..<3 { #expect(try await connection.query("SELECT * FROM t WHERE a = $1", 1 as Int32).count == 1) }
        let names = try await connection.query("SELECT name FROM pg_prepared_statements")
        #expect(names.count == 1)
        try await connection.run(script: "ALTER TABLE t ADD COLUMN b text DEFAULT 'new'")
        let row = try #require(try await connection.query("SELECT * FROM t WHERE a = $1", 1 as Int32).first)
        #expect(try row["b"] == "new")
        // The same words with parameters of another type are another statement.
        #expect(try await connection.query("SELECT * FROM t WHERE a = $1", 1 as Int64).count == 1)
        #expect(try await connection.query("SELECT * FROM t WHERE a = $1", 1 as Int64).count == 1)
    }

    @Test("no more than 64 statements stay prepared")
    func preparedStatementsAreBounded() async throws {
        let connection = try await Fixture.connection()
        for number in 0..<200 {
            for _ in 0..<2 { _ = try await connection.query("SELECT \(number) AS n") }
        }
        let row = try #require(try await connection.query("SELECT count(*) AS n FROM pg_prepared_statements").first)
        let count: Int = try row["n"]
        #expect(count > 32 && count <= 65)
    }

    @Test("notices go to the closure, in the session's time zone UTC")
    func notices() async throws {
        let target = try await Fixture.database()
        let messages = Mutex<[String]>([])
        let connection = try await Connection.open(target, applicationName: "notices") { notice in
            messages.withLock { $0.append("\(notice.severity): \(notice.message)") }
        }
        try await connection.run(script: "DO $$ BEGIN RAISE NOTICE 'it is %', current_setting('timezone'); END $$")
        #expect(messages.withLock { $0 } == ["NOTICE: it is UTC"])
        let name = try await connection.query("SELECT current_setting('application_name')").first
        #expect(try name?[0] == "notices")
        #expect(await connection.serverVersion >= 150_000)
    }

    @Test(
        "COPY through execute is refused, and the connection is usable after", arguments: ["FROM STDIN", "TO STDOUT"])
    func misplacedCopy(_ direction: String) async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10000)")
        let error = try await postgresError { try await connection.execute("COPY t \(direction)") }
        #expect(error.description.contains("copyIn"))
        #expect(try await connection.query("SELECT 1").count == 1)
    }

    @Test("time-outs of statements and locks are errors of their own")
    func timeouts() async throws {
        let target = try await Fixture.database()
        let (first, second) = (
            try await Connection.open(target, applicationName: "first"),
            try await Connection.open(target, applicationName: "second")
        )
        try await first.run(script: "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        try await first.setStatementTimeout(milliseconds: 50)
        let slow = try await postgresError { try await first.execute("SELECT pg_sleep(5)") }
        #expect(slow.isStatementTimeout)
        #expect(!slow.isCancelled)
        try await first.setStatementTimeout(milliseconds: 0)
        try await second.setLockTimeout(milliseconds: 50)
        try await first.transaction { first in
            try await first.execute("UPDATE t SET a = 2")
            let locked = try await postgresError { try await second.execute("UPDATE t SET a = 3") }
            #expect(locked.isLockTimeout)
            #expect(locked.isTransient)
        }
    }

    @Test("a closed connection says so; a server that is not there is named")
    func noConnection() async throws {
        let connection = try await Fixture.connection()
        await connection.close()
        await connection.close()
        let closed = try await postgresError { try await connection.execute("SELECT 1") }
        #expect(closed.isConnectionLost)
        #expect(await connection.isBroken)
        let nowhere = ConnectionTarget(socketDirectory: "/nonexistent", database: "d", user: "u")
        let absent = try await postgresError { _ = try await Connection.open(nowhere, applicationName: "t") }
        #expect(absent.isConnectionLost)
        #expect(absent.description.contains("/nonexistent"))
        let missing = try await Fixture.database().with(database: "no_such_database")
        let error = try await postgresError { _ = try await Connection.open(missing, applicationName: "t") }
        #expect(error.description.contains("no_such_database"))
    }
}

@Suite struct ConnectionTargetTests {
    @Test(
        "no form of a target shows the password",
        arguments: [
            "postgresql://ann:s3cret@db.example.com:5433/books?sslmode=require",
            "host=db.example.com port=5433 dbname=books user=ann password=s3cret",
        ])
    func passwords(_ text: String) throws {
        let target = try ConnectionTarget(text)
        #expect(target.description == "postgresql://ann@db.example.com:5433/books")
        var dumped = ""
        dump(target, to: &dumped)
        for form in [target.description, target.debugDescription, "\(target)", String(reflecting: target), dumped] {
            #expect(!form.contains("s3cret"))
        }
        #expect(target.hasPassword)
        #expect(target.with(database: "other").database == "other")
    }

    @Test(
        "a malformed connection string is an error without its password",
        arguments: [
            "postgresql://ann:s3cret@db:54x32/books?bogus=s3cret", "postgres//ann:s3cret@db/books", "host",
            "postgresql://ann:s3cret@[::1/books",
        ])
    func malformed(_ text: String) async throws {
        let error = try await postgresError {
            let target = try ConnectionTarget(text)
            // libpq reads the port only when it connects.
            _ = try await Connection.open(target, applicationName: "t")
        }
        #expect(error.isConnectionLost)
        #expect(!error.description.contains("s3cret"))
        #expect(!error.debugDescription.contains("s3cret"))
    }

    @Test(
        "identifiers are quoted so that nothing in them is SQL",
        arguments: [
            ("name", "\"name\""), ("stripeCustomerId", "\"stripeCustomerId\""),
            ("a\"; DROP TABLE b; --", "\"a\"\"; DROP TABLE b; --\""),
            ("", "\"\""), ("nul\0byte", "\"nulbyte\""),
        ])
    func identifiers(_ name: String, _ quoted: String) {
        #expect(quoteIdentifier(name) == quoted)
    }
}
