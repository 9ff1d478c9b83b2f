extension Migration {
    /// A second place that says which reports were made: one that is taken out of `trueup.report` is missed, the last
    /// one as well, which no other report names yet.
    static let reportsMade = Migration(
        20, "reports_made",
        """
        CREATE TABLE trueup.report_made (
            -- Without a reference: it has to outlive the report.
            report_id bigint PRIMARY KEY,
            job text NOT NULL,
            manifest_sha256 text NOT NULL,
            previous_sha256 text,
            at timestamptz NOT NULL DEFAULT now()
        );
        INSERT INTO trueup.report_made (report_id, job, manifest_sha256, previous_sha256, at)
            SELECT id, job, manifest_sha256, previous_sha256, created_at FROM trueup.report;
        CREATE INDEX report_made_manifest ON trueup.report_made (manifest_sha256);

        CREATE FUNCTION trueup.note_report() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO trueup.report_made (report_id, job, manifest_sha256, previous_sha256, at)
                VALUES (NEW.id, NEW.job, NEW.manifest_sha256, NEW.previous_sha256, NEW.created_at);
            RETURN NULL;
        END $$;
        CREATE TRIGGER report_is_noted AFTER INSERT ON trueup.report
            FOR EACH ROW EXECUTE FUNCTION trueup.note_report();
        CREATE TRIGGER report_made_is_append_only BEFORE UPDATE OR DELETE ON trueup.report_made
            FOR EACH ROW EXECUTE FUNCTION trueup.refuse_change();
        CREATE TRIGGER report_made_is_not_truncated BEFORE TRUNCATE ON trueup.report_made
            FOR EACH STATEMENT EXECUTE FUNCTION trueup.refuse_change();
        """)
}
