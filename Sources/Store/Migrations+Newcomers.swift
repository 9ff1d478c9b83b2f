extension Migration {
    /// Whoever comes to an endpoint that one process was alone with begins behind what that process may still send:
    /// until when, and whom it does not concern. Who comes third, a moment later, has to know it as well.
    static let newcomers = Migration(
        28, "newcomers",
        """
        ALTER TABLE trueup.rate_budget
            ADD COLUMN not_before bigint NOT NULL DEFAULT 0,
            ADD COLUMN was_alone text NOT NULL DEFAULT '';
        """)
}
