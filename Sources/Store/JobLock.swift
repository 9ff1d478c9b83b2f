import PostgreSQL

/// At most one run of a job at a time, over all processes of one database. The lock belongs to a connection of its
/// own: a process that dies lets it go.
public struct JobLock: Sendable {
    private let connection: Connection

    /// - Returns: `nil` when the job runs already.
    public static func take(job: String, target: ConnectionTarget) async throws -> JobLock? {
        let connection = try await Connection.open(target, applicationName: "trueup lock \(job)")
        let taken: Bool = try await connection.query(
            "SELECT pg_try_advisory_lock(hashtextextended('trueup.job.' || $1, 0)) AS taken", job)[0]["taken"]
        guard taken else {
            await connection.close()
            return nil
        }
        return JobLock(connection: connection)
    }

    /// Gives it up, so that whoever asks next gets it: a closed connection alone lets go of it a moment later. Also
    /// under a task that was cancelled.
    public func release() async {
        await Task { _ = try? await connection.execute("SELECT pg_advisory_unlock_all()") }.value
        await connection.close()
    }
}
