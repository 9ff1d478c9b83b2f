import PostgreSQL

/// What a caller asked for under an `Idempotency-Key`: asked again, it leads to the same row.
public struct ClientRequest: Sendable {
    /// What is made.
    public enum Kind: String, Sendable {
        case order, charge
    }

    /// Why a key leads nowhere.
    public enum Conflict: Error, Sendable, Equatable {
        /// The key came with another request before.
        case otherRequest
    }

    let kind: Kind
    let agencyID: Int64
    let key: String
    /// Everything that makes the request what it is.
    let words: String

    public init(kind: Kind, agencyID: Int64, key: String, words: String) {
        self.kind = kind
        self.agencyID = agencyID
        self.key = key
        self.words = words
    }

    /// The row that the key led to before; `nil`: the key is new.
    /// - Throws: ``Conflict``; `PostgresError`.
    public func row(on connection: Connection) async throws -> Int64? {
        let rows = try await connection.query(
            """
            SELECT row_id, request_hash = sha256(convert_to($4, 'UTF8')) AS same FROM trueup.client_request
            WHERE kind = $1 AND agency_id = $2 AND key_hash = sha256(convert_to($3, 'UTF8')) AND row_id IS NOT NULL
            """, kind.rawValue, agencyID, key, words)
        guard let row = rows.first else { return nil }
        guard try row["same"] as Bool else { throw Conflict.otherRequest }
        return try row["row_id"]
    }

    /// Takes the key, inside the transaction that makes the row. Of two at once, one waits here for the other.
    /// - Returns: the row of whoever was faster; `nil`: the key is this caller's, who calls ``fill(_:on:)`` next.
    public func claim(on connection: Connection) async throws -> Int64? {
        let made = try await connection.execute(
            """
            INSERT INTO trueup.client_request (kind, agency_id, key_hash, request_hash)
            VALUES ($1, $2, sha256(convert_to($3, 'UTF8')), sha256(convert_to($4, 'UTF8'))) ON CONFLICT DO NOTHING
            """, kind.rawValue, agencyID, key, words)
        if made == 1 { return nil }
        guard let known = try await row(on: connection) else { throw Conflict.otherRequest }
        return known
    }

    /// Notes the row that was made, in the same transaction.
    public func fill(_ rowID: Int64, on connection: Connection) async throws {
        try await connection.execute(
            """
            UPDATE trueup.client_request SET row_id = $4
            WHERE kind = $1 AND agency_id = $2 AND key_hash = sha256(convert_to($3, 'UTF8'))
            """, kind.rawValue, agencyID, key, rowID)
    }
}
