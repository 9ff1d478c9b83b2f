import PostgreSQL
import Reconciliation

/// What an effect did, for the audit. Rows of `trueup.repair` are inserted only.
public struct RepairRecord: Sendable, Hashable {
    public var runID: Int64
    public var findingID: Int64
    public var kind: FindingKind
    /// What was done: `grant`, `cancel`, `link`.
    public var effect: String
    public var account: String
    public var stripeID: String
    public var stripeStatus: String
    public var stripeRequestID: String
    public var table: String
    public var localID: String
    /// The touched rows before and after, one JSON object each.
    public var before: JSONText
    public var after: JSONText
    public var plan: String?
    public var requestedBy: String

    public init(
        runID: Int64, findingID: Int64, kind: FindingKind, effect: String, account: String, stripeID: String,
        stripeStatus: String, stripeRequestID: String, table: String, localID: String, before: JSONText,
        after: JSONText, plan: String? = nil, requestedBy: String
    ) {
        self.runID = runID
        self.findingID = findingID
        self.kind = kind
        self.effect = effect
        self.account = account
        self.stripeID = stripeID
        self.stripeStatus = stripeStatus
        self.stripeRequestID = stripeRequestID
        self.table = table
        self.localID = localID
        self.before = before
        self.after = after
        self.plan = plan
        self.requestedBy = requestedBy
    }

    /// Writes the audit row and closes the finding; after a revert the finding is there again, accepted, so that the
    /// next run does not do again what a person took back. It belongs into the transaction of the effect.
    /// - Returns: `false` where a person has accepted the difference meanwhile, in whichever job's list: the effect is
    ///   not wanted any more.
    @discardableResult
    public func insert(on connection: Connection, isRevert: Bool = false) async throws -> Bool {
        let audit = SQLStatement(
            """
            INSERT INTO trueup.repair (run_id, finding_id, kind, effect, account, stripe_id, stripe_status,
                stripe_request_id, local_table, local_id, before, after, plan, requested_by)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """, runID, findingID, kind.rawValue, effect, account, stripeID, stripeStatus, stripeRequestID, table,
            localID, before, after, plan, requestedBy)
        if isRevert {
            try await connection.pipeline([audit] + reverted)
            return true
        }
        // Stripe may have given up by now: no webhook will settle what one was refused for.
        let refusal = SQLStatement(
            "DELETE FROM trueup.webhook_refusal WHERE account = $1 AND object_id = $2", account, stripeID)
        return !(try await connection.pipeline([audit, refusal, closing])[2].rows.isEmpty)
    }

    private var reverted: [SQLStatement] {
        [
            SQLStatement(
                "UPDATE trueup.finding SET state = 'accepted', closed_at = NULL, closed_how = NULL WHERE id = $1",
                findingID),
            SQLStatement(
                """
                INSERT INTO trueup.finding_note (finding_id, written_by, what, note)
                VALUES ($1, $2, 'accepted', 'Its repair was reverted; it stays quiet until its facts change.')
                """, findingID, requestedBy),
        ]
    }

    /// The same fact in the list of another job is repaired with it. Who accepts one of them at this moment waits for
    /// the end of the transaction, or is waited for.
    private var closing: SQLStatement {
        SQLStatement(
            """
            WITH same AS MATERIALIZED (
                SELECT f.id, f.state, f.facts = o.facts AS is_same_fact FROM trueup.finding o JOIN trueup.finding f
                    ON f.account = o.account AND f.stripe_id = o.stripe_id AND f.local_id = o.local_id
                        AND f.kind = o.kind
                WHERE o.id = $1)
            UPDATE trueup.finding f SET state = 'closed', closed_at = now(), closed_how = 'repaired' FROM same
            WHERE f.id = same.id AND (f.id = $1 OR same.state = 'open') AND f.state <> 'accepted'
                AND NOT EXISTS (SELECT FROM same a WHERE a.state = 'accepted' AND a.is_same_fact)
            RETURNING f.id
            """, findingID)
    }

    /// Whether this run's repair of a finding is in the database: read back when the answer to COMMIT was lost.
    public static func exists(runID: Int64, findingID: Int64, effect: String, on connection: Connection) async throws
        -> Bool
    {
        let rows = try await connection.query(
            "SELECT 1 AS one FROM trueup.repair WHERE run_id = $1 AND finding_id = $2 AND effect = $3", runID,
            findingID, effect)
        return !rows.isEmpty
    }

    /// The audit row of a change at Stripe that a crash cut off from its end. The finding stays as it is: the run that
    /// follows looks at its object again.
    public static func insertRecovered(
        _ write: StripeWrite, status: String, requestID: String, on connection: Connection
    ) async throws {
        try await connection.execute(
            """
            INSERT INTO trueup.repair (run_id, finding_id, kind, effect, account, stripe_id, stripe_status,
                stripe_request_id, local_table, local_id, before, after, requested_by)
            SELECT r.id, f.id, f.kind, $3, f.account, f.stripe_id, $4, $5, '', f.local_id, '{}', '{}', r.requested_by
            FROM trueup.run r, trueup.finding f WHERE r.id = $1 AND f.id = $2
            ON CONFLICT (run_id, finding_id, effect) DO NOTHING
            """, write.runID, write.findingID, write.effect, status, requestID)
    }
}
