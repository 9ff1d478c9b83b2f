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
        // Not extract(), whose exact numbers take longer. A little less than each share: what is rounded up must not
        // lead to the row behind.
        let found = try await connection.query(
            """
            SELECT count(*) AS n, percentile_disc((SELECT array_agg((i - 1e-6::float8) / \(marksMax) ORDER BY i)
                    FROM generate_series(1, \(marksMax)) i))
                WITHIN GROUP (ORDER BY floor(date_part('epoch', \(createdAt)))::bigint) AS marks
            FROM \(table) \(sample)
            WHERE \(createdAt) >= to_timestamp($1::bigint) AND \(createdAt) < to_timestamp($2::bigint)
            """, period.fromSeconds, period.toSeconds)[0]
        let count: Int64 = try found["n"]
        guard count > 0 else { return .none }
        let marks: [Int64] = try found["marks"]
        return RowTimes(percentiles: marks, rows: Int(count), share: share)
    }

    /// - Parameters:
    ///   - percentiles: up to when each part of the rows was made, in equal steps up to all of them; Unix seconds.
    ///   - rows: how many rows these are.
    ///   - share: which part of the table was looked at.
    init(percentiles: [Int64], rows: Int, share: Double) {
        let count = min(rows, percentiles.count)
        // Of fewer rows than percentiles each one is a mark, once.
        marks = (1...count).map { percentiles[$0 * percentiles.count / count - 1] }
        rowsPerMark = Double(rows) / Double(count) / share
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
