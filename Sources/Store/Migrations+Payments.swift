extension Migration {
    /// What complete runs read of paid objects: Stripe's side of every statement. A row is written when an object is
    /// first read as paid, and changed only when a later run reads it otherwise, so that a night without news writes
    /// nothing.
    static let payments = Migration(
        12, "payments",
        """
        CREATE TABLE trueup.stripe_payment (
            account text NOT NULL,
            object text NOT NULL CHECK (object IN ('invoice', 'payment_intent')),
            id text NOT NULL,
            -- The agency that the object's metadata names.
            agency_id bigint,
            customer text,
            -- Minor units of a lower-case currency.
            amount bigint NOT NULL,
            currency text NOT NULL,
            created_seconds bigint NOT NULL,
            paid_seconds bigint NOT NULL,
            -- The run that read it as it stands here.
            run_id bigint NOT NULL,
            PRIMARY KEY (account, object, id)
        );

        -- Over which times of `created` complete runs have written what was paid.
        CREATE TABLE trueup.stripe_reading (
            run_id bigint NOT NULL REFERENCES trueup.run ON DELETE CASCADE,
            account text NOT NULL,
            object text NOT NULL CHECK (object IN ('invoice', 'payment_intent')),
            from_seconds bigint NOT NULL,
            to_seconds bigint NOT NULL CHECK (to_seconds > from_seconds),
            PRIMARY KEY (run_id, account, object)
        );
        CREATE INDEX stripe_reading_list ON trueup.stripe_reading (account, object);

        -- The classes in which the comparison counted what was read; NULL in runs of earlier versions.
        ALTER TABLE trueup.run_control
            ADD COLUMN agreed_count bigint, ADD COLUMN agreed_amount numeric,
            ADD COLUMN differing_count bigint, ADD COLUMN differing_amount numeric,
            ADD COLUMN ignored_count bigint, ADD COLUMN ignored_amount numeric;

        -- What a report told of as resolved or repaired: what ended while it was made is told by the next one, once.
        CREATE TABLE trueup.report_resolved (
            report_id bigint NOT NULL REFERENCES trueup.report,
            finding_id bigint NOT NULL REFERENCES trueup.finding,
            closed_at timestamptz NOT NULL,
            PRIMARY KEY (report_id, finding_id)
        );
        CREATE INDEX report_resolved_finding ON trueup.report_resolved (finding_id);
        CREATE TABLE trueup.report_repair (
            report_id bigint NOT NULL REFERENCES trueup.report,
            -- Without a reference: the audit's table answers for itself that it cannot be emptied.
            repair_id bigint NOT NULL,
            PRIMARY KEY (report_id, repair_id)
        );
        CREATE INDEX report_repair_repair ON trueup.report_repair (repair_id);
        DO $$ DECLARE name text; BEGIN
            FOREACH name IN ARRAY ARRAY['report_resolved', 'report_repair']
            LOOP
                EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON trueup.%I FOR EACH ROW '
                    'EXECUTE FUNCTION trueup.refuse_change()', name || '_is_append_only', name);
                EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON trueup.%I FOR EACH STATEMENT '
                    'EXECUTE FUNCTION trueup.refuse_change()', name || '_is_not_truncated', name);
            END LOOP;
        END $$;
        """)
}
