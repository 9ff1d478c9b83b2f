extension Migration {
    /// Of the local rows that a run compared, how many its period does not have: a report adds up both.
    static let olderRows = Migration(
        23, "older_rows",
        """
        -- NULL in runs of earlier versions.
        ALTER TABLE trueup.run ADD COLUMN older_rows bigint CHECK (older_rows >= 0);
        """)
}
