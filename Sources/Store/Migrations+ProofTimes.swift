extension Migration {
    /// A proof's own time, and whether it was late, are part of its hash: since when a signature is proven could be
    /// changed without one.
    static let proofTimes = Migration(
        25, "proof_times",
        """
        -- Whether its hash has its time; false in proofs of earlier versions, whose hashes are what they are.
        ALTER TABLE trueup.report_sign_proof ADD COLUMN is_timed boolean NOT NULL DEFAULT false;

        CREATE FUNCTION trueup.proof_hash(signature trueup.report_sign, proof trueup.report_sign_proof) RETURNS text
        LANGUAGE sql STABLE AS $$
            SELECT CASE WHEN proof.is_timed
                THEN encode(sha256(convert_to(jsonb_build_array(
                    trueup.sign_hash(signature, proof.previous_sha256),
                    round(extract(epoch FROM proof.at) * 1000000)::bigint, proof.is_late)::text, 'UTF8')), 'hex')
                ELSE trueup.sign_hash(signature, proof.previous_sha256) END
        $$;

        CREATE OR REPLACE FUNCTION trueup.prove_signature(signature trueup.report_sign, late boolean) RETURNS void
        LANGUAGE plpgsql AS $$
        DECLARE proof trueup.report_sign_proof;
        BEGIN
            -- Whoever signs holds this already: proofs go on from each other one at a time.
            PERFORM pg_advisory_xact_lock(hashtext('trueup.report_sign'));
            SELECT p.sha256 INTO proof.previous_sha256 FROM trueup.report_sign_proof p ORDER BY p.id DESC LIMIT 1;
            proof.at := now();
            proof.is_late := late;
            proof.is_timed := true;
            INSERT INTO trueup.report_sign_proof
                (report_id, role, supersedes, sha256, previous_sha256, is_late, at, is_timed)
                VALUES (signature.report_id, signature.role,
                    (SELECT x.supersedes FROM trueup.report_supersede x
                        WHERE x.report_id = signature.report_id AND signature.role = 'preparer'),
                    trueup.proof_hash(signature, proof), proof.previous_sha256, late, proof.at, true);
        END $$;
        """)
}
