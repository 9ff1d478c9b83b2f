extension Migration {
    /// Payments of a list that no other run has read are written with the page that shows them. What an earlier version
    /// wrote beside the pages stays counted where it was.
    static let pagePayments = Migration(
        29, "page_payments",
        """
        -- The pages of the list write their payments; of all runs one may at a time.
        ALTER TABLE trueup.run_list ADD COLUMN writes_payments boolean NOT NULL DEFAULT false;
        -- Payments that the window's pages have written.
        ALTER TABLE trueup.window ADD COLUMN payments bigint NOT NULL DEFAULT 0;
        """)
}
