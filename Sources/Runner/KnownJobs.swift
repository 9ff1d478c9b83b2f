import PostgreSQL
import Store

/// What the database knows of some jobs: ``JobStanding`` says what it means.
public struct KnownJobs: Sendable {
    /// The database's clock, in Unix seconds.
    public let nowSeconds: Int64
    /// How schedulers know the jobs; those that none has seen are not there.
    public let states: [String: JobState]
    /// The last occurrence of each that has ended.
    let occurrences: [String: Occurrence]
    /// One of each whose attempts failed so far and that is to be tried again.
    let retrying: [String: Occurrence]
    /// The last own run of each that has ended or whose process was killed, whoever started it.
    let runs: [String: Run]
    /// The last run of each that applied a plan.
    let applied: [String: Int64]
    /// How those stand that make reports.
    let reports: [String: ReportStanding]
    /// The ways on which the last report that was made has not arrived.
    let unreached: [String: [String]]
    /// The locks that are held at this moment.
    let held: Set<String>
    /// What is open, of those jobs that have something.
    let open: [String: OpenFindings]

    /// Reads it.
    /// - Parameter jobs: their names.
    public static func read(_ jobs: [String], pool: Pool) async throws -> KnownJobs {
        let occurrences = Occurrences(pool: pool)
        let runs = Runs(pool: pool)
        let reports = try await ReportAttempts(pool: pool).standings(of: jobs)
        return KnownJobs(
            nowSeconds: try await occurrences.nowSeconds(), states: try await occurrences.states(of: jobs),
            occurrences: try await occurrences.lastEnded(of: jobs), retrying: try await occurrences.retrying(of: jobs),
            runs: try await runs.lastEnded(of: jobs), applied: try await runs.lastApplied(of: jobs), reports: reports,
            unreached: try await unreached(reports, pool),
            held: try await JobLock.held(of: jobs + jobs.map { JobLock.reportPrefix + $0 }, pool: pool),
            open: try await Findings(pool: pool).open())
    }

    /// Of each last report the ways on which it has not arrived, by job.
    private static func unreached(
        _ reports: [String: ReportStanding], _ pool: Pool
    ) async throws -> [String: [String]] {
        var unreached: [String: [String]] = [:]
        for (job, standing) in reports {
            guard let id = standing.made?.reportID else { continue }
            unreached[job] = try await StoredReports(pool: pool).unreached(of: id)
        }
        return unreached
    }
}
