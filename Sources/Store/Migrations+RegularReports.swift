extension Migration {
    /// A second place that says which reports are regular ones, and since when: with which report another is compared
    /// rests on it, and a row can be taken away or put in by whoever owns the tables.
    static let regularReports = Migration(
        22, "regular_reports",
        """
        CREATE TABLE trueup.report_marked (
            -- Without a reference: it has to outlive the report.
            report_id bigint PRIMARY KEY,
            at timestamptz NOT NULL
        );
        INSERT INTO trueup.report_marked (report_id, at) SELECT report_id, at FROM trueup.report_regular;

        CREATE FUNCTION trueup.note_regular_report() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO trueup.report_marked (report_id, at) VALUES (NEW.report_id, NEW.at);
            RETURN NULL;
        END $$;
        CREATE TRIGGER report_regular_is_noted AFTER INSERT ON trueup.report_regular
            FOR EACH ROW EXECUTE FUNCTION trueup.note_regular_report();
        CREATE TRIGGER report_marked_is_append_only BEFORE UPDATE OR DELETE ON trueup.report_marked
            FOR EACH ROW EXECUTE FUNCTION trueup.refuse_change();
        CREATE TRIGGER report_marked_is_not_truncated BEFORE TRUNCATE ON trueup.report_marked
            FOR EACH STATEMENT EXECUTE FUNCTION trueup.refuse_change();
        """)
}
