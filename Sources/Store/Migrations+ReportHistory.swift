extension Migration {
    /// What was closed and repaired since the last report is found by its time, not by reading the whole history.
    static let reportHistory = Migration(
        19, "report_history",
        """
        CREATE INDEX finding_closed ON trueup.finding (closed_at) WHERE state = 'closed';
        CREATE INDEX repair_applied ON trueup.repair (applied_at);
        """)
}
