extension Migration {
    /// Which ended occurrences people have been told of: those from before are taken to be known. And how many of a
    /// run's findings people have accepted, which are neither repaired nor open.
    static let alerts = Migration(
        14, "alerts",
        """
        ALTER TABLE trueup.occurrence ADD COLUMN told_at timestamptz;
        UPDATE trueup.occurrence SET told_at = now() WHERE ended_at IS NOT NULL;
        CREATE INDEX occurrence_untold ON trueup.occurrence (job, scheduled_at)
            WHERE ended_at IS NOT NULL AND told_at IS NULL;

        ALTER TABLE trueup.run_count ADD COLUMN accepted bigint NOT NULL DEFAULT 0;
        """)
}
