import PostgreSQL
import Reconciliation

/// How the rows of a table lie in time: a hint where the objects that they name lie in Stripe's list.
public struct RowTimes: Sendable, Hashable {
    /// When so-manieth rows were made: Unix seconds, ascending, at most 10,000.
    public var marks: [Int64]
    /// How many rows there are from one mark to the next.
    public var rowsPerMark: Double

    /// No row says anything.
    public static let none = RowTimes(marks: [], rowsPerMark: 1)

    public init(marks: [Int64], rowsPerMark: Double) {
        self.marks = marks
        self.rowsPerMark = rowsPerMark
    }

    /// Rows that are looked at: of a larger table a sample, by blocks.
    private static let sampled = 200_000.0
    private static let marksMax = 10_000

    /// Of the rows made in the period.
    static func read(
        of period: Window, table: String, createdAt: String, on connection: Connection
    ) async throws -> RowTimes {
        let size = try await connection.query(
            """
            SELECT relkind IN ('r', 'm') AS has_blocks, reltuples::float8 AS rows FROM pg_class
            WHERE oid = $1::text::regclass
            """, table)[0]
        let rows: Double = try size["rows"]
        let share = try size["has_blocks"] && rows > 2 * sampled ? sampled / rows : 1
        let sample = share < 1 ? "TABLESAMPLE SYSTEM (\(100 * share)) REPEATABLE (0)" : ""
        // Not extract(), whose exact numbers take longer.
        let found = try await connection.query(
            """
            WITH made AS MATERIALIZED (SELECT floor(date_part('epoch', \(createdAt)))::bigint AS second
                FROM \(table) \(sample)
                WHERE \(createdAt) >= to_timestamp($1::bigint) AND \(createdAt) < to_timestamp($2::bigint)),
            step AS (SELECT greatest(1, ceil(count(*) / \(marksMax).0))::bigint AS rows FROM made),
            placed AS (SELECT second, row_number() OVER (ORDER BY second) AS place FROM made)
            SELECT second, step.rows FROM placed, step WHERE place % step.rows = 0 ORDER BY place
            """, period.fromSeconds, period.toSeconds)
        guard let first = found.first else { return .none }
        let step: Int64 = try first["rows"]
        return RowTimes(marks: try found.map { try $0["second"] }, rowsPerMark: Double(step) / share)
    }
}

extension OrderTable {
    /// When orders of the period were made.
    public func times(of period: Window, on connection: Connection) async throws -> RowTimes {
        try await RowTimes.read(of: period, table: name, createdAt: createdAt, on: connection)
    }
}

extension ChargeTable {
    /// When charges of the period were made.
    public func times(of period: Window, on connection: Connection) async throws -> RowTimes {
        try await RowTimes.read(of: period, table: name, createdAt: createdAt, on: connection)
    }
}
