import PostgreSQL
import Schedule
import Store

extension Scene {
    /// An occurrence of the scene's job that is due now.
    func due() async throws {
        let pool = Pool(target, size: 1, applicationName: "scene")
        let occurrences = Occurrences(pool: pool)
        let now = try await occurrences.nowSeconds()
        let planned = PlannedOccurrence(
            nominalSeconds: now, window: OccurrenceWindow(fromSeconds: now - 60, toSeconds: now),
            notBeforeSeconds: now, startBeforeSeconds: now + 3600)
        _ = try await occurrences.learn([KnownJob(job: Self.job, definitionHash: "", schedule: "")])
        _ = try await occurrences.insert(
            [
                NewOccurrence(
                    job: Self.job, definitionHash: "", planned: planned, attemptsMax: 5, backoffSeconds: 1)
            ], dealtWith: [:])
        await pool.close()
    }
}
