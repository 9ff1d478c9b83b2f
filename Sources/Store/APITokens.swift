import PostgreSQL

/// What a bearer token may do: one row of `trueup.api_token`. Its secret is not part of it.
public struct APIToken: Sendable, Hashable {
    public var id: Int64
    /// For people.
    public var name: String
    /// `nil`: every agency; empty: none.
    public var agencies: [Int64]?
    /// The status page may be looked at with it.
    public var maySeeStatus: Bool
    public var createdAt: Timestamp
    public var createdBy: String
    /// From then on it is refused.
    public var expiresAt: Timestamp?
    public var revokedAt: Timestamp?
    /// SHA-256 of the secret part.
    public var secretHash: [UInt8]
    /// Neither revoked nor expired, by the database's clock.
    public var isValid: Bool

    /// Whether it may act for this agency.
    public func covers(agency: Int64) -> Bool { agencies?.contains(agency) ?? true }
}

/// The table of tokens. Only hashes are kept: a token is shown once, when it is made.
public struct APITokens: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    private static let columns = """
        id, name, agencies, may_see_status, created_at, created_by, expires_at, revoked_at, secret_hash,
            (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) AS is_valid
        """

    /// Makes a token.
    /// - Parameters:
    ///   - secretHash: SHA-256 of the secret, 32 bytes.
    ///   - agencies: whom it may act for; `nil` for all.
    ///   - days: how long it is valid; `nil` for ever.
    /// - Returns: its id.
    public func create(
        name: String, secretHash: [UInt8], agencies: [Int64]?, maySeeStatus: Bool, days: Int?, createdBy: String
    ) async throws -> Int64 {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                INSERT INTO trueup.api_token (name, secret_hash, agencies, may_see_status, created_by, expires_at)
                VALUES ($1, $2, $3, $4, $5, now() + make_interval(days => $6)) RETURNING id
                """, name, secretHash, agencies, maySeeStatus, createdBy, days.map { Int32($0) })[0]["id"]
        }
    }

    /// The token of this id, valid or not.
    public func token(_ id: Int64) async throws -> APIToken? {
        try await pool.withConnection { connection in
            try await connection.query("SELECT \(Self.columns) FROM trueup.api_token WHERE id = $1", id)
                .first.map(Self.token)
        }
    }

    /// All of them, oldest first.
    public func all() async throws -> [APIToken] {
        try await pool.withConnection { connection in
            try await connection.query("SELECT \(Self.columns) FROM trueup.api_token ORDER BY id").map(Self.token)
        }
    }

    /// Takes a token away. From the next request on it is refused.
    /// - Returns: whether there was one that was not revoked yet.
    public func revoke(_ id: Int64) async throws -> Bool {
        try await pool.withConnection { connection in
            try await connection.execute(
                "UPDATE trueup.api_token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", id) == 1
        }
    }

    private static func token(_ row: Row) throws -> APIToken {
        APIToken(
            id: try row["id"], name: try row["name"], agencies: try row["agencies"],
            maySeeStatus: try row["may_see_status"], createdAt: try row["created_at"],
            createdBy: try row["created_by"], expiresAt: try row["expires_at"], revokedAt: try row["revoked_at"],
            secretHash: try row["secret_hash"], isValid: try row["is_valid"])
    }
}
