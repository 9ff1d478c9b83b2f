extension Migration {
    /// Who signed, as the machine and the database know it; why a statement that is not whole was signed all the same;
    /// which statement of a cut-off counts; and a row for every number that a report was given, made or not.
    static let signOff = Migration(
        17, "sign_off",
        """
        -- Where the files were written, for the page of signatures; NULL in reports of earlier versions.
        ALTER TABLE trueup.report ADD COLUMN folder text;

        -- Numbers without a gap: one that never became a report is here, and why it did not in report_failure.
        CREATE TABLE trueup.report_number (
            id bigint PRIMARY KEY,
            job text NOT NULL,
            requested_by text NOT NULL,
            taken_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE trueup.report_failure (
            report_id bigint PRIMARY KEY REFERENCES trueup.report_number,
            why text NOT NULL,
            at timestamptz NOT NULL DEFAULT now()
        );

        -- Reports that later ones are compared with: those that their job made or that were sent. What somebody made
        -- by hand, nobody else has read; it is compared with when it is signed.
        CREATE TABLE trueup.report_regular (
            report_id bigint PRIMARY KEY REFERENCES trueup.report,
            at timestamptz NOT NULL DEFAULT now()
        );
        INSERT INTO trueup.report_regular (report_id, at) SELECT id, created_at FROM trueup.report;

        -- Empty in signatures of earlier versions.
        ALTER TABLE trueup.report_sign
            ADD COLUMN system_user_name text NOT NULL DEFAULT '',
            ADD COLUMN database_user_name text NOT NULL DEFAULT '',
            ADD COLUMN is_shared_login boolean NOT NULL DEFAULT false,
            ADD COLUMN accepted text NOT NULL DEFAULT '';

        CREATE TABLE trueup.report_supersede (
            report_id bigint PRIMARY KEY REFERENCES trueup.report,
            supersedes bigint NOT NULL UNIQUE REFERENCES trueup.report CHECK (supersedes <> report_id),
            note text NOT NULL CHECK (btrim(note) <> ''),
            at timestamptz NOT NULL DEFAULT now()
        );

        -- The hashes of the pages of signatures that were written: a page can be proven like a file of the report.
        CREATE TABLE trueup.report_sign_page (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            report_id bigint NOT NULL REFERENCES trueup.report,
            sha256 text NOT NULL,
            at timestamptz NOT NULL DEFAULT now(),
            UNIQUE (report_id, sha256)
        );
        CREATE INDEX report_sign_page_hash ON trueup.report_sign_page (sha256);

        \(checks)
        DO $$ DECLARE name text; BEGIN
            FOREACH name IN ARRAY ARRAY['report_number', 'report_failure', 'report_regular', 'report_supersede',
                'report_sign_page']
            LOOP
                EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON trueup.%I FOR EACH ROW '
                    'EXECUTE FUNCTION trueup.refuse_change()', name || '_is_append_only', name);
                EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON trueup.%I FOR EACH STATEMENT '
                    'EXECUTE FUNCTION trueup.refuse_change()', name || '_is_not_truncated', name);
            END LOOP;
        END $$;
        """)

    /// The rules hold in the database, whoever writes to it. Each names itself as the constraint of its error.
    private static let checks = """
        CREATE OR REPLACE FUNCTION trueup.refuse_own_review() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            report trueup.report;
            preparer trueup.report_sign;
            other bigint;
        BEGIN
            -- Two people who sign two statements of one cut-off wait for each other.
            PERFORM pg_advisory_xact_lock(hashtext('trueup.report_sign'));
            -- What the login says, not what the statement says: SET ROLE does not change it.
            NEW.database_user_name := session_user;
            SELECT * INTO report FROM trueup.report WHERE id = NEW.report_id;
            IF report.state IN ('UNEXPLAINED', 'INCOMPLETE') AND btrim(NEW.accepted) = '' THEN
                RAISE EXCEPTION 'a report that is % is signed with a reason', report.state
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'report_sign_accepted';
            END IF;
            IF NEW.role = 'reviewer' THEN
                SELECT * INTO preparer FROM trueup.report_sign
                    WHERE report_id = NEW.report_id AND role = 'preparer';
                IF preparer IS NULL THEN
                    RAISE EXCEPTION 'a report is reviewed after it was prepared'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'report_sign_prepared';
                END IF;
                IF lower(btrim(preparer.person)) = lower(btrim(NEW.person)) THEN
                    RAISE EXCEPTION 'a report is reviewed by another person'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'report_sign_two_people';
                END IF;
                -- The host is not part of a person: somebody has two machines.
                IF NOT NEW.is_shared_login AND preparer.database_user_name = NEW.database_user_name
                    AND split_part(preparer.system_user_name, '@', 1) = split_part(NEW.system_user_name, '@', 1) THEN
                    RAISE EXCEPTION 'a report is reviewed under another login'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'report_sign_two_logins';
                END IF;
            ELSE
                SELECT o.id INTO other FROM trueup.report o
                    JOIN trueup.report_sign s ON s.report_id = o.id AND s.role = 'preparer'
                    WHERE o.job = report.job AND o.cut_off_seconds = report.cut_off_seconds AND o.id <> report.id
                        AND NOT EXISTS (SELECT FROM trueup.report_supersede x WHERE x.supersedes = o.id)
                    ORDER BY o.id DESC LIMIT 1;
                IF other IS NOT NULL THEN
                    RAISE EXCEPTION 'report % of the same cut-off is signed', other
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'report_sign_one_statement';
                END IF;
            END IF;
            RETURN NEW;
        END $$;

        CREATE FUNCTION trueup.refuse_other_supersede() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT EXISTS (SELECT FROM trueup.report n JOIN trueup.report o ON o.id = NEW.supersedes
                    AND o.job = n.job AND o.cut_off_seconds = n.cut_off_seconds
                    JOIN trueup.report_sign s ON s.report_id = o.id
                WHERE n.id = NEW.report_id) THEN
                RAISE EXCEPTION 'a report supersedes a signed one of the same job and cut-off'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'report_supersede_same_cut_off';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER report_supersede_same_cut_off BEFORE INSERT ON trueup.report_supersede
            FOR EACH ROW EXECUTE FUNCTION trueup.refuse_other_supersede();

        """
}
