/// A PostgreSQL data type, by its OID. Built-in types have fixed OIDs:
/// <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat>
public struct PostgresType: Sendable, Hashable, CustomStringConvertible {
    /// The row of `pg_type`.
    public let oid: UInt32

    public init(oid: UInt32) {
        self.oid = oid
    }

    public static let bool = PostgresType(oid: 16)
    public static let bytea = PostgresType(oid: 17)
    public static let name = PostgresType(oid: 19)
    public static let bigint = PostgresType(oid: 20)
    public static let smallint = PostgresType(oid: 21)
    public static let integer = PostgresType(oid: 23)
    public static let text = PostgresType(oid: 25)
    public static let oid = PostgresType(oid: 26)
    public static let json = PostgresType(oid: 114)
    public static let real = PostgresType(oid: 700)
    public static let double = PostgresType(oid: 701)
    public static let unknown = PostgresType(oid: 705)
    public static let character = PostgresType(oid: 1042)
    public static let varchar = PostgresType(oid: 1043)
    public static let date = PostgresType(oid: 1082)
    public static let timestamp = PostgresType(oid: 1114)
    public static let timestamptz = PostgresType(oid: 1184)
    public static let numeric = PostgresType(oid: 1700)
    public static let uuid = PostgresType(oid: 2950)
    public static let jsonb = PostgresType(oid: 3802)

    /// Types above this are made by users: enums, composites, those of extensions.
    var isUserDefined: Bool { oid >= 16_384 }

    /// The name that SQL uses, or `oid 12345` for a type that this module does not know.
    public var description: String { Self.names[oid] ?? "oid \(oid)" }

    private static let names: [UInt32: String] = [
        16: "boolean", 17: "bytea", 18: "\"char\"", 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text",
        26: "oid", 28: "xid", 114: "json", 700: "real", 701: "double precision", 705: "unknown",
        1000: "boolean[]", 1001: "bytea[]", 1005: "smallint[]", 1007: "integer[]", 1009: "text[]", 1015: "varchar[]",
        1016: "bigint[]", 1022: "double precision[]", 1042: "character", 1043: "varchar", 1082: "date", 1083: "time",
        1114: "timestamp without time zone", 1184: "timestamptz", 1185: "timestamptz[]", 1186: "interval",
        1231: "numeric[]", 1700: "numeric", 2278: "void", 2950: "uuid", 3220: "pg_lsn", 3802: "jsonb", 3807: "jsonb[]",
        5069: "xid8",
    ]

    /// The element of a built-in array type; `nil` where this is no array or one of users' types.
    var element: PostgresType? {
        Self.elements[oid].map(PostgresType.init(oid:))
    }

    private static let elements: [UInt32: UInt32] = [
        1000: 16, 1001: 17, 1003: 19, 1005: 21, 1007: 23, 1009: 25, 1015: 1043, 1016: 20, 1022: 701, 1185: 1184,
        1231: 1700, 3807: 3802,
    ]
}
