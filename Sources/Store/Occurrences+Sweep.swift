import PostgreSQL

extension Occurrences {
    /// Moves on what moves on by itself: leases that ran out, deadlines that passed, occurrences that overlap or came
    /// due while their job was paused, and those that waited for others. Anybody may call it as often as they like; of
    /// several at once, one does the work.
    /// - Returns: what changed, as it stands now.
    public func sweep() async throws -> [Occurrence] {
        try await pool.transaction { connection in
            try await connection.limitIdleTransaction(milliseconds: Self.idleMillisecondsMax)
            let mine: Bool = try await connection.query(
                "SELECT pg_try_advisory_xact_lock(hashtextextended('trueup.sweep', 0)) AS mine")[0]["mine"]
            guard mine else { return [] }
            var changed: [Occurrence] = []
            try await connection.execute(StaleRun.endHoldersSQL, StaleRun.heldSecondsMax)
            for sql in [Self.expireSQL, Self.overlapSQL, Self.deadlineSQL, Self.afterSQL] {
                changed += try await connection.query(sql).map { try Occurrence($0) }
            }
            return changed
        }
    }

    /// A worker that did not say for so long that it lives. Its attempt counts as failed: one that dies each time it
    /// is run must come to an end. One that holds its lease in a transaction at this moment is left to the next sweep;
    /// where it is frozen there, ``StaleRun`` ends its sessions before long.
    private static let expireSQL = """
        UPDATE trueup.occurrence SET failures = failures + 1, lease_owner = NULL, lease_until = NULL,
            reason = 'lease_lost', detail = 'Worker ' || lease_owner || ' did not report any more.',
            state = CASE WHEN failures + 1 < attempts_max THEN 'due' ELSE 'failed' END,
            ended_at = CASE WHEN failures + 1 < attempts_max THEN NULL ELSE now() END
        WHERE (job, scheduled_at) IN (SELECT job, scheduled_at FROM trueup.occurrence
                WHERE state = 'running' AND lease_until < now() FOR UPDATE SKIP LOCKED)
            AND state = 'running' AND lease_until < now()
        RETURNING \(Occurrence.columns)
        """

    /// An earlier one of the job runs, or waits for its next attempt; or the job was paused at its time. What was due
    /// before the pause is held until it ends, and missed where its deadline comes first.
    private static let overlapSQL = """
        UPDATE trueup.occurrence o SET state = 'skipped', ended_at = now(),
            reason = CASE WHEN \(isPausedSQL(job: "o.job", at: "o.scheduled_at")) THEN 'paused' ELSE 'overlap' END
        WHERE o.state = 'due' AND o.attempt = 0 AND o.not_before <= now()
          AND (\(isPausedSQL(job: "o.job", at: "o.scheduled_at"))
            OR NOT o.may_queue AND EXISTS (SELECT FROM trueup.occurrence e
              WHERE e.job = o.job AND e.scheduled_at < o.scheduled_at
                AND (e.state = 'running' OR e.state = 'due' AND e.attempt > 0)))
        RETURNING \(Occurrence.columns(of: "o"))
        """

    private static let deadlineSQL = """
        UPDATE trueup.occurrence SET state = 'missed', ended_at = now(),
            reason = CASE state WHEN 'due' THEN 'past_deadline' ELSE 'after_never_ended' END
        WHERE attempt = 0 AND (state = 'due' AND start_before <= now()
            OR state = 'waiting' AND start_before + interval '1 day' <= now())
        RETURNING \(Occurrence.columns)
        """

    /// All that it waits for have ended, or were never written although their time is past, and none of these jobs runs
    /// for an earlier time, as where the one that was waited for was skipped for it. Its deadline begins anew.
    private static let afterSQL = """
        WITH ready AS (
            SELECT w.job, w.scheduled_at,
                bool_or(o.state IS DISTINCT FROM 'done' OR o.is_incomplete) AS is_incomplete,
                string_agg(a.awaited_job || ': ' || coalesce(o.reason, o.state, 'did not run'), ', '
                    ORDER BY a.awaited_job) FILTER (WHERE o.state IS DISTINCT FROM 'done' OR o.is_incomplete) AS detail
            FROM trueup.occurrence w
            JOIN trueup.occurrence_after a ON a.job = w.job AND a.scheduled_at = w.scheduled_at
            LEFT JOIN trueup.occurrence o ON o.job = a.awaited_job AND o.scheduled_at = a.awaited_at
            WHERE w.state = 'waiting'
            GROUP BY w.job, w.scheduled_at
            HAVING bool_and(CASE WHEN o.job IS NULL THEN a.awaited_at < now() - interval '10 minutes'
                ELSE o.ended_at IS NOT NULL END)
                AND NOT bool_or(EXISTS (SELECT FROM trueup.occurrence e WHERE e.job = a.awaited_job
                    AND e.scheduled_at < a.awaited_at AND (e.state = 'running' OR e.state = 'due' AND e.attempt > 0)))
        )
        UPDATE trueup.occurrence o SET state = 'due', is_incomplete = r.is_incomplete, detail = r.detail,
            not_before = greatest(o.not_before, now()),
            start_before = greatest(o.not_before, now()) + o.start_deadline_seconds * interval '1 second'
        FROM ready r WHERE r.job = o.job AND r.scheduled_at = o.scheduled_at AND o.state = 'waiting'
        RETURNING \(Occurrence.columns(of: "o"))
        """
}
