import PostgreSQL
import Testing

@Suite struct ValueTests {
    @Test("integers, truth and doubles come back as they went, extremes among them")
    func numbers() async throws {
        let connection = try await Fixture.connection()
        try await roundTrip([Int64.min, -1, 0, 1, .max], "bigint", connection)
        try await roundTrip([Int.min, 0, .max], "bigint", connection)
        try await roundTrip([Int32.min, -1, 0, .max], "integer", connection)
        try await roundTrip([Int16.min, -1, 0, .max], "smallint", connection)
        try await roundTrip([true, false], "boolean", connection)
        let doubles: [Double] = [
            0, -0.0, 0.1, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .infinity, -.infinity,
        ]
        try await roundTrip(doubles, "double precision", connection)
        let nan: Double = try await one("SELECT $1", [Double.nan], connection)
        #expect(nan.isNaN)
    }

    @Test("texts, bytes, documents and timestamps come back as they went")
    func texts() async throws {
        let connection = try await Fixture.connection()
        let hostile = ["", "plain", "'; DROP TABLE x; --", "\u{202E}right to left", "🦊 é", "line\r\nline", "\\"]
        try await roundTrip(hostile + [String(repeating: "ä", count: 500_000)], "text", connection)
        try await roundTrip([[], [0], [0, 255, 10, 92], [UInt8](repeating: 7, count: 100_000)], "bytea", connection)
        try await roundTrip([JSONText("{\"a\": [1, null, \"é\"]}"), JSONText("null")], "jsonb", connection)
        let times = [
            Timestamp(microseconds: 0), Timestamp(microseconds: -1), Timestamp(microseconds: 1_795_400_100_000_001),
            .infinity, .negativeInfinity, Timestamp(seconds: -210_866_803_200), Timestamp(seconds: 9_224_318_015_999),
        ]
        try await roundTrip(times, "timestamptz", connection)
    }

    @Test("arrays come back as they went, empty ones and NULLs in them too")
    func arrays() async throws {
        let connection = try await Fixture.connection()
        try await roundTrip([[Int64](), [1, .min, .max]], "bigint[]", connection)
        try await roundTrip([[1, 2, 3] as [Int]], "bigint[]", connection)
        try await roundTrip([[1 as Int32], [2 as Int32, -3]], "integer[]", connection)
        try await roundTrip([[1 as Int16], []], "smallint[]", connection)
        try await roundTrip([["a", "b,c", "{}", "\"", ""]], "text[]", connection)
        try await roundTrip([["a", nil, ""] as [String?]], "text[]", connection)
        try await roundTrip([[nil, 7] as [Int64?]], "bigint[]", connection)
        try await roundTrip([[true, false]], "boolean[]", connection)
        try await roundTrip([[1.5, -0.0]], "double precision[]", connection)
        try await roundTrip([[Timestamp(seconds: 1)]], "timestamptz[]", connection)
        try await roundTrip([[[1, 2], []] as [[UInt8]]], "bytea[]", connection)
        try await roundTrip([[JSONText("1")]], "jsonb[]", connection)
    }

    @Test("NULL goes in and comes out of every type")
    func nulls() async throws {
        let connection = try await Fixture.connection()
        try await roundTrip([nil as Int64?, 5], "bigint", connection)
        try await roundTrip([nil as Int?], "bigint", connection)
        try await roundTrip([nil as Int32?], "integer", connection)
        try await roundTrip([nil as Int16?], "smallint", connection)
        try await roundTrip([nil as Bool?], "boolean", connection)
        try await roundTrip([nil as Double?], "double precision", connection)
        try await roundTrip([nil as String?, ""], "text", connection)
        try await roundTrip([nil as Timestamp?], "timestamptz", connection)
        try await roundTrip([nil as [UInt8]?], "bytea", connection)
        try await roundTrip([nil as JSONText?], "jsonb", connection)
        try await roundTrip([nil as [String]?], "text[]", connection)
        let row = try #require(try await connection.query("SELECT NULL::int AS a, 1 AS b").first)
        #expect(try row.isNull("a"))
        #expect(try !row.isNull("b"))
    }

    @Test(
        "numeric is read exactly, or not at all",
        arguments: [
            ("0", 0), ("-1", -1), ("10000", 10_000), ("9223372036854775807", Int64.max), ("-9223372036854775808", .min),
            ("100000000", 100_000_000), ("12.000", 12), ("1e18", 1_000_000_000_000_000_000),
        ])
    func wholeNumerics(_ text: String, _ value: Int64) async throws {
        let connection = try await Fixture.connection()
        #expect(try await one("SELECT $1::text::numeric", [text], connection) == value)
    }

    @Test(
        "a numeric that is no Int64 is refused",
        arguments: ["0.5", "9223372036854775808", "-9223372036854775809", "1e30", "NaN", "Infinity", "-0.0001"])
    func otherNumerics(_ text: String) async throws {
        let connection = try await Fixture.connection()
        let error = try await postgresError {
            let _: Int64 = try await one("SELECT $1::text::numeric", [text], connection)
        }
        guard case .decoding(let failure) = error.kind else { throw error }
        #expect(failure.found == .numeric)
    }

    @Test("the server and we write numerics, uuids and enums alike as text")
    func textForms() async throws {
        let connection = try await Fixture.connection()
        try await connection.run(script: "CREATE TYPE mood AS ENUM ('sad', 'höchst erfreut')")
        let values = [
            "0::numeric", "-12.50::numeric", "0.00001::numeric", "123456789012345678901234567890.123::numeric",
            "1e-20::numeric", "'NaN'::numeric", "1e10::numeric(20,3)", "gen_random_uuid()", "'höchst erfreut'::mood",
            "'abc'::varchar(5)", "'ab'::char(4)", "'pg_class'::name", "'{\"a\":1}'::json", "'{\"b\": [1, 2]}'::jsonb",
        ]
        for value in values {
            let sql = "WITH v AS MATERIALIZED (SELECT \(value) AS v) SELECT v, format('%s', v) AS t FROM v"
            let row = try #require(try await connection.query(sql).first)
            let (ours, theirs): (String, String) = (try row["v"], try row["t"])
            #expect(ours == theirs, "\(value)")
        }
    }

    @Test("narrower integers may be read as wider ones, wider ones never as narrower")
    func widths() async throws {
        let connection = try await Fixture.connection()
        #expect(try await one("SELECT 7::smallint", [], connection) == 7 as Int64)
        #expect(try await one("SELECT 7::integer", [], connection) == 7 as Int)
        #expect(try await one("SELECT 7::smallint", [], connection) == 7 as Int32)
        #expect(try await one("SELECT 4294967295::oid", [], connection) == 4_294_967_295 as Int64)
        #expect(try await one("SELECT 1.5::real", [], connection) == 1.5)
        let error = try await postgresError { let _: Int32 = try await one("SELECT 7::bigint", [], connection) }
        #expect(error.description.contains("bigint"))
    }

    private func roundTrip<T: PostgresEncodable & PostgresDecodable & Equatable>(
        _ values: [T], _ type: String, _ connection: Connection
    ) async throws {
        for value in values {
            let row = try #require(
                try await connection.query("SELECT $1 AS v, pg_catalog.format_type(pg_typeof($1), NULL) AS t", value)
                    .first)
            let (back, typeName): (T, String) = (try row["v"], try row["t"])
            #expect(back == value)
            #expect(
                typeName == (type == "timestamptz" ? "timestamp with time zone" : type)
                    || type == "timestamptz[]" && typeName == "timestamp with time zone[]")
        }
    }

    private func one<T: PostgresDecodable>(
        _ sql: String, _ parameters: [any PostgresEncodable], _ connection: Connection
    ) async throws -> T {
        try #require(try await connection.query(sql, parameters: parameters).first)[0]
    }
}
