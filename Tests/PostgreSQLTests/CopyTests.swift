import PostgreSQL
import Testing

private struct Planned: Error {}

@Suite struct CopyTests {
    @Test("100,000 rows go in and come out as they were")
    func manyRows() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(
            script: "CREATE TABLE t (id bigint, name text, amount bigint, paid boolean, at timestamptz)")
        var rows = BinaryRows()
        for number in 0..<100_000 {
            rows.beginRow(columns: 5)
            rows.append(Int64(number))
            rows.append("in_\(number)")
            rows.append(number % 7 == 0 ? nil : Int64(number) * 20_000)
            rows.append(number % 2 == 0)
            rows.append(Timestamp(seconds: Int64(number)))
        }
        #expect(rows.rowCount == 100_000)
        #expect(try await connection.copyIn("COPY t FROM STDIN WITH (FORMAT binary)", rows) == 100_000)
        let next = Recorder<Int>()
        let sql = "COPY (SELECT id, name, amount, paid, at FROM t ORDER BY id) TO STDOUT WITH (FORMAT binary)"
        let count = try await connection.copyOut(sql, batchRows: 777) { batch in
            #expect(batch.count <= 777)
            var expected = next.values.reduce(0, +)
            next.append(batch.count)
            for row in batch {
                let (id, name, amount): (Int64, String, Int64?) = (try row[0], try row[1], try row[2])
                let (paid, at): (Bool, Timestamp) = (try row[3], try row[4])
                // One expectation a row: half a million of them would take longer than the COPY.
                let isRight =
                    id == expected && name == "in_\(expected)" && paid == (expected % 2 == 0)
                    && amount == (expected % 7 == 0 ? nil : Int64(expected) * 20_000)
                    && at == Timestamp(seconds: Int64(expected))
                if !isRight { Issue.record("row \(expected) came back as \(id) \(name) \(amount ?? -1) \(paid) \(at)") }
                expected += 1
            }
        }
        #expect(count == 100_000)
        #expect(next.values.reduce(0, +) == 100_000)
    }

    @Test("every type goes through COPY, and NULL in each")
    func types() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(
            script:
                "CREATE TABLE t (a bigint, b integer, c smallint, d boolean, e text, f timestamptz, g jsonb, h bytea, "
                + "i double precision, j text)")
        var rows = BinaryRows(reservingBytes: 1_000)
        rows.beginRow(columns: 10)
        rows.append(Int64.min)
        rows.append(Int32.max)
        rows.append(Int16.min)
        rows.append(true)
        rows.append("naïve 🦊")
        rows.append(Timestamp.infinity)
        rows.append(json: "{\"a\": 1}")
        rows.append([0, 255] as [UInt8])
        rows.append(-0.5)
        Array("utf8".utf8).withUnsafeBufferPointer { rows.append(utf8: $0) }
        rows.beginRow(columns: 10)
        for _ in 0..<10 { rows.appendNull() }
        #expect(try await connection.copyIn("COPY t FROM STDIN WITH (FORMAT binary)", rows) == 2)
        let row = try #require(try await connection.query("SELECT * FROM t WHERE a IS NOT NULL").first)
        #expect(try row["a"] == Int64.min)
        #expect(try row["b"] == Int32.max)
        #expect(try row["c"] == Int16.min)
        #expect(try row["d"] == true)
        #expect(try row["e"] == "naïve 🦊")
        #expect(try row["f"] == Timestamp.infinity)
        #expect(try row["g"] == JSONText("{\"a\": 1}"))
        #expect(try row["h"] == [0, 255] as [UInt8])
        #expect(try row["i"] == -0.5)
        #expect(try row["j"] == "utf8")
        #expect(try await connection.query("SELECT FROM t WHERE num_nulls(a,b,c,d,e,f,g,h,i,j) = 10").count == 1)
    }

    @Test("a COPY that the server refuses leaves no row, and says why")
    func refused() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (id bigint PRIMARY KEY, name text)")
        func rows(_ names: [String], ids: [Int64]) -> BinaryRows {
            var rows = BinaryRows()
            for (id, name) in zip(ids, names) {
                rows.beginRow(columns: 2)
                rows.append(id)
                rows.append(name)
            }
            return rows
        }
        let sql = "COPY t FROM STDIN WITH (FORMAT binary)"
        let duplicate = try await postgresError { try await connection.copyIn(sql, rows(["a", "b"], ids: [1, 1])) }
        #expect(duplicate.isUniqueViolation)
        let nul = try await postgresError { try await connection.copyIn(sql, rows(["a\0"], ids: [1])) }
        #expect(nul.sqlState == "22021")
        var narrow = BinaryRows()
        narrow.beginRow(columns: 1)
        narrow.append(1)
        let columns = try await postgresError { try await connection.copyIn(sql, narrow) }
        #expect(columns.sqlState == "22P04")
        narrow.beginRow(columns: 2)
        narrow.append(1)
        let unfinished = try await postgresError { try await connection.copyIn(sql, narrow) }
        #expect(unfinished.description.contains("lacks 1 columns"))
        narrow.removeAll()
        #expect(narrow.isEmpty)
        #expect(try await connection.copyIn(sql, narrow) == 0)
        let absent = try await postgresError {
            try await connection.copyIn("COPY u FROM STDIN (FORMAT binary)", narrow)
        }
        #expect(absent.sqlState == "42P01")
        for wrong in ["COPY t TO STDOUT (FORMAT binary)", "COPY t FROM STDIN", "SELECT 1"] {
            let error = try await postgresError { try await connection.copyIn(wrong, narrow) }
            #expect(error.description.contains("FORMAT binary"))
        }
        #expect(try await connection.query("SELECT FROM t").isEmpty)
        #expect(try await connection.copyIn(sql, rows(["a"], ids: [1])) == 1)
    }

    @Test("a row that cannot be finished is taken back")
    func unfinishedRow() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (a bigint, b bigint)")
        var rows = BinaryRows()
        rows.beginRow(columns: 2)
        rows.append(1)
        rows.append(2)
        let mark = rows.byteCount
        rows.beginRow(columns: 2)
        rows.append(3)
        rows.removeUnfinishedRow(to: mark)
        #expect(rows.rowCount == 1)
        #expect(try await connection.copyIn("COPY t FROM STDIN (FORMAT binary)", rows) == 1)
    }

    @Test("leaving COPY TO STDOUT early leaves the connection usable, and no statement runs meanwhile")
    func leftEarly() async throws {
        let connection = try await Fixture.connection()
        let sql = "COPY (SELECT n, repeat('x', 1000) FROM generate_series(1, 200000) n) TO STDOUT WITH (FORMAT binary)"
        await #expect(throws: Planned.self) {
            try await connection.copyOut(sql) { _ in
                let error = try await postgresError { try await connection.execute("SELECT 1") }
                #expect(error.description.contains("COPY TO STDOUT is still running"))
                throw Planned()
            }
        }
        #expect(try await connection.query("SELECT 1").count == 1)
        let failing = "COPY (SELECT 1 / (5 - n) FROM generate_series(1, 10) n) TO STDOUT WITH (FORMAT binary)"
        let error = try await postgresError { try await connection.copyOut(failing) { _ in } }
        #expect(error.sqlState == "22012")
        #expect(try await connection.query("SELECT 1").count == 1)
        let empty = "COPY (SELECT 1 WHERE false) TO STDOUT WITH (FORMAT binary)"
        #expect(try await connection.copyOut(empty) { _ in } == 0)
    }

    @Test("a value of COPY that is no such type is refused")
    func decoding() async throws {
        let connection = try await Fixture.connection()
        let sql = "COPY (SELECT 1::integer, NULL::text) TO STDOUT WITH (FORMAT binary)"
        try await connection.copyOut(sql) { batch in
            let row = batch[0]
            #expect(try row[0] == 1 as Int32)
            let wide = try await postgresError { let _: Int64 = try row[0] }
            #expect(wide.description.contains("4 bytes"))
            let null = try await postgresError { let _: String = try row[1] }
            #expect(null.description.contains("NULL"))
            let outside = try await postgresError { let _: String? = try row[2] }
            #expect(outside.description.contains("2 columns"))
        }
    }
}

@Suite struct PipelineTests {
    @Test("many statements go in one round trip, and each gives its outcome")
    func outcomes() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (id bigint PRIMARY KEY)")
        let statements = (1...2_000).map { Statement("INSERT INTO t VALUES ($1)", $0) }
        let outcomes = try await connection.pipeline(statements + [Statement("SELECT count(*) AS n FROM t")])
        #expect(outcomes.count == 2_001)
        #expect(outcomes.dropLast().allSatisfy { $0.affected == 1 })
        #expect(try outcomes.last?.rows.first?["n"] == 2_000)
        #expect(try await connection.pipeline([]).isEmpty)
    }

    @Test("where one statement fails, none happens, and the connection is usable")
    func failure() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TABLE t (id bigint PRIMARY KEY)")
        let error = try await postgresError {
            try await connection.pipeline([
                Statement("INSERT INTO t VALUES ($1)", 1), Statement("INSERT INTO t VALUES ($1)", 1),
                Statement("INSERT INTO t VALUES ($1)", 2),
            ])
        }
        #expect(error.isUniqueViolation)
        #expect(try await connection.query("SELECT FROM t").isEmpty)
        try await connection.transaction { connection in
            _ = try await connection.pipeline([Statement("INSERT INTO t VALUES ($1)", 3)])
        }
        #expect(try await connection.query("SELECT FROM t").count == 1)
    }

    @Test("large results and large parameters do not block each other")
    func bothWays() async throws {
        let connection = try await Fixture.connection()
        let big = String(repeating: "x", count: 1_000_000)
        let outcomes = try await connection.pipeline((0..<20).map { _ in Statement("SELECT $1 || 'y' AS v", big) })
        #expect(outcomes.count == 20)
        let value: String = try #require(outcomes.last?.rows.first)["v"]
        #expect(value.utf8.count == 1_000_001)
    }
}
