extension Migration {
    /// An attempt to take a payment is noted before it is made, with whose payment it is to be: whoever comes after a
    /// crash knows where to look for it.
    static let chargeBegun = Migration(
        31, "charge_begun",
        """
        ALTER TABLE trueup.charge_attempt DROP CONSTRAINT charge_attempt_outcome_check,
            ADD CONSTRAINT charge_attempt_outcome_check CHECK (outcome IN
                ('begun', 'succeeded', 'processing', 'requires_action', 'declined', 'refused', 'canceled', 'unknown')),
            -- Of an attempt that was begun: whose payment it was to be.
            ADD COLUMN customer text,
            -- What its request carried; the attempt's number stands at the end.
            ADD COLUMN idempotency_key text,
            -- Stripe keeps a failure for the key: the next attempt has another.
            ADD COLUMN is_key_used_up boolean NOT NULL DEFAULT false,
            ADD CONSTRAINT charge_attempt_begun_check CHECK
                (outcome <> 'begun' OR (customer IS NOT NULL AND idempotency_key IS NOT NULL));
        """)
}
