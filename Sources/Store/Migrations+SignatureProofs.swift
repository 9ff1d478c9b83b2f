extension Migration {
    /// A second place that says what was signed: rows of signatures, and of statements that take another's place, that
    /// were changed, added or taken away are found, also where a page was written again from them.
    static let signatureProofs = Migration(
        21, "signature_proofs",
        """
        CREATE TABLE trueup.report_sign_proof (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            -- Without references: it has to outlive the signature.
            report_id bigint NOT NULL,
            role text NOT NULL,
            -- The statement whose place the report takes.
            supersedes bigint,
            -- Of the signature as it was given, and of the proof before it.
            sha256 text NOT NULL,
            previous_sha256 text,
            -- The signature was there before there were proofs: it is proven from `at` on, and not from its giving.
            is_late boolean NOT NULL DEFAULT false,
            at timestamptz NOT NULL DEFAULT now(),
            UNIQUE (report_id, role)
        );
        CREATE UNIQUE INDEX report_sign_proof_chain ON trueup.report_sign_proof ((coalesce(previous_sha256, '')));

        CREATE FUNCTION trueup.sign_hash(signature trueup.report_sign, previous text) RETURNS text
        LANGUAGE sql STABLE AS $$
            SELECT encode(sha256(convert_to(jsonb_build_array(
                signature.report_id, signature.role, signature.person, signature.note, signature.manifest_sha256,
                round(extract(epoch FROM signature.signed_at) * 1000000)::bigint, signature.system_user_name,
                signature.database_user_name, signature.is_shared_login, signature.accepted, x.supersedes, x.note,
                round(extract(epoch FROM x.at) * 1000000)::bigint, previous)::text, 'UTF8')), 'hex')
            FROM (SELECT 1) AS one
                LEFT JOIN trueup.report_supersede x ON x.report_id = signature.report_id AND signature.role = 'preparer'
        $$;

        CREATE FUNCTION trueup.prove_signature(signature trueup.report_sign, late boolean) RETURNS void
        LANGUAGE plpgsql AS $$
        DECLARE previous text;
        BEGIN
            -- Whoever signs holds this already: proofs go on from each other one at a time.
            PERFORM pg_advisory_xact_lock(hashtext('trueup.report_sign'));
            SELECT p.sha256 INTO previous FROM trueup.report_sign_proof p ORDER BY p.id DESC LIMIT 1;
            INSERT INTO trueup.report_sign_proof (report_id, role, supersedes, sha256, previous_sha256, is_late)
                VALUES (signature.report_id, signature.role,
                    (SELECT x.supersedes FROM trueup.report_supersede x
                        WHERE x.report_id = signature.report_id AND signature.role = 'preparer'),
                    trueup.sign_hash(signature, previous), previous, late);
        END $$;

        DO $$ DECLARE signature trueup.report_sign; BEGIN
            FOR signature IN SELECT * FROM trueup.report_sign ORDER BY signed_at, report_id, role LOOP
                PERFORM trueup.prove_signature(signature, true);
            END LOOP;
        END $$;

        CREATE FUNCTION trueup.note_signature() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM trueup.prove_signature(NEW, false);
            RETURN NULL;
        END $$;
        CREATE TRIGGER report_sign_is_proven AFTER INSERT ON trueup.report_sign
            FOR EACH ROW EXECUTE FUNCTION trueup.note_signature();
        CREATE TRIGGER report_sign_proof_is_append_only BEFORE UPDATE OR DELETE ON trueup.report_sign_proof
            FOR EACH ROW EXECUTE FUNCTION trueup.refuse_change();
        CREATE TRIGGER report_sign_proof_is_not_truncated BEFORE TRUNCATE ON trueup.report_sign_proof
            FOR EACH STATEMENT EXECUTE FUNCTION trueup.refuse_change();
        """)
}
