extension Migration {
    /// The scheduler: what came due and what became of it, what is known of each job, who works, and the shared rate
    /// limits.
    static let occurrences = Migration(
        7, "occurrences",
        """
        CREATE TABLE trueup.job_state (
            job text PRIMARY KEY,
            definition_hash text NOT NULL,
            -- Expression and zone. When they change, what the new ones say of the past is not caught up with.
            schedule text NOT NULL,
            first_seen_at timestamptz NOT NULL DEFAULT now(),
            -- Nominal times up to here are dealt with.
            last_nominal timestamptz NOT NULL,
            paused_at timestamptz,
            paused_by text,
            CHECK ((paused_at IS NULL) = (paused_by IS NULL))
        );

        CREATE TABLE trueup.occurrence (
            job text NOT NULL,
            scheduled_at timestamptz NOT NULL,
            state text NOT NULL CHECK (state IN
                ('waiting', 'due', 'running', 'done', 'failed', 'skipped', 'missed')),
            -- Why it did not run, or why it runs again.
            reason text,
            detail text,
            window_from_seconds bigint NOT NULL,
            window_to_seconds bigint NOT NULL CHECK (window_to_seconds >= window_from_seconds),
            definition_hash text NOT NULL,
            not_before timestamptz NOT NULL,
            start_before timestamptz NOT NULL,
            start_deadline_seconds bigint NOT NULL,
            timeout_seconds bigint NOT NULL,
            attempts_max integer NOT NULL CHECK (attempts_max >= 1),
            backoff_seconds bigint NOT NULL,
            may_queue boolean NOT NULL,
            -- A job that it waited for did not come to a good end.
            is_incomplete boolean NOT NULL DEFAULT false,
            -- The fence: everything that a worker writes names the attempt that it was given.
            attempt integer NOT NULL DEFAULT 0,
            failures integer NOT NULL DEFAULT 0,
            lease_owner text,
            lease_until timestamptz,
            run_id bigint REFERENCES trueup.run ON DELETE SET NULL,
            result text,
            created_at timestamptz NOT NULL DEFAULT now(),
            started_at timestamptz,
            ended_at timestamptz,
            PRIMARY KEY (job, scheduled_at),
            CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
            CHECK ((lease_owner IS NULL) = (lease_until IS NULL)),
            CHECK ((state IN ('done', 'failed', 'skipped', 'missed')) = (ended_at IS NOT NULL)),
            CHECK (state NOT IN ('failed', 'skipped', 'missed') OR reason IS NOT NULL)
        );
        CREATE INDEX occurrence_open ON trueup.occurrence (not_before) WHERE state IN ('waiting', 'due', 'running');
        CREATE UNIQUE INDEX occurrence_one_running ON trueup.occurrence (job) WHERE state = 'running';

        CREATE TABLE trueup.occurrence_after (
            job text NOT NULL,
            scheduled_at timestamptz NOT NULL,
            awaited_job text NOT NULL,
            awaited_at timestamptz NOT NULL,
            PRIMARY KEY (job, scheduled_at, awaited_job),
            FOREIGN KEY (job, scheduled_at) REFERENCES trueup.occurrence ON DELETE CASCADE
        );

        CREATE TABLE trueup.worker (
            name text PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN ('schedule', 'work')),
            host text NOT NULL,
            process_id integer NOT NULL,
            program_version text NOT NULL,
            running integer NOT NULL DEFAULT 0,
            started_at timestamptz NOT NULL DEFAULT now(),
            heartbeat_at timestamptz NOT NULL DEFAULT now()
        );

        -- Seconds old when it is of use, so it is not worth a log: after a crash it is empty, and whoever finds it
        -- empty waits for as long as it could have held anything.
        CREATE UNLOGGED TABLE trueup.rate_budget (
            account text NOT NULL,
            -- '' for the account as a whole.
            endpoint text NOT NULL,
            first_slice bigint NOT NULL,
            taken integer[] NOT NULL,
            taken_in_background integer[] NOT NULL,
            slots bigint[] NOT NULL,
            paused_until bigint NOT NULL,
            pauses integer NOT NULL DEFAULT 0,
            PRIMARY KEY (account, endpoint)
        );
        """)
}
