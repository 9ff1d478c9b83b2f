extension Migration {
    /// What callers asked for under which `Idempotency-Key`, so that asking again places no second order and takes no
    /// second payment; and what became of each attempt to take a payment.
    static let orderRequests = Migration(
        10, "order_requests",
        """
        CREATE TABLE trueup.client_request (
            kind text NOT NULL CHECK (kind IN ('order', 'charge')),
            agency_id bigint NOT NULL,
            -- SHA-256 of the caller's key: keys may carry anything, and are of no use to anybody else.
            key_hash bytea NOT NULL,
            -- SHA-256 of what was asked for: the same key with something else is refused.
            request_hash bytea NOT NULL,
            -- Filled in the transaction that makes both rows; NULL is never seen by others.
            row_id bigint,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (kind, agency_id, key_hash)
        );
        CREATE INDEX client_request_created ON trueup.client_request (created_at);

        CREATE TABLE trueup.charge_attempt (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            charge_id bigint NOT NULL,
            at timestamptz NOT NULL DEFAULT now(),
            outcome text NOT NULL CHECK (outcome IN
                ('succeeded', 'processing', 'requires_action', 'declined', 'refused', 'canceled', 'unknown')),
            stripe_payment_intent_id text,
            request_id text,
            detail text
        );
        CREATE INDEX charge_attempt_charge ON trueup.charge_attempt (charge_id);
        """)
}
