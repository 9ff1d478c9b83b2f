extension Migration {
    /// The live side: the webhooks that were taken in, each with what it did, and the tokens of those who may ask.
    static let service = Migration(
        11, "service",
        """
        CREATE TABLE trueup.webhook_event (
            account text NOT NULL,
            event_id text NOT NULL,
            type text NOT NULL,
            object_id text NOT NULL,
            event_created_seconds bigint NOT NULL,
            outcome text NOT NULL CHECK (outcome IN ('done', 'already_done', 'ignored')),
            -- Why it was ignored.
            reason text,
            -- What changed, such as "grant", and the row's key; NULL where nothing did.
            effects text[],
            local_id text,
            deliveries bigint NOT NULL DEFAULT 1,
            received_at timestamptz NOT NULL DEFAULT now(),
            last_received_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (account, event_id),
            CHECK ((outcome = 'done') = (effects IS NOT NULL))
        );
        CREATE INDEX webhook_event_object ON trueup.webhook_event (object_id);
        CREATE INDEX webhook_event_received ON trueup.webhook_event (received_at);

        CREATE TABLE trueup.api_token (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text NOT NULL CHECK (name <> ''),
            -- SHA-256 of the secret part, which is shown once and kept nowhere.
            secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
            -- NULL: every agency. Empty: none, for a token that only looks at the status page.
            agencies bigint[],
            may_see_status boolean NOT NULL DEFAULT false,
            created_at timestamptz NOT NULL DEFAULT now(),
            created_by text NOT NULL,
            expires_at timestamptz,
            revoked_at timestamptz
        );
        """)
}
