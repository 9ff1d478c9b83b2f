extension Migration {
    /// When a job was paused: what came due meanwhile is told from what was due before, also by a scheduler that looks
    /// once the pause is over.
    static let pauses = Migration(
        30, "pauses",
        """
        -- The last pause that has ended.
        ALTER TABLE trueup.job_state ADD COLUMN last_pause_from timestamptz, ADD COLUMN last_pause_to timestamptz,
            ADD CHECK ((last_pause_from IS NULL) = (last_pause_to IS NULL));
        """)
}
