import PostgreSQL

/// How long a job's complete runs usually take, and how much they read: the medians of the last few. A run far below
/// them has probably not done what it is there for, whatever its state says.
public struct UsualRun: Sendable, Hashable {
    /// How many runs the medians are of.
    public let runs: Int64
    public let seconds: Double
    /// Objects read at Stripe.
    public let objects: Double

    /// So many runs at most, and at least.
    public static let runsMax: Int64 = 7
    public static let runsMin: Int64 = 3

    /// What the last complete runs of a job before this one were like. Plans, backfills and runs in several attempts
    /// are left out: their times and amounts are their own.
    /// - Returns: `nil` with fewer than ``runsMin`` such runs.
    public static func before(_ run: Run, on connection: Connection) async throws -> UsualRun? {
        let row = try await connection.query(
            """
            SELECT count(*) AS runs,
                coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), 0) AS seconds,
                coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY objects), 0) AS objects
            FROM (SELECT extract(epoch FROM ended_at - started_at)::double precision AS seconds,
                    stripe_objects::double precision AS objects
                FROM trueup.run
                WHERE job = $1 AND id < $2 AND NOT is_plan AND trigger IN ('manual', 'schedule') AND attempt = 1
                    AND state IN ('clean', 'repaired', 'drift')
                ORDER BY id DESC LIMIT $3) last
            """, run.job, run.id, runsMax)[0]
        let runs: Int64 = try row["runs"]
        guard runs >= runsMin else { return nil }
        return UsualRun(runs: runs, seconds: try row["seconds"], objects: try row["objects"])
    }

    /// How long a run has taken until this moment, in seconds by the database's clock.
    public static func seconds(of run: Run, on connection: Connection) async throws -> Double {
        try await connection.query(
            """
            SELECT extract(epoch FROM clock_timestamp() - started_at)::double precision AS seconds
            FROM trueup.run WHERE id = $1
            """, run.id)[0]["seconds"]
    }
}
