import PostgreSQL
import Reconciliation

/// A stored repair, with the rows before and after.
public struct Repair: Sendable, Hashable {
    public let id: Int64
    public let runID: Int64
    public let findingID: Int64
    public let kind: String
    public let comparison: ComparisonName
    public let effect: String
    public let account: String
    public let stripeID: String
    public let stripeStatus: String
    public let requestID: String
    public let localID: String
    public let before: JSONText
    public let after: JSONText
    public let plan: String?
    public let requestedBy: String
    public let appliedAt: Timestamp

    init(_ row: Row) throws {
        id = try row["id"]
        runID = try row["run_id"]
        findingID = try row["finding_id"]
        kind = try row["kind"]
        comparison = ComparisonName(rawValue: try row["comparison"]) ?? .orders
        effect = try row["effect"]
        account = try row["account"]
        stripeID = try row["stripe_id"]
        stripeStatus = try row["stripe_status"]
        requestID = try row["stripe_request_id"]
        localID = try row["local_id"]
        before = try row["before"]
        after = try row["after"]
        plan = try row["plan"]
        requestedBy = try row["requested_by"]
        appliedAt = try row["applied_at"]
    }

    static let columns = """
        id, run_id, finding_id, kind, effect, account, stripe_id, stripe_status, stripe_request_id, local_id, before,
        after, plan, requested_by, applied_at,
        (SELECT f.comparison FROM trueup.finding f WHERE f.id = finding_id) AS comparison
        """

    /// All repairs of a run, the latest first: the order in which they can be undone.
    public static func of(runID: Int64, on connection: Connection) async throws -> [Repair] {
        try await connection.query(
            "SELECT \(columns) FROM trueup.repair WHERE run_id = $1 ORDER BY id DESC", runID
        ).map(Repair.init)
    }

    /// The repairs of one finding, the oldest first.
    public static func of(findingID: Int64, on connection: Connection) async throws -> [Repair] {
        try await connection.query(
            "SELECT \(columns) FROM trueup.repair WHERE finding_id = $1 ORDER BY id", findingID
        ).map(Repair.init)
    }

    /// The last repair of the same difference, in whichever job's list, or what took it back: the row as it is now is
    /// that one's.
    public func last(on connection: Connection) async throws -> Repair {
        try await connection.query(
            """
            SELECT \(Self.columns) FROM trueup.repair WHERE id = (
                SELECT max(r.id) FROM trueup.finding f JOIN trueup.repair r ON r.finding_id = f.id
                WHERE f.account = $2 AND f.stripe_id = $3 AND f.local_id = $4 AND f.kind = $5
                    AND (r.id = $1 OR r.id > $1 AND r.run_id <> $6))
            """, id, account, stripeID, localID, kind, runID
        ).first.map(Repair.init) ?? self
    }

    /// The last repair of the difference that a finding is about, in whichever job's list, or what took it back; `nil`
    /// where there is none.
    /// - Parameter run: only what was done since this one began.
    public static func last(
        ofFinding id: Int64, sinceRun run: Int64, on connection: Connection
    ) async throws -> Repair? {
        try await connection.query(
            """
            SELECT \(columns) FROM trueup.repair WHERE id = (
                SELECT max(r.id) FROM trueup.finding o
                JOIN trueup.finding f ON f.account = o.account AND f.stripe_id = o.stripe_id
                    AND f.local_id = o.local_id AND f.kind = o.kind
                JOIN trueup.repair r ON r.finding_id = f.id
                WHERE o.id = $1 AND r.applied_at >= (SELECT started_at FROM trueup.run WHERE id = $2))
            """, id, run
        ).first.map(Repair.init)
    }

    /// One repair, or `nil`.
    public static func one(id: Int64, on connection: Connection) async throws -> Repair? {
        try await connection.query("SELECT \(columns) FROM trueup.repair WHERE id = $1", id).first.map(Repair.init)
    }
}
