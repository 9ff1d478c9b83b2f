import PostgreSQL

/// At most one run of a job at a time, over all processes of one database. The lock belongs to a connection of its
/// own: a process that dies lets it go.
public struct JobLock: Sendable {
    private let connection: Connection

    /// How the sessions of those are called who hold a lock for a lease: ``StaleRun`` may end them once the lease is
    /// somebody else's.
    static let leasedName = "trueup lease"

    /// - Parameter lease: for which it is taken; `nil` for a run by hand.
    /// - Returns: `nil` when the job runs already.
    public static func take(job: String, for lease: Lease? = nil, target: ConnectionTarget) async throws -> JobLock? {
        let name = lease == nil ? "trueup lock" : leasedName
        let connection = try await Connection.open(target, applicationName: "\(name) \(job)")
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
