extension Migration {
    /// What callers asked for under which `Idempotency-Key`, so that asking again places no second order.
    static let orderRequests = Migration(
        10, "order_requests",
        """
        CREATE TABLE trueup.order_request (
            agency_id bigint NOT NULL,
            -- SHA-256 of the caller's key: keys may carry anything, and are of no use to anybody else.
            key_hash bytea NOT NULL,
            -- SHA-256 of what was asked for: the same key with something else is refused.
            request_hash bytea NOT NULL,
            -- Filled in the transaction that makes both rows; NULL is never seen by others.
            order_id bigint,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (agency_id, key_hash)
        );
        CREATE INDEX order_request_created ON trueup.order_request (created_at);
        """)
}
