extension Migration {
    /// The key of a payment begins with what tells payments apart: every comparison of two keys had first found the
    /// same account and the same kind of object, which was most of what writing a payment took. And a run counts the
    /// payments that it writes while it reads, so that nobody has to count them at its end.
    static let paymentKeys = Migration(
        27, "payment_keys",
        """
        ALTER TABLE trueup.stripe_payment DROP CONSTRAINT stripe_payment_pkey;
        ALTER TABLE trueup.stripe_payment ADD PRIMARY KEY (id, account, object);

        -- Payments of the list that the run has written while it read.
        ALTER TABLE trueup.run_list ADD COLUMN payments bigint NOT NULL DEFAULT 0;
        UPDATE trueup.run_list l SET payments = p.payments
        FROM (SELECT run_id, account, object, count(*) AS payments FROM trueup.stripe_payment
            GROUP BY run_id, account, object) p
        WHERE l.run_id = p.run_id AND l.account = p.account AND l.object = p.object;
        """)
}
