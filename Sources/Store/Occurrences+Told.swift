import PostgreSQL

extension Occurrences {
    /// More are told of the next time.
    static let toldAtOnceMax = 1_000

    /// Hands over the occurrences that have ended, whatever became of them, and that nobody was told of yet; in the
    /// transaction that remembers that they were. So each is told of once, also where its end was written long ago, by
    /// a process that died before it could say so.
    ///
    /// What ended more than a week ago is no news and is left out.
    /// - Parameters:
    ///   - jobs: those whose files are known here.
    ///   - tell: writes messages into the outbox.
    /// - Returns: how many occurrences were handed over; 0 as well where another process is doing it at this moment.
    public func tellEnded(
        of jobs: [String], _ tell: @Sendable ([Occurrence], Connection) async throws -> Void
    ) async throws -> Int {
        try await pool.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: Self.idleMillisecondsMax)
            let mine: Bool = try await connection.query(
                "SELECT pg_try_advisory_xact_lock(hashtextextended('trueup.told', 0)) AS mine")[0]["mine"]
            guard mine else { return 0 }
            let ended = try await connection.query(
                """
                UPDATE trueup.occurrence SET told_at = now()
                WHERE (job, scheduled_at) IN (SELECT job, scheduled_at FROM trueup.occurrence
                    WHERE ended_at IS NOT NULL AND told_at IS NULL AND job = ANY($1)
                    ORDER BY job, scheduled_at LIMIT $2 FOR UPDATE SKIP LOCKED)
                RETURNING \(Occurrence.columns), ended_at < now() - interval '7 days' AS is_old
                """, jobs, Int64(Self.toldAtOnceMax))
            let news = try ended.filter { try !($0["is_old"] as Bool) }.map { try Occurrence($0) }
            guard !news.isEmpty else { return 0 }
            try await tell(news.sorted { ($0.job, $0.scheduledSeconds) < ($1.job, $1.scheduledSeconds) }, connection)
            return news.count
        }
    }
}
