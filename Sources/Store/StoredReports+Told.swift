import PostgreSQL

// What the readers of reports know already.
extension StoredReports {
    /// The word in the outbox under which a message says, as a hash, what its report states.
    public static let statesWord = "states"

    /// The last report of a job before `id` of which messages were written to people; `nil` where there is none.
    public func lastTold(job: String, before id: Int64) async throws -> Int64? {
        try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT max(r.id) AS id FROM trueup.report r JOIN trueup.report_delivery d ON d.report_id = r.id
                WHERE r.job = $1 AND r.id < $2 AND d.destination IN ('email', 'slack')
                """, job, id)[0]["id"]
        }
    }

    /// Whether every one of these messages was sent and its report stated this.
    /// - Parameters:
    ///   - keys: of messages, each once.
    ///   - hash: of what is stated. A message of an earlier version has none, and never counts.
    public func wereSent(keys: Set<String>, stating hash: String) async throws -> Bool {
        let count: Int64 = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT count(*) AS n FROM trueup.outbox
                WHERE dedupe_key = ANY($1) AND state = 'sent' AND about->>$2 = $3
                """, Array(keys), Self.statesWord, hash)[0]["n"]
        }
        return count == Int64(keys.count)
    }
}
