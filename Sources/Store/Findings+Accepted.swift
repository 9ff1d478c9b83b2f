import PostgreSQL
import Reconciliation

extension Findings {
    /// Whether a person accepted this finding, or the same fact in another job's list. Who accepts it at this moment
    /// waits for the end of the transaction, or is waited for.
    public static func isAccepted(_ id: Int64, on connection: Connection) async throws -> Bool {
        let rows = try await connection.query(
            """
            SELECT o.state = 'accepted' OR EXISTS (SELECT FROM trueup.finding f WHERE f.id <> o.id
                AND f.account = o.account AND f.stripe_id = o.stripe_id AND f.local_id = o.local_id
                AND f.kind = o.kind AND f.state = 'accepted' AND f.facts = o.facts) AS accepted
            FROM trueup.finding o WHERE o.id = $1 FOR UPDATE OF o
            """, id)
        return try rows.first?["accepted"] ?? false
    }

    /// Whether a person accepted this difference, or reverted its repair, in whichever job's list: who comes by
    /// another way than a run leaves it alone as well. A run compares the facts besides, and opens the finding again
    /// where they have changed.
    /// - Parameter localID: the row's key, as findings have it.
    public static func isAccepted(
        _ kind: FindingKind, account: String, stripeID: String, localID: String, on connection: Connection
    ) async throws -> Bool {
        try await connection.query(
            """
            SELECT EXISTS (SELECT FROM trueup.finding WHERE state = 'accepted' AND account = $1 AND stripe_id = $2
                AND kind = $3 AND local_id = $4) AS found
            """, account, stripeID, kind.rawValue, localID)[0]["found"]
    }
}
