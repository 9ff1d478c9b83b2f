extension Migration {
    /// When the object of an event was created: the list of a run that is about that time shows the object itself.
    static let eventObjects = Migration(
        26, "event_objects",
        """
        ALTER TABLE trueup.staged_event ADD COLUMN object_created_seconds bigint;

        -- A run that was interrupted goes on with the tables that it has.
        DO $$ DECLARE staging regclass; BEGIN
            FOR staging IN SELECT c.oid::regclass FROM pg_class c
                WHERE c.relnamespace = 'trueup'::regnamespace AND c.relkind = 'r'
                    AND c.relname ~ '^staged_event_[0-9]+$'
            LOOP
                EXECUTE format('ALTER TABLE %s ADD COLUMN object_created_seconds bigint', staging);
            END LOOP;
        END $$;
        """)
}
