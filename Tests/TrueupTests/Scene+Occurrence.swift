import PostgreSQL
import Schedule
import Store

extension Scene {
    /// An occurrence of a job that is due now.
    func due(_ job: String = Self.job, attemptsMax: Int = 5) async throws {
        let pool = Pool(target, size: 1, applicationName: "scene")
        let occurrences = Occurrences(pool: pool)
        let now = try await occurrences.nowSeconds()
        let planned = PlannedOccurrence(
            nominalSeconds: now, window: OccurrenceWindow(fromSeconds: now - 60, toSeconds: now),
            notBeforeSeconds: now, startBeforeSeconds: now + 3600)
        _ = try await occurrences.learn([KnownJob(job: job, definitionHash: "", schedule: "")])
        _ = try await occurrences.insert(
            [
                NewOccurrence(
                    job: job, definitionHash: "", planned: planned, attemptsMax: attemptsMax, backoffSeconds: 1)
            ], dealtWith: [:])
        await pool.close()
    }
}
