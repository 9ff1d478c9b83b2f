import PostgreSQL

/// A change at Stripe that was begun and whose end nobody has written down.
public struct StripeWrite: Sendable, Hashable {
    public let id: Int64
    public let runID: Int64
    public let findingID: Int64
    public let effect: String
    public let account: String
    public let stripeID: String
    /// What its requests carried, so that Stripe can tell whether they were made.
    public let idempotencyKey: String
}

/// The rows of `trueup.stripe_write`: a change at Stripe leaves a trace before it is made, so that after a crash the
/// next run can ask what became of it.
public struct StripeWrites: Sendable {
    let pool: Pool

    public init(pool: Pool) { self.pool = pool }

    /// Notes that a change is about to be made. Twice is once: where the answer to a COMMIT was lost, it is done again.
    /// - Returns: the row's id.
    public static func begin(
        runID: Int64, findingID: Int64, effect: String, account: String, stripeID: String, idempotencyKey: String,
        on connection: Connection
    ) async throws -> Int64 {
        try await connection.query(
            """
            WITH noted AS (SELECT id FROM trueup.stripe_write
                WHERE run_id = $1 AND finding_id = $2 AND effect = $3 AND ended_at IS NULL),
            made AS (INSERT INTO trueup.stripe_write (run_id, finding_id, effect, account, stripe_id, idempotency_key)
                SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT FROM noted) RETURNING id)
            SELECT id FROM noted UNION ALL SELECT id FROM made LIMIT 1
            """, runID, findingID, effect, account, stripeID, idempotencyKey)[0]["id"]
    }

    /// Notes how it ended. It belongs into the transaction of the audit row, where there is one.
    public static func end(_ id: Int64, outcome: String, on connection: Connection) async throws {
        try await connection.execute(
            "UPDATE trueup.stripe_write SET ended_at = now(), outcome = $2 WHERE id = $1 AND ended_at IS NULL", id,
            outcome)
    }

    /// The changes of a job whose end is unknown, the oldest first.
    public func open(job: String) async throws -> [StripeWrite] {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT w.id, w.run_id, w.finding_id, w.effect, w.account, w.stripe_id,
                    w.idempotency_key FROM trueup.stripe_write w
                JOIN trueup.run r ON r.id = w.run_id WHERE r.job = $1 AND w.ended_at IS NULL ORDER BY w.id
                """, job
            ).map { row in
                StripeWrite(
                    id: try row["id"], runID: try row["run_id"], findingID: try row["finding_id"],
                    effect: try row["effect"], account: try row["account"], stripeID: try row["stripe_id"],
                    idempotencyKey: try row["idempotency_key"])
            }
        }
    }
}
