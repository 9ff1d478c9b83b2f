import PostgreSQL
import Reconciliation

extension Runs {
    /// The times of `created` that neither a run nor a complete run of its job before it has listed, backfills
    /// included, between the beginning of the first run that was no backfill and the end of this one; the oldest
    /// first. A list without such a time is not there.
    ///
    /// It follows from what each run listed, so that a time stays unlisted until some run has listed it, whatever
    /// later runs have read.
    /// - Parameters:
    ///   - run: it has read its lists; that it has ended is not needed.
    ///   - lists: those of its lists that are asked about.
    public func unlisted(_ run: Run, _ lists: [RunList]) async throws -> [RunList: [Window]] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(
                """
                WITH wanted AS (
                    SELECT DISTINCT account, object FROM unnest($2::text[], $3::text[]) AS w (account, object)),
                read AS (
                    SELECT l.account, l.object, int8range(l.from_seconds, l.to_seconds) AS period,
                        CASE WHEN r.trigger <> 'backfill' THEN l.from_seconds END AS began,
                        CASE WHEN r.id = $4 THEN l.to_seconds END AS ended
                    FROM trueup.run r JOIN trueup.run_list l ON l.run_id = r.id
                    JOIN wanted w ON w.account = l.account AND w.object = l.object
                    WHERE r.job = $1 AND (r.id = $4
                        OR (NOT r.is_plan AND r.state IN ('clean', 'repaired', 'drift'))))
                SELECT account, object, lower(gap) AS from_seconds, upper(gap) AS to_seconds
                FROM (SELECT account, object,
                        unnest(int8multirange(int8range(min(began), max(ended))) - range_agg(period)) AS gap
                    FROM read GROUP BY account, object HAVING min(began) < max(ended)) gaps
                ORDER BY account, object, from_seconds
                """, run.job, lists.map(\.account), lists.map(\.object.rawValue), run.id)
        }
        var unlisted: [RunList: [Window]] = [:]
        for row in rows {
            guard let object = ListedObject(rawValue: try row["object"]) else { continue }
            unlisted[RunList(account: try row["account"], object: object), default: []].append(
                Window(fromSeconds: try row["from_seconds"], toSeconds: try row["to_seconds"]))
        }
        return unlisted
    }
}
