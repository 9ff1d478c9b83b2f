import PostgreSQL
import Reconciliation

extension StatementScope {
    /// `$1` jobs of credits, `$2` jobs of charges, `$3` the price of a credit in cents, `$4` all jobs.
    var findingsParameters: [any PostgresEncodable] { [creditJobs, chargeJobs, creditPriceCents, jobs] }

    /// Findings, with which side counts and since when. An invoice that several findings are about counts once on
    /// Stripe's side: with the row that is paid, else with the oldest finding.
    /// - Parameter filter: SQL on the alias `f`; further parameters begin at `$5`.
    func findingsSQL(_ filter: String, isOrdered: Bool = true) -> String {
        let chargeJoin =
            chargeJobs.isEmpty
            ? "CROSS JOIN (SELECT NULL::timestamptz AS paid_at) c"
            : """
            LEFT JOIN LATERAL (SELECT coalesce(c.succeeded_at, c.created_at) AS paid_at FROM public.agency_charge c
                WHERE f.is_charge AND c.id = f.local_key) c ON true
            """
        return """
            SELECT f.*, a.name AS agency_name, n.note AS last_note,
                f.stripe_is_paid AND f.place = 1 AS stripe_counts,
                coalesce(CASE WHEN f.stripe_is_paid AND f.place = 1
                        THEN coalesce(f.stripe_paid_seconds, f.stripe_created_seconds)
                    WHEN f.local_is_paid THEN floor(extract(epoch FROM coalesce(l.paid_at, c.paid_at)))::bigint
                    ELSE coalesce(f.stripe_created_seconds, f.local_created_seconds) END,
                    floor(extract(epoch FROM f.first_seen_at))::bigint) AS since_seconds
            FROM (
                SELECT f.*, row_number() OVER (PARTITION BY f.is_charge, f.account,
                    CASE WHEN f.stripe_id = '' OR f.is_still THEN 'F-' || f.id ELSE f.stripe_id END
                    ORDER BY f.local_is_paid DESC, f.id) AS place
                FROM (
                    SELECT f.id, f.job, f.kind, f.account, f.stripe_id, f.local_id, f.action, f.state, f.closed_how,
                        f.closed_at, f.explanation, f.stripe_status, f.local_state, f.stripe_amount, f.local_amount,
                        f.currency, f.credits, f.runs_seen, f.times_reopened, f.owner, f.first_seen_at,
                        CASE WHEN f.local_id ~ '^[0-9]{1,18}$' THEN f.local_id::bigint END AS local_key,
                        f.job = ANY($2) AS is_charge,
                        NOT (f.job = ANY($1) AND f.comparison = 'orders'
                            OR f.job = ANY($2) AND f.comparison = 'charges') AS is_still,
                        f.stripe_status = CASE WHEN f.job = ANY($2) THEN 'succeeded' ELSE 'paid' END AS stripe_is_paid,
                        f.local_state = CASE WHEN f.job = ANY($2) THEN 'succeeded' ELSE 'paid' END AS local_is_paid,
                        coalesce(f.credits, CASE WHEN f.currency = 'usd' AND f.stripe_amount % $3 = 0
                            THEN f.stripe_amount / $3 END, 0) AS stripe_credits,
                        coalesce(f.agency_id, CASE WHEN s.facts->>'agencyID' ~ '^[0-9]{1,18}$'
                            THEN (s.facts->>'agencyID')::bigint END) AS agency_id,
                        lower(coalesce(f.facts->'order'->>'currency', f.facts->'charge'->>'currency', f.currency))
                            AS local_currency,
                        coalesce(s.facts->>'paidAt', s.facts->>'chargedAt')::bigint AS stripe_paid_seconds,
                        (s.facts->>'created')::bigint AS stripe_created_seconds,
                        coalesce(f.facts->'order'->>'created', f.facts->'charge'->>'created')::bigint
                            AS local_created_seconds
                    FROM trueup.finding f
                        CROSS JOIN LATERAL (SELECT coalesce(f.facts->'stripe', f.facts->'intent') AS facts) s
                    WHERE f.job = ANY($4) AND \(filter)
                ) f
            ) f
            LEFT JOIN LATERAL (SELECT coalesce(l.\(orders.paidAt), l.\(orders.createdAt)) AS paid_at
                FROM \(orders.name) l WHERE NOT f.is_charge AND l.\(orders.key) = f.local_key) l ON true
            \(chargeJoin)
            LEFT JOIN public.agency a ON a.id = f.agency_id
            LEFT JOIN LATERAL (SELECT CASE WHEN n.note = '' THEN n.what ELSE n.note END AS note
                FROM trueup.finding_note n WHERE n.finding_id = f.id ORDER BY n.id DESC LIMIT 1) n ON true
            \(isOrdered ? "ORDER BY f.id" : "")
            """
    }

    /// One row for each agency that has any figure: `$1` the start of the period, `$2` the cut-off.
    var agenciesSQL: String {
        """
        WITH bought AS (
            SELECT agency_id, sum(credits) FILTER (WHERE at < $1) AS before,
                sum(credits) FILTER (WHERE at >= $1 AND at < $2) AS within,
                sum(credits) FILTER (WHERE at >= $2) AS after
            FROM (SELECT l.\(orders.agencyID)::bigint AS agency_id, l.\(orders.credits)::bigint AS credits,
                    coalesce(l.\(orders.paidAt), l.\(orders.createdAt)) AS at
                FROM \(orders.name) l WHERE l.\(orders.paid)) o
            GROUP BY agency_id
        ), reserved AS (
            SELECT agency_id,
                sum(credits) FILTER (WHERE created_at < $1 AND (released_at IS NULL OR released_at >= $1)) AS before,
                sum(credits) FILTER (WHERE created_at < $2 AND (released_at IS NULL OR released_at >= $2)) AS at_end,
                sum(credits) FILTER (WHERE released_at IS NULL) AS now
            FROM public.task_credit_reservation GROUP BY agency_id
        ), adjusted AS (
            SELECT agency_id, sum(credits) FILTER (WHERE created_at < $1) AS before,
                sum(credits) FILTER (WHERE created_at >= $1 AND created_at < $2) AS within,
                sum(credits) FILTER (WHERE created_at >= $2) AS after
            FROM public.task_credit_adjustment GROUP BY agency_id
        )
        SELECT agency_id, coalesce(a.name, 'Agency ' || agency_id) AS name,
            coalesce(b.before, 0)::bigint AS bought_before, coalesce(b.within, 0)::bigint AS bought,
            coalesce(b.after, 0)::bigint AS bought_after, coalesce(r.before, 0)::bigint AS consumed_before,
            coalesce(r.at_end, 0)::bigint AS consumed_at_end, coalesce(r.now, 0)::bigint AS consumed_now,
            coalesce(j.before, 0)::bigint AS adjusted_before, coalesce(j.within, 0)::bigint AS adjusted,
            coalesce(j.after, 0)::bigint AS adjusted_after, coalesce(w.balance, 0)::bigint AS balance
        FROM bought b FULL JOIN reserved r USING (agency_id) FULL JOIN adjusted j USING (agency_id)
            FULL JOIN public.task_credit_agency_balance w USING (agency_id)
            LEFT JOIN public.agency a ON a.id = agency_id
        WHERE agency_id IS NOT NULL
        ORDER BY agency_id
        """
    }

    /// `$1` the cut-off.
    var purchasesSQL: String {
        """
        SELECT l.\(orders.agencyID)::bigint AS agency_id, lower(l.\(orders.currency)::text) AS currency,
            sum(l.\(orders.amount))::bigint AS paid
        FROM \(orders.name) l
        WHERE l.\(orders.paid) AND coalesce(l.\(orders.paidAt), l.\(orders.createdAt)) < $1
        GROUP BY 1, 2
        """
    }

    /// `$1` the start of the period, `$2` the cut-off.
    func chargesSQL(_ table: String) -> String {
        """
        SELECT c.agency_id, coalesce(a.name, 'Agency ' || c.agency_id, 'No agency') AS name, c.currency, c.n, c.amount
        FROM (SELECT agency_id, lower(currency) AS currency, count(*) AS n, sum(amount_cents)::bigint AS amount
            FROM \(table) WHERE status = 'succeeded' AND coalesce(succeeded_at, created_at) >= $1
                AND coalesce(succeeded_at, created_at) < $2
            GROUP BY 1, 2) c LEFT JOIN public.agency a ON a.id = c.agency_id
        """
    }

    /// `$1` jobs of credits, `$2` the start of the period, `$3` the cut-off.
    var matchedSQL: String {
        """
        SELECT l.\(orders.key)::bigint AS key, l.\(orders.id)::text AS stripe_id,
            l.\(orders.amount)::bigint AS amount, lower(l.\(orders.currency)::text) AS currency
        FROM \(orders.name) l
        WHERE l.\(orders.paid) AND l.\(orders.id) IS NOT NULL
            AND coalesce(l.\(orders.paidAt), l.\(orders.createdAt)) >= $2
            AND coalesce(l.\(orders.paidAt), l.\(orders.createdAt)) < $3
            AND NOT EXISTS (SELECT FROM trueup.finding f WHERE f.job = ANY($1) AND f.state <> 'closed'
                AND f.local_id = l.\(orders.key)::text)
        ORDER BY l.\(orders.key)
        """
    }

    /// Rows of one table that were made in a run's period, with those that stand in open findings:
    /// `$1` the run's first second, `$2` its end, `$3` the keys of the rows in open findings.
    func localControlSQL(isCharge: Bool) -> String {
        let table = isCharge ? "public.agency_charge" : orders.name
        let (key, amount) = isCharge ? ("id", "amount_cents") : (orders.key, orders.amount)
        let (currency, created) = isCharge ? ("currency", "created_at") : (orders.currency, orders.createdAt)
        return """
            SELECT lower(l.\(currency)::text) AS currency, count(*) AS n, sum(l.\(amount))::bigint AS amount,
                count(o.key) AS open_n, coalesce(sum(l.\(amount)) FILTER (WHERE o.key IS NOT NULL), 0)::bigint
                    AS open_amount
            FROM \(table) l LEFT JOIN (SELECT DISTINCT key FROM unnest($3::bigint[]) AS k (key)) o
                ON o.key = l.\(key)
            WHERE l.\(created) >= $1 AND l.\(created) < $2
            GROUP BY 1
            """
    }
}

extension StatementScope {
    /// The queries behind the figures by what they give, for whoever makes them again.
    public var queryTexts: [(name: String, sql: String)] {
        [
            ("Credits by agency", agenciesSQL), ("Paid for credits", purchasesSQL),
            ("Open findings", findingsSQL("f.state <> 'closed' AND f.action <> 'ignore'")),
            ("Matched orders", matchedSQL),
        ] + (chargeJobs.isEmpty ? [] : [("Charges by agency", chargesSQL("public.agency_charge"))])
    }
}
