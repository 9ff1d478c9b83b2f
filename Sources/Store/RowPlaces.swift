import PostgreSQL

/// Where a row lies among all rows of its table that name an object.
public struct RowPlace: Sendable, Hashable {
    /// The object that the row names.
    public var id: String
    /// How many rows are newer.
    public var place: Int64
    /// The object of the row that is a few places newer, to begin a page of Stripe's list behind it; `nil` where there
    /// is none.
    public var newerID: String?
}

/// How the rows of a table lie in time.
enum RowPlaces {
    /// One pass over the rows that are not older than all that are asked for.
    /// - Parameters:
    ///   - ids: objects that rows name. What no row names is left out.
    ///   - prefix: how ids of such objects begin. Rows that hold something else have no object in the list.
    ///   - above: how many places newer ``RowPlace/newerID`` is.
    /// - Returns: the newest row first; of rows that name one object the newest.
    static func find(
        _ ids: [String], above: Int, prefix: String, table: String, id: String, createdAt: String,
        on connection: Connection
    ) async throws -> [RowPlace] {
        guard !ids.isEmpty else { return [] }
        let rows = try await connection.query(
            """
            WITH wanted AS (SELECT DISTINCT unnest($1::text[]) AS id),
            placed AS (
                SELECT l.\(id)::text AS id, row_number() OVER newest - 1 AS place,
                    lag(l.\(id)::text, \(above)) OVER newest AS newer
                FROM \(table) l
                WHERE starts_with(l.\(id)::text, $2) AND l.\(createdAt) >=
                    (SELECT min(o.\(createdAt)) FROM \(table) o JOIN wanted ON o.\(id) = wanted.id)
                WINDOW newest AS (ORDER BY l.\(createdAt) DESC, l.\(id)::text DESC)
            )
            SELECT id, min(place) AS place, (array_agg(newer ORDER BY place))[1] AS newer
            FROM placed JOIN wanted USING (id) GROUP BY id ORDER BY 2
            """, ids, prefix)
        return try rows.map { RowPlace(id: try $0["id"], place: try $0["place"], newerID: try $0["newer"]) }
    }
}

extension OrderTable {
    /// Where the orders of these invoices lie among all orders, the newest first.
    /// - Parameter above: how many places newer ``RowPlace/newerID`` is.
    public func places(of ids: [String], above: Int, on connection: Connection) async throws -> [RowPlace] {
        try await RowPlaces.find(
            ids, above: above, prefix: "in_", table: name, id: id, createdAt: createdAt, on: connection)
    }
}

extension ChargeTable {
    /// Where the charges of these payment intents lie among all charges, the newest first.
    /// - Parameter above: how many places newer ``RowPlace/newerID`` is.
    public func places(of ids: [String], above: Int, on connection: Connection) async throws -> [RowPlace] {
        try await RowPlaces.find(
            ids, above: above, prefix: "pi_", table: name, id: id, createdAt: createdAt, on: connection)
    }
}
