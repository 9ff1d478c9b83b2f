extension Migration {
    /// Every pause of a job is a row: a scheduler that was away during several of them knows each. Only the last one
    /// that had ended was remembered before.
    static let pauseRows = Migration(
        33, "pause_rows",
        """
        CREATE TABLE trueup.pause (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            job text NOT NULL REFERENCES trueup.job_state,
            paused_at timestamptz NOT NULL DEFAULT now(),
            -- NULL of one that had ended when it became a row: nobody wrote down who it was.
            paused_by text,
            -- NULL while it lasts.
            resumed_at timestamptz,
            CHECK (resumed_at >= paused_at),
            CHECK (resumed_at IS NOT NULL OR paused_by IS NOT NULL)
        );
        CREATE UNIQUE INDEX pause_one_lasts ON trueup.pause (job) WHERE resumed_at IS NULL;
        CREATE INDEX pause_job ON trueup.pause (job, paused_at);

        -- Who pauses or resumes a job meanwhile waits, and then finds the rows.
        LOCK TABLE trueup.job_state IN ACCESS EXCLUSIVE MODE;
        INSERT INTO trueup.pause (job, paused_at, resumed_at)
            SELECT job, last_pause_from, greatest(last_pause_from, last_pause_to)
            FROM trueup.job_state WHERE last_pause_from IS NOT NULL;
        INSERT INTO trueup.pause (job, paused_at, paused_by)
            SELECT job, paused_at, paused_by FROM trueup.job_state WHERE paused_at IS NOT NULL;
        -- A worker of an earlier version would start paused jobs if it found the columns empty. It fails instead, and
        -- takes no occurrence away from those of this one.
        ALTER TABLE trueup.job_state DROP COLUMN paused_at, DROP COLUMN paused_by, DROP COLUMN last_pause_from,
            DROP COLUMN last_pause_to;
        """)
}
