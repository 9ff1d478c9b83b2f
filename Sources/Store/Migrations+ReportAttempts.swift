extension Migration {
    /// Whenever a report was made or was to be made: a report that was made again from the same figures has no row of
    /// its own, nor has one that failed before it had a number, and both answer “did tonight's statement run?”.
    static let reportAttempts = Migration(
        24, "report_attempts",
        """
        CREATE TABLE trueup.report_attempt (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            job text NOT NULL,
            trigger text NOT NULL CHECK (trigger IN ('manual', 'schedule', 'demo')),
            -- As of the job's own cut-off, which its schedule is about; otherwise somebody asked for another time.
            is_own boolean NOT NULL,
            state text NOT NULL DEFAULT 'running' CHECK (state IN
                ('running', 'interrupted', 'clean', 'explained', 'unexplained', 'incomplete', 'failed')),
            -- Without a reference: a number that never became a report is one as well.
            report_id bigint,
            -- The figures were those of a report that was there, and this is that one.
            is_repeated boolean NOT NULL DEFAULT false,
            cut_off_seconds bigint,
            open_items bigint,
            problem text,
            program_version text NOT NULL,
            requested_by text NOT NULL,
            host text NOT NULL,
            process_id integer NOT NULL,
            started_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz,
            CHECK ((ended_at IS NULL) = (state = 'running')),
            CHECK (state NOT IN ('clean', 'explained', 'unexplained', 'incomplete')
                OR (report_id IS NOT NULL AND cut_off_seconds IS NOT NULL AND open_items IS NOT NULL))
        );
        CREATE INDEX report_attempt_job ON trueup.report_attempt (job, id DESC);

        -- Of reports that are there, nobody knows how long they took.
        INSERT INTO trueup.report_attempt (job, trigger, is_own, state, report_id, cut_off_seconds, open_items,
            program_version, requested_by, host, process_id, started_at, ended_at)
            SELECT job, 'manual', EXISTS (SELECT FROM trueup.report_regular g WHERE g.report_id = r.id), lower(state),
                id, cut_off_seconds, open_items, program_version, requested_by, '', 0, created_at, created_at
            FROM trueup.report r ORDER BY id;
        """)
}
