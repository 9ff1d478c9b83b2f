import PostgreSQL

/// How a job that makes reports stands: what it made last, and what was to be made since.
public struct ReportStanding: Sendable, Hashable {
    /// The last report that was made: of those as of the job's own cut-off, where there is one.
    public let made: ReportAttempt?
    /// A newer time that made none: it failed, was stopped, or its process was killed.
    public let unmade: ReportAttempt?

    /// - Parameters:
    ///   - made: the last that was made, one of the job's own cut-off before any other.
    ///   - unmade: the last that was not, likewise.
    /// - Returns: `nil` where there is neither.
    init?(made: ReportAttempt?, unmade: ReportAttempt?) {
        guard let made, let unmade else {
            guard made != nil || unmade != nil else { return nil }
            self.made = made
            self.unmade = unmade
            return
        }
        // A report of another time neither hides that tonight's lacks, nor does one that lacks hide tonight's.
        let isNewer = made.isOwn == unmade.isOwn ? made.id < unmade.id : unmade.isOwn
        self.made = isNewer && made.isOwn != unmade.isOwn ? nil : made
        self.unmade = isNewer ? unmade : nil
    }

    /// What was to be made is there all the same: an earlier time made the report of that cut-off.
    public var isThere: Bool {
        guard let made, let cutOff = unmade?.cutOffSeconds else { return false }
        return made.cutOffSeconds == cutOff
    }

    /// What a reader asks for: the last report, or the time that should have made it.
    public var last: ReportAttempt? { isThere ? made : unmade ?? made }

    /// The last report, where it is not the one that should be there.
    public var previous: ReportAttempt? { isThere || unmade == nil ? nil : made }

    /// A newer time that made none, where the report is there.
    public var since: ReportAttempt? { isThere ? unmade : nil }
}

extension ReportAttempts {
    /// How each of these jobs stands, by job; what is under way is left out.
    public func standings(of jobs: [String]) async throws -> [String: ReportStanding] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT DISTINCT ON (job, is_made) \(ReportAttempt.columns), is_made
                FROM (SELECT *, state IN (\(ReportAttempt.madeStates)) AS is_made FROM trueup.report_attempt a
                    WHERE job = ANY($1) AND (state <> 'running' OR NOT \(JobLock.isReportHeld("a.job")))) ended
                ORDER BY job, is_made, is_own DESC, id DESC
                """, jobs)
        }
        var (made, unmade): ([String: ReportAttempt], [String: ReportAttempt]) = ([:], [:])
        for row in rows {
            let attempt = try ReportAttempt(row)
            if try row["is_made"] as Bool { made[attempt.job] = attempt } else { unmade[attempt.job] = attempt }
        }
        var standings: [String: ReportStanding] = [:]
        for job in jobs { standings[job] = ReportStanding(made: made[job], unmade: unmade[job]) }
        return standings
    }
}
