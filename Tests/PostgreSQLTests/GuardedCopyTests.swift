import PostgreSQL
import Testing

@Suite("COPY after a guard")
struct GuardedCopyTests {
    private static let copy = "COPY page (id) FROM STDIN (FORMAT binary)"

    private static func prepared() async throws -> Connection {
        let connection = try await Fixture.connection()
        try await connection.run(
            script: """
                CREATE TABLE page (id text NOT NULL); CREATE TABLE mark (id bigint PRIMARY KEY, at text);
                INSERT INTO mark VALUES (1, 'start'), (2, 'start');
                """)
        return connection
    }

    private static func rows(_ ids: String...) -> BinaryRows {
        var rows = BinaryRows()
        for id in ids {
            rows.beginRow(columns: 1)
            rows.append(id)
        }
        return rows
    }

    private static func state(_ connection: Connection) async throws -> String {
        try await connection.query(
            """
            SELECT (SELECT string_agg(at, ',' ORDER BY id) FROM mark) || ' ' ||
                coalesce((SELECT string_agg(id, ',' ORDER BY id) FROM page), '-') AS state
            """)[0]["state"]
    }

    @Test("rows and the guard's change are there together")
    func holds() async throws {
        let connection = try await Self.prepared()
        let update = "SET LOCAL synchronous_commit = off; UPDATE mark SET at = 'moved' WHERE id = 1"
        #expect(try await connection.copyIn(Self.copy, Self.rows("a", "b"), after: update))
        #expect(try await Self.state(connection) == "moved,start a,b")
        // SET LOCAL ended with the message.
        let commit: String = try await connection.query("SHOW synchronous_commit")[0]["synchronous_commit"]
        #expect(commit == "on")
    }

    @Test(
        "where the guard changes no row, or two, nothing happens and the connection goes on",
        arguments: ["UPDATE mark SET at = 'x' WHERE id = 9", "UPDATE mark SET at = 'x'"])
    func doesNotHold(guardSQL: String) async throws {
        let connection = try await Self.prepared()
        #expect(try await connection.copyIn(Self.copy, Self.rows("a"), after: guardSQL) == false)
        #expect(try await Self.state(connection) == "start,start -")
        #expect(try await connection.copyIn(Self.copy, Self.rows("b"), after: "UPDATE mark SET at = 'y' WHERE id = 2"))
        #expect(try await Self.state(connection) == "start,y b")
    }

    @Test("a named statement is prepared once for a connection, also where it did not hold at first")
    func named() async throws {
        let connection = try await Self.prepared()
        let move = NamedStatement(
            "move_mark", types: "text, bigint", sql: "UPDATE mark SET at = $1 WHERE id = $2 AND at IS DISTINCT FROM $1")
        func copy(_ at: String, _ id: Int, _ row: String) async throws -> Bool {
            try await connection.copyIn(
                Self.copy, Self.rows(row),
                after: "SET LOCAL synchronous_commit = off; "
                    + move.call([quoteLiteral(at), "\(id)"]), with: move)
        }
        #expect(try await copy("it's \\ here", 9, "a") == false)
        #expect(try await copy("it's \\ here", 1, "b"))
        #expect(try await copy("it's \\ here", 1, "c") == false)
        #expect(try await copy("there", 2, "d"))
        #expect(try await Self.state(connection) == "it's \\ here,there b,d")
        let prepared: Int64 = try await connection.query(
            "SELECT count(*) AS n FROM pg_prepared_statements WHERE name = 'move_mark'")[0]["n"]
        #expect(prepared == 1)
    }

    @Test("an error of the guard, of the COPY or of a row takes everything back", arguments: [0, 1, 2])
    func errors(place: Int) async throws {
        let connection = try await Self.prepared()
        let guardSQL = place == 0 ? "UPDATE nobody SET at = 'x'" : "UPDATE mark SET at = 'x' WHERE id = 1"
        let sql = place == 1 ? "COPY nobody FROM STDIN (FORMAT binary)" : Self.copy
        var rows = Self.rows("a")
        if place == 2 {
            rows.beginRow(columns: 1)
            rows.appendNull()
        }
        let bad = rows
        let error = await #expect(throws: PostgresError.self) {
            _ = try await connection.copyIn(sql, bad, after: guardSQL)
        }
        #expect(error?.sqlState == (place == 2 ? "23502" : "42P01"))
        #expect(try await Self.state(connection) == "start,start -")
    }

    @Test("the rows of two tables are there together or not at all")
    func twoTables() async throws {
        let connection = try await Self.prepared()
        try await connection.run(script: "CREATE TABLE key (id text PRIMARY KEY)")
        let keys = "COPY key (id) FROM STDIN (FORMAT binary)"
        func copy(_ rows: BinaryRows, _ more: BinaryRows, _ at: String, where id: Int = 1) async throws -> Bool {
            try await connection.copyIn(
                [TableRows(Self.copy, rows), TableRows(keys, more)],
                after: "UPDATE mark SET at = '\(at)' WHERE id = \(id)")
        }
        func state() async throws -> String {
            let text: String = try await connection.query(
                "SELECT coalesce(string_agg(id, ',' ORDER BY id), '-') AS keys FROM key")[0]["keys"]
            return try await Self.state(connection) + " " + text
        }
        #expect(try await copy(Self.rows("a", "b"), Self.rows("a"), "one"))
        #expect(try await state() == "one,start a,b a")
        // Of the second table one is there already.
        let error = await #expect(throws: PostgresError.self) {
            _ = try await copy(Self.rows("c"), Self.rows("b", "a"), "two")
        }
        #expect(error?.sqlState == "23505")
        // Of the first table one is bad.
        var bad = Self.rows("c")
        bad.beginRow(columns: 1)
        bad.appendNull()
        let badRows = bad
        let other = await #expect(throws: PostgresError.self) {
            _ = try await copy(badRows, Self.rows("b"), "three")
        }
        #expect(other?.sqlState == "23502")
        #expect(try await copy(Self.rows("c"), Self.rows("c"), "four", where: 9) == false)
        #expect(try await state() == "one,start a,b a")
        #expect(try await copy(Self.rows("c"), Self.rows(), "five"))
        #expect(try await state() == "five,start a,b,c a")
    }

    @Test("a message without a COPY, and a guard within a transaction, are refused")
    func misuse() async throws {
        let connection = try await Self.prepared()
        await #expect(throws: PostgresError.self) {
            _ = try await connection.copyIn("SELECT 1", Self.rows("a"), after: "SELECT 1")
        }
        await #expect(throws: PostgresError.self) {
            try await connection.transaction { connection in
                _ = try await connection.copyIn(
                    Self.copy, Self.rows("a"), after: "UPDATE mark SET at = 'x' WHERE id = 1")
            }
        }
        #expect(try await Self.state(connection) == "start,start -")
    }

    @Test(
        "a literal is the text it was made from, whatever the server takes a backslash for",
        arguments: ["in_1", "", "o'clock", #"a\b"#, #"'\'; DROP TABLE page; --"#, "Zoë\n\t\u{1F4B6}"])
    func literals(text: String) async throws {
        let connection = try await Self.prepared()
        for mode in ["on", "off"] {
            try await connection.run(script: "SET standard_conforming_strings = \(mode)")
            let back: String = try await connection.query("SELECT \(quoteLiteral(text))::text AS back")[0]["back"]
            #expect(back == text)
        }
        #expect(quoteLiteral("a\0b") == "'a'")
    }
}

extension Connection {
    /// The same with the rows of one table.
    fileprivate func copyIn(
        _ sql: String, _ rows: BinaryRows, after guardSQL: String, with statement: NamedStatement? = nil
    ) async throws(PostgresError) -> Bool {
        try await copyIn([TableRows(sql, rows)], after: guardSQL, with: statement)
    }
}
