extension Migration {
    /// The key of a payment begins with what tells payments apart. Every comparison of two keys had first found the same
    /// account and the same kind of object, which was most of what writing a payment took.
    static let paymentKeys = Migration(
        27, "payment_keys",
        """
        ALTER TABLE trueup.stripe_payment DROP CONSTRAINT stripe_payment_pkey;
        ALTER TABLE trueup.stripe_payment ADD PRIMARY KEY (id, account, object);
        """)
}
