extension Migration {
    /// What the live side leaves to people and to its next attempt: differences that people accepted, as webhooks look
    /// for them; webhooks that only a person can settle; and invoices of orders that Stripe has yet to mail.
    static let live = Migration(
        15, "live",
        """
        CREATE INDEX finding_accepted ON trueup.finding (account, stripe_id) WHERE state = 'accepted';

        CREATE TABLE trueup.webhook_refusal (
            account text NOT NULL,
            object_id text NOT NULL,
            type text NOT NULL,
            -- The last event that was refused.
            event_id text NOT NULL,
            reason text NOT NULL,
            deliveries bigint NOT NULL DEFAULT 1,
            first_at timestamptz NOT NULL DEFAULT now(),
            last_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (account, object_id, type)
        );
        CREATE INDEX webhook_refusal_last ON trueup.webhook_refusal (last_at);

        CREATE TABLE trueup.invoice_mail (
            account text NOT NULL,
            stripe_invoice_id text NOT NULL,
            -- The same in every attempt, so that Stripe mails once.
            idempotency_key text NOT NULL,
            -- "waiting" until Stripe has taken it, "sent", "refused" with the reason, or "needless": it was paid or
            -- taken back before.
            state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused', 'needless')),
            attempts bigint NOT NULL DEFAULT 0,
            last_error text,
            created_at timestamptz NOT NULL DEFAULT now(),
            next_attempt_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz,
            PRIMARY KEY (account, stripe_invoice_id),
            CHECK ((state = 'waiting') = (ended_at IS NULL))
        );
        CREATE INDEX invoice_mail_waiting ON trueup.invoice_mail (next_attempt_at) WHERE state = 'waiting';
        """)
}
