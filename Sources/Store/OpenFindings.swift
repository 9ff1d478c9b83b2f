import PostgreSQL

/// How many differences are open, and apart from them how much is there for information.
public struct OpenFindings: Sendable, Hashable {
    /// They wait for somebody (``FindingState/open``).
    public var open: Int64
    /// They wait for nobody (``FindingState/information``).
    public var information: Int64

    public init(open: Int64 = 0, information: Int64 = 0) {
        self.open = open
        self.information = information
    }
}

/// The open differences of one kind on one account, of all jobs, by their age.
public struct OpenKind: Sendable, Hashable {
    public let kind: String
    public let account: String
    /// Under a day, under a week, older.
    public let young: Int64
    public let middle: Int64
    public let old: Int64
    /// The age of the oldest.
    public let oldestSeconds: Int64

    public var count: Int64 { young + middle + old }

    /// The kind with the oldest first.
    public static func read(on connection: Connection) async throws -> [OpenKind] {
        try await connection.query(
            """
            SELECT kind, account, count(*) FILTER (WHERE age < 86400) AS young,
                count(*) FILTER (WHERE age >= 86400 AND age < 604800) AS middle,
                count(*) FILTER (WHERE age >= 604800) AS old, floor(max(age))::bigint AS oldest
            FROM (SELECT kind, account, extract(epoch FROM now() - first_seen_at) AS age
                FROM trueup.finding WHERE \(FindingState.isOpenSQL)) f
            GROUP BY kind, account ORDER BY max(age) DESC, kind, account
            """
        ).map { row in
            OpenKind(
                kind: try row["kind"], account: try row["account"], young: try row["young"],
                middle: try row["middle"], old: try row["old"], oldestSeconds: try row["oldest"])
        }
    }
}

extension Findings {
    /// What is open of each job that has something, by job.
    public func open() async throws -> [String: OpenFindings] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT job, count(*) FILTER (WHERE \(FindingState.isOpenSQL)) AS open,
                    count(*) FILTER (WHERE \(FindingState.isInformationSQL)) AS information
                FROM trueup.finding WHERE state = 'open' GROUP BY job
                """)
        }
        return Dictionary(
            uniqueKeysWithValues: try rows.map { row in
                let found = OpenFindings(open: try row["open"], information: try row["information"])
                return (try row["job"] as String, found)
            })
    }
}
