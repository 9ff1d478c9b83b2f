import PostgreSQL

/// How far the reading of a run is, over all processes that read for it.
public struct ReadProgress: Sendable, Hashable {
    public let windows: Int64
    public let windowsDone: Int64
    public let pages: Int64
    public let objects: Int64
    /// The part of the period that is read, 0 to 1, by time.
    public let share: Double

    /// - Returns: `nil` for a run without windows.
    public static func of(run id: Int64, on connection: Connection) async throws -> ReadProgress? {
        let row = try await connection.query(
            """
            SELECT count(*) AS windows, count(*) FILTER (WHERE is_done) AS done,
                coalesce(sum(pages), 0)::bigint AS pages,
                coalesce(sum(objects), 0)::bigint AS objects,
                coalesce(sum(to_seconds - from_seconds), 0)::double precision AS whole,
                coalesce(sum(CASE WHEN is_done THEN 0 ELSE least(coalesce(cursor_seconds, to_seconds), to_seconds)
                    - from_seconds END), 0)::double precision AS rest
            FROM trueup.window WHERE run_id = $1
            """, id)[0]
        let windows: Int64 = try row["windows"]
        guard windows > 0 else { return nil }
        let whole: Double = try row["whole"]
        let rest: Double = try row["rest"]
        return ReadProgress(
            windows: windows, windowsDone: try row["done"], pages: try row["pages"], objects: try row["objects"],
            share: whole > 0 ? max(0, min(1, 1 - rest / whole)) : 1)
    }

    /// How long the rest takes at the pace so far.
    /// - Parameters:
    ///   - elapsed: seconds since this attempt began.
    ///   - start: the share that was read before it.
    /// - Returns: `nil` before there is a pace.
    public func secondsLeft(elapsed: Double, since start: Double = 0) -> Double? {
        let made = share - start
        guard made > 0.001, share < 1 else { return nil }
        return elapsed / made * (1 - share)
    }
}
