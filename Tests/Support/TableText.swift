import PostgreSQL

/// The contents of tables as text, to be held against each other.
public enum TableText {
    /// Every column of every row of every table of the application, and of what Trueup keeps of findings, repairs and
    /// messages.
    public static func everything(on connection: Connection) async throws -> String {
        let names: [String] = try await connection.query(
            """
            SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND (n.nspname = 'public' OR (n.nspname = 'trueup'
                AND c.relname IN ('finding', 'finding_note', 'repair', 'migration', 'stripe_write', 'outbox',
                    'outbox_attachment')))
            ORDER BY 1
            """
        ).map { try $0["name"] }
        var text = ""
        for name in names {
            text += "== \(name)\n" + (try await of("SELECT to_jsonb(t) AS line FROM \(name) t", on: connection)) + "\n"
        }
        return text
    }

    /// What has to be the same however a run came to its end: no time of day, no id that counts attempts.
    public static func outcome(on connection: Connection) async throws -> String {
        let orders = try await of(
            """
            SELECT to_jsonb(t) - 'cancelled_at' || jsonb_build_object('is_cancelled', cancelled_at IS NOT NULL) AS line
            FROM task_credit_stripe_invoice t
            """, on: connection)
        let charges = try await of(
            """
            SELECT to_jsonb(t) - 'succeeded_at' || jsonb_build_object('at', extract(epoch FROM succeeded_at)) AS line
            FROM agency_charge t
            """, on: connection)
        let notices = try await of("SELECT to_jsonb(t) AS line FROM agency_invoice_notice t", on: connection)
        let mails = try await of(
            "SELECT jsonb_build_array(dedupe_key, recipient, subject, body_text, state) AS line FROM trueup.outbox",
            on: connection)
        let balances = try await of(
            "SELECT to_jsonb(t) - 'updated_at' AS line FROM task_credit_agency_balance t", on: connection)
        let findings = try await of(
            """
            SELECT jsonb_build_array(job, kind, account, stripe_id, local_id, action, state, closed_how, runs_seen,
                times_reopened, facts) AS line FROM trueup.finding
            """, on: connection)
        let repairs = try await of(
            """
            SELECT jsonb_build_array(kind, effect, account, stripe_id, local_table, local_id, before->'order'->'paid',
                after->'order'->'paid', after->'order'->'stripe_invoice_id', before->'charge'->'status',
                after->'charge'->'status',
                (after->>'balance')::bigint - (before->>'balance')::bigint) AS line FROM trueup.repair
            """, on: connection)
        return "== orders\n\(orders)\n== balances\n\(balances)\n== charges\n\(charges)\n== notices\n\(notices)\n"
            + "== mails\n\(mails)\n== findings\n\(findings)\n== repairs\n\(repairs)\n"
    }

    /// One line for each row of a query with one column `line`, sorted.
    private static func of(_ sql: String, on connection: Connection) async throws -> String {
        try await connection.query(
            "SELECT coalesce(string_agg(line::text, E'\\n' ORDER BY line::text), '') AS text FROM (\(sql)) rows")[0][
                "text"]
    }

    /// The lines that only one of two texts has, at most `limit` of each, to show in a failure.
    public static func difference(_ left: String, _ right: String, limit: Int = 5) -> String {
        let (a, b) = (Set(left.split(separator: "\n")), Set(right.split(separator: "\n")))
        let lines =
            a.subtracting(b).sorted().prefix(limit).map { "- \($0.prefix(300))" }
            + b.subtracting(a).sorted().prefix(limit).map { "+ \($0.prefix(300))" }
        return lines.joined(separator: "\n")
    }
}
