extension Migration {
    /// One fact in the lists of several jobs is found by itself, not by reading all findings: it is accepted and
    /// repaired with the others.
    static let findingFacts = Migration(
        16, "finding_facts",
        """
        CREATE INDEX finding_fact ON trueup.finding (account, stripe_id, local_id, kind);
        """)
}
