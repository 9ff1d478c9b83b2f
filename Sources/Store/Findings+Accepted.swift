import PostgreSQL
import Reconciliation

extension Findings {
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
