extension Migration {
    /// An attempt to have an invoice mailed is noted before it is made: whoever comes after one without an answer looks
    /// whether Stripe has mailed it, and does not ask again. Where nothing can tell, a person does.
    static let mailAttempts = Migration(
        32, "mail_attempts",
        """
        ALTER TABLE trueup.invoice_mail DROP CONSTRAINT invoice_mail_state_check,
            ADD CONSTRAINT invoice_mail_state_check CHECK (state IN
                ('waiting', 'sent', 'refused', 'needless', 'unknown')),
            -- Attempts that were begun, under all keys.
            ADD COLUMN begun bigint NOT NULL DEFAULT 0,
            -- When the first attempt under the key began that may have mailed, and when one began or ended last.
            ADD COLUMN first_attempt_at timestamptz,
            ADD COLUMN last_attempt_at timestamptz,
            -- Stripe keeps a failure for the key, whether or not it has mailed.
            ADD COLUMN is_key_used_up boolean NOT NULL DEFAULT false,
            ADD CONSTRAINT invoice_mail_attempt_check CHECK
                ((first_attempt_at IS NULL) = (last_attempt_at IS NULL)),
            ADD CONSTRAINT invoice_mail_used_up_check CHECK (NOT is_key_used_up OR first_attempt_at IS NOT NULL);

        -- What an earlier program has tried is not known; one that gave the key a "+" had a failure before.
        UPDATE trueup.invoice_mail SET first_attempt_at = created_at, last_attempt_at = now(),
            is_key_used_up = idempotency_key LIKE '%+'
        WHERE state = 'waiting';

        CREATE INDEX invoice_mail_unmailed ON trueup.invoice_mail (ended_at) WHERE state IN ('refused', 'unknown');
        """)
}
