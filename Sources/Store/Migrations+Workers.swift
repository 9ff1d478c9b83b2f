extension Migration {
    /// Several processes at one run: who reads which window, and until when; what a list needs to be read by others;
    /// and who asked for slots of an account's limit of late.
    static let workers = Migration(
        13, "workers",
        """
        -- Who answers for the run, and until when that holds without a sign of life: others read its windows only while
        -- somebody is there to go on with it.
        ALTER TABLE trueup.run ADD COLUMN owner text, ADD COLUMN owner_until timestamptz;
        CREATE INDEX run_unfinished ON trueup.run (id) WHERE state IN ('running', 'interrupted');

        -- The fence: every page that is committed names the attempt at its window.
        ALTER TABLE trueup.window
            ADD COLUMN attempt integer NOT NULL DEFAULT 0,
            ADD COLUMN lease_owner text,
            ADD COLUMN lease_until timestamptz,
            ADD CONSTRAINT window_lease CHECK ((lease_owner IS NULL) = (lease_until IS NULL));
        CREATE INDEX window_unread ON trueup.window (run_id) WHERE NOT is_done;

        -- What the requests for its pages carry, name and value in turn, and the version that they are made in.
        ALTER TABLE trueup.run_list
            ADD COLUMN filters text[] NOT NULL DEFAULT '{}',
            ADD COLUMN api_version text NOT NULL DEFAULT '';

        -- An account that is not here has never been granted a slot. It is logged, as the slots are not.
        CREATE TABLE trueup.rate_account (
            account text PRIMARY KEY,
            first_asked_at timestamptz NOT NULL DEFAULT now()
        );
        ALTER TABLE trueup.rate_budget
            ADD COLUMN asked_by text NOT NULL DEFAULT '',
            ADD COLUMN asked_at bigint NOT NULL DEFAULT 0,
            ADD COLUMN shared_at bigint NOT NULL DEFAULT 0,
            ADD COLUMN nightly_at bigint NOT NULL DEFAULT 0;
        """)
}
