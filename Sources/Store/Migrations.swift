extension Migration {
    /// Schema `trueup`, oldest first.
    public static let trueup: [Migration] = [
        runs, findings, repairs, accounts, objects, outbox, occurrences, reports, triggers, orderRequests, service,
        payments, workers, alerts, live, findingFacts, signOff, placedOrders, reportHistory, reportsMade,
        signatureProofs, regularReports, olderRows, reportAttempts, proofTimes, eventObjects, paymentKeys,
        newcomers, pagePayments, pauses, chargeBegun, mailAttempts, pauseRows,
    ]

    /// Runs, their windows, and the template of the staging tables (one is made for each run, so that it can be
    /// dropped as a whole and needs no vacuum).
    static let runs = Migration(
        1, "runs",
        """
        CREATE TABLE trueup.run (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            job text NOT NULL,
            trigger text NOT NULL CHECK (trigger IN ('manual', 'schedule', 'backfill', 'demo')),
            is_plan boolean NOT NULL,
            state text NOT NULL DEFAULT 'running' CHECK (state IN
                ('running', 'interrupted', 'clean', 'repaired', 'drift', 'incomplete', 'failed')),
            attempt integer NOT NULL DEFAULT 1,
            period_from_seconds bigint NOT NULL,
            period_to_seconds bigint NOT NULL CHECK (period_to_seconds >= period_from_seconds),
            definition_hash text NOT NULL,
            program_version text NOT NULL,
            requested_by text NOT NULL,
            host text NOT NULL,
            process_id integer NOT NULL,
            started_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz,
            requests bigint NOT NULL DEFAULT 0,
            stripe_objects bigint NOT NULL DEFAULT 0,
            local_rows bigint NOT NULL DEFAULT 0,
            problems text[] NOT NULL DEFAULT '{}'
        );
        CREATE INDEX run_job ON trueup.run (job, id DESC);

        CREATE TABLE trueup.run_count (
            run_id bigint NOT NULL REFERENCES trueup.run ON DELETE CASCADE,
            kind text NOT NULL,
            found bigint NOT NULL,
            repaired bigint NOT NULL,
            open bigint NOT NULL,
            PRIMARY KEY (run_id, kind)
        );

        CREATE TABLE trueup.window (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            run_id bigint NOT NULL REFERENCES trueup.run ON DELETE CASCADE,
            account text NOT NULL,
            from_seconds bigint NOT NULL,
            to_seconds bigint NOT NULL CHECK (to_seconds > from_seconds),
            cursor_id text,
            cursor_seconds bigint,
            pages integer NOT NULL DEFAULT 0,
            objects bigint NOT NULL DEFAULT 0,
            is_done boolean NOT NULL DEFAULT false
        );
        CREATE INDEX window_run ON trueup.window (run_id);

        CREATE TABLE trueup.staged_invoice (
            account text NOT NULL,
            id text NOT NULL,
            status text NOT NULL,
            created_seconds bigint NOT NULL,
            currency text NOT NULL,
            total bigint NOT NULL,
            amount bigint,
            pre_payment_credit bigint NOT NULL,
            post_payment_credit bigint NOT NULL,
            customer text,
            due_seconds bigint,
            auto_advance boolean NOT NULL,
            is_subscription boolean NOT NULL,
            order_id text,
            agency_id text,
            paid_at_seconds bigint,
            voided_at_seconds bigint,
            request_id text NOT NULL,
            is_fresh boolean NOT NULL
        );
        """)

    /// Differences, carried forward from run to run under a stable identity.
    static let findings = Migration(
        2, "findings",
        """
        CREATE TABLE trueup.finding (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            job text NOT NULL,
            kind text NOT NULL,
            account text NOT NULL,
            stripe_id text NOT NULL DEFAULT '',
            local_id text NOT NULL DEFAULT '',
            action text NOT NULL CHECK (action IN ('apply', 'review', 'ignore', 'inform')),
            state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'closed')),
            closed_how text CHECK (closed_how IN
                ('repaired', 'late_webhook', 'changed_at_source', 'changed_locally', 'reclassified', 'reverted')),
            stripe_status text,
            local_state text,
            stripe_amount bigint,
            local_amount bigint,
            currency text,
            credits bigint,
            agency_id bigint,
            explanation text NOT NULL,
            facts jsonb NOT NULL,
            first_seen_at timestamptz NOT NULL DEFAULT now(),
            last_seen_at timestamptz NOT NULL DEFAULT now(),
            first_run_id bigint NOT NULL REFERENCES trueup.run,
            last_run_id bigint NOT NULL REFERENCES trueup.run,
            runs_seen integer NOT NULL DEFAULT 1,
            times_reopened integer NOT NULL DEFAULT 0,
            closed_at timestamptz,
            owner text,
            CHECK (stripe_id <> '' OR local_id <> ''),
            CHECK ((state = 'closed') = (closed_at IS NOT NULL AND closed_how IS NOT NULL)),
            UNIQUE (job, kind, account, stripe_id, local_id)
        );
        CREATE INDEX finding_open ON trueup.finding (job) WHERE state <> 'closed';

        CREATE TABLE trueup.finding_note (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            finding_id bigint NOT NULL REFERENCES trueup.finding,
            written_at timestamptz NOT NULL DEFAULT now(),
            written_by text NOT NULL,
            what text NOT NULL,
            note text NOT NULL DEFAULT ''
        );
        CREATE INDEX finding_note_finding ON trueup.finding_note (finding_id);
        """)

    /// The audit of every effect. It takes inserts only, also from its owner.
    static let repairs = Migration(
        3, "repairs",
        """
        CREATE TABLE trueup.repair (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            run_id bigint NOT NULL REFERENCES trueup.run,
            finding_id bigint NOT NULL REFERENCES trueup.finding,
            kind text NOT NULL,
            effect text NOT NULL,
            account text NOT NULL,
            stripe_id text NOT NULL,
            stripe_status text NOT NULL,
            stripe_request_id text NOT NULL,
            local_table text NOT NULL,
            local_id text NOT NULL,
            before jsonb NOT NULL,
            after jsonb NOT NULL,
            plan text,
            requested_by text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now(),
            UNIQUE (run_id, finding_id, effect)
        );
        CREATE INDEX repair_finding ON trueup.repair (finding_id);

        CREATE FUNCTION trueup.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'trueup.% takes inserts only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
        END $$;
        CREATE TRIGGER repair_is_append_only BEFORE UPDATE OR DELETE ON trueup.repair
            FOR EACH ROW EXECUTE FUNCTION trueup.refuse_change();
        CREATE TRIGGER repair_is_not_truncated BEFORE TRUNCATE ON trueup.repair
            FOR EACH STATEMENT EXECUTE FUNCTION trueup.refuse_change();
        """)

    /// Which Stripe account each name of the settings stands for.
    static let accounts = Migration(
        4, "accounts",
        """
        CREATE TABLE trueup.account (
            name text PRIMARY KEY,
            account_id text NOT NULL,
            first_seen_at timestamptz NOT NULL DEFAULT now()
        );
        """)

    /// Other objects than invoices: the templates of their staging tables, and windows that say what they list. A run
    /// that an earlier version left unfinished has a staging table of the old form and cannot go on.
    static let objects = Migration(
        5, "objects",
        """
        UPDATE trueup.run SET state = 'failed', ended_at = now(),
            problems = problems || 'It was not finished when Trueup was updated; a later run replaces it.'::text
        WHERE state IN ('running', 'interrupted');

        ALTER TABLE trueup.staged_invoice ADD COLUMN finalized_at_seconds bigint, ADD COLUMN payment_intent text;

        CREATE TABLE trueup.staged_intent (
            account text NOT NULL,
            id text NOT NULL,
            status text NOT NULL,
            created_seconds bigint NOT NULL,
            currency text NOT NULL,
            amount bigint NOT NULL,
            amount_received bigint NOT NULL,
            customer text,
            invoice_id text,
            latest_charge text,
            has_failed boolean NOT NULL,
            has_checkout_session boolean,
            charge_id text,
            agency_id text,
            order_id text,
            canceled_at_seconds bigint,
            charged_at_seconds bigint,
            request_id text NOT NULL,
            is_fresh boolean NOT NULL
        );

        CREATE TABLE trueup.staged_reversal (
            account text NOT NULL,
            id text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('refund', 'dispute', 'credit_note')),
            created_seconds bigint NOT NULL,
            status text NOT NULL,
            currency text NOT NULL,
            amount bigint NOT NULL,
            -- It counts: not failed, canceled, won or withdrawn.
            stands boolean NOT NULL,
            payment_intent text,
            invoice_id text,
            request_id text NOT NULL
        );

        CREATE TABLE trueup.staged_event (
            account text NOT NULL,
            id text NOT NULL,
            type text NOT NULL,
            created_seconds bigint NOT NULL,
            object_id text NOT NULL,
            is_undelivered boolean NOT NULL
        );

        CREATE TABLE trueup.staged_invoice_payment (
            account text NOT NULL,
            id text NOT NULL,
            created_seconds bigint NOT NULL,
            invoice_id text NOT NULL,
            payment_intent text
        );

        -- Written before a change at Stripe, so that a crash after it leaves a trace: the next run asks what became of
        -- it, and writes the audit row that is missing.
        CREATE TABLE trueup.stripe_write (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            run_id bigint NOT NULL REFERENCES trueup.run,
            finding_id bigint NOT NULL REFERENCES trueup.finding,
            effect text NOT NULL,
            account text NOT NULL,
            stripe_id text NOT NULL,
            idempotency_key text NOT NULL,
            begun_at timestamptz NOT NULL DEFAULT now(),
            ended_at timestamptz,
            outcome text,
            CHECK ((ended_at IS NULL) = (outcome IS NULL))
        );
        CREATE INDEX stripe_write_open ON trueup.stripe_write (account) WHERE ended_at IS NULL;

        -- What was compared: findings of one job can come from several comparisons.
        ALTER TABLE trueup.finding ADD COLUMN comparison text NOT NULL DEFAULT 'orders' CHECK (comparison IN
            ('orders', 'charges', 'notices', 'customers', 'payments'));

        -- What a run lists, and over which period: its windows have to cover exactly that.
        CREATE TABLE trueup.run_list (
            run_id bigint NOT NULL REFERENCES trueup.run ON DELETE CASCADE,
            account text NOT NULL,
            object text NOT NULL,
            from_seconds bigint NOT NULL,
            to_seconds bigint NOT NULL CHECK (to_seconds >= from_seconds),
            PRIMARY KEY (run_id, account, object)
        );
        ALTER TABLE trueup.window ADD COLUMN object text NOT NULL DEFAULT 'invoice';

        ALTER TABLE trueup.run ADD COLUMN requests_least bigint NOT NULL DEFAULT 0;
        """)

    /// Messages to people and machines outside. They are written in the transaction of what they are about, and leave
    /// in one of their own.
    static let outbox = Migration(
        6, "outbox",
        """
        CREATE TABLE trueup.outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            channel text NOT NULL,
            -- What the message is about, so that nothing is said twice.
            dedupe_key text NOT NULL UNIQUE,
            recipient text NOT NULL,
            subject text NOT NULL,
            body_text text NOT NULL,
            body_html text,
            headers jsonb NOT NULL DEFAULT '{}',
            -- The part before the @: the same for every attempt.
            message_id text NOT NULL,
            state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unknown')),
            attempts integer NOT NULL DEFAULT 0,
            next_attempt_at timestamptz NOT NULL DEFAULT now(),
            lease_until timestamptz,
            last_error text,
            created_at timestamptz NOT NULL DEFAULT now(),
            sent_at timestamptz,
            about jsonb NOT NULL DEFAULT '{}',
            -- The row of the application that is told when the message is sent.
            sent_mark jsonb,
            CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
            CHECK ((state = 'sent') = (sent_at IS NOT NULL))
        );
        CREATE INDEX outbox_queued ON trueup.outbox (next_attempt_at, id) WHERE state = 'queued';
        CREATE INDEX outbox_unsettled ON trueup.outbox (state, id) WHERE state IN ('sending', 'failed', 'unknown');

        CREATE TABLE trueup.outbox_attachment (
            message_id bigint NOT NULL REFERENCES trueup.outbox ON DELETE CASCADE,
            number integer NOT NULL,
            name text NOT NULL,
            content_type text NOT NULL,
            content bytea NOT NULL,
            PRIMARY KEY (message_id, number)
        );
        """)

    /// Plans that are applied, and reverts, are told apart from runs.
    static let triggers = Migration(
        9, "triggers",
        """
        ALTER TABLE trueup.run DROP CONSTRAINT run_trigger_check, ADD CONSTRAINT run_trigger_check CHECK (trigger IN
            ('manual', 'schedule', 'backfill', 'demo', 'apply', 'revert'));
        """)
}
