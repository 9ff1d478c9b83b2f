import PostgreSQL
import Reconciliation

extension StatementScope {
    /// `$1` accounts of credits, `$2` accounts of charges, `$3` the price of a credit in cents, `$4` all jobs.
    var findingsParameters: [any PostgresEncodable] { [creditAccounts, chargeAccounts, creditPriceCents, jobs] }

    /// Findings, with which side counts and since when.
    ///
    /// A fact that several jobs found is one finding, the one that was first; what an invoice's amount or currency is
    /// wrong in, the comparison of its payment finds as well, about the same order. An object that several findings
    /// are about counts once on Stripe's side: with the row that is paid, else with the oldest finding. What counts of
    /// it is what runs read of it as paid, where they did.
    /// - Parameter filter: SQL on the alias `f`; further parameters begin at `$5`.
    func findingsSQL(_ filter: String, isOrdered: Bool = true) -> String {
        let chargeJoin =
            chargeAccounts.isEmpty
            ? "CROSS JOIN (SELECT NULL::timestamptz AS paid_at) c"
            : """
            LEFT JOIN LATERAL (SELECT coalesce(c.succeeded_at, c.created_at) AS paid_at FROM public.agency_charge c
                WHERE f.is_charge AND c.id = f.local_key) c ON true
            """
        return """
            SELECT f.*, coalesce(nullif(btrim(a.name), ''), 'Agency ' || a.id) AS agency_name,
                n.note AS last_note, f.stripe_is_paid AND f.place = 1 AS stripe_counts,
                coalesce(CASE WHEN f.stripe_is_paid AND f.place = 1
                        THEN coalesce(f.stripe_paid_seconds, f.stripe_created_seconds)
                    WHEN f.local_is_paid THEN floor(extract(epoch FROM coalesce(l.paid_at, c.paid_at)))::bigint
                    ELSE coalesce(f.stripe_created_seconds, f.local_created_seconds) END,
                    floor(extract(epoch FROM f.first_seen_at))::bigint) AS since_seconds
            FROM (
                SELECT f.*, row_number() OVER (PARTITION BY f.is_charge, f.account,
                    CASE WHEN f.stripe_id = '' OR f.is_still THEN 'F-' || f.id ELSE f.stripe_id END
                    ORDER BY f.local_is_paid DESC, f.id) AS place
                FROM (\(factsSQL(filter))) f
                WHERE f.sighting = 1
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

    /// Every finding with its words in the forms that the figures need; `sighting` is 1 for the first of a fact.
    private func factsSQL(_ filter: String) -> String {
        """
        SELECT f.id, f.job, f.kind, f.account, f.stripe_id, f.local_id, f.action, f.state, f.closed_how, f.comparison,
            f.closed_at, f.explanation, f.stripe_status, f.local_state, f.stripe_amount, f.local_amount,
            f.currency, f.credits, f.runs_seen, f.times_reopened, f.owner, f.first_seen_at,
            CASE WHEN f.local_id ~ '^[0-9]{1,18}$' THEN f.local_id::bigint END AS local_key,
            w.is_charge, NOT (w.is_charge OR w.is_credit) AS is_still,
            p.id IS NOT NULL OR f.stripe_status = w.paid_word AS stripe_is_paid,
            f.local_state = w.paid_word AS local_is_paid,
            coalesce(p.amount, f.stripe_amount) AS paid_amount, coalesce(p.currency, f.currency) AS paid_currency,
            \(creditsSQL(
                "coalesce(p.amount, f.stripe_amount)", "coalesce(p.currency, f.currency)", "f.credits", price: "$3"))
                AS stripe_credits,
            coalesce(f.agency_id, CASE WHEN s.facts->>'agencyID' ~ '^[0-9]{1,18}$'
                THEN (s.facts->>'agencyID')::bigint END) AS agency_id,
            lower(coalesce(f.facts->'order'->>'currency', f.facts->'charge'->>'currency', f.currency))
                AS local_currency,
            coalesce(p.paid_seconds, coalesce(s.facts->>'paidAt', s.facts->>'chargedAt')::bigint)
                AS stripe_paid_seconds,
            (s.facts->>'created')::bigint AS stripe_created_seconds,
            coalesce(f.facts->'order'->>'created', f.facts->'charge'->>'created')::bigint AS local_created_seconds,
            row_number() OVER (PARTITION BY f.kind, f.account, CASE
                WHEN f.kind IN ('amount_mismatch', 'currency_mismatch') AND f.comparison IN ('orders', 'payments')
                    AND f.local_id <> '' THEN 'order ' || f.local_id
                ELSE f.stripe_id || ' ' || f.local_id END
                ORDER BY f.comparison = 'payments', f.id) AS sighting
        FROM trueup.finding f
            CROSS JOIN LATERAL (SELECT coalesce(f.facts->'stripe', f.facts->'intent') AS facts) s
            CROSS JOIN LATERAL (SELECT f.comparison = 'charges' AND f.account = ANY($2) AS is_charge,
                f.comparison = 'orders' AND f.account = ANY($1) AS is_credit,
                CASE WHEN f.comparison = 'charges' THEN 'succeeded' ELSE 'paid' END AS paid_word) w
            LEFT JOIN trueup.stripe_payment p ON p.account = f.account AND p.id = f.stripe_id
                AND p.object = CASE WHEN w.is_charge THEN 'payment_intent' WHEN w.is_credit THEN 'invoice' END
        WHERE f.job = ANY($4) AND \(filter)\(accountFilter)
        """
    }

    /// A statement that is narrowed to some accounts states nothing of others, whichever job found it.
    private var accountFilter: String {
        guard !accounts.isEmpty else { return "" }
        let names = accounts.map {
            "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        }
        return " AND f.account IN (\(names.joined(separator: ", ")))"
    }

    /// How many credits a payment bought: what its amount buys (`price` cents each), else what its order is for. An
    /// amount that is no whole number of credits carries taxes or is wrong; none are made up.
    private func creditsSQL(_ amount: String, _ currency: String, _ ofOrder: String, price: String) -> String {
        """
        CASE WHEN \(currency) = 'usd' AND \(amount) % \(price) = 0 THEN \(amount) / \(price)
            ELSE coalesce(\(ofOrder), 0) END
        """
    }

    /// The first finding about each object at Stripe: whose it is, and how many credits its order has.
    /// - Parameters:
    ///   - accounts: the parameter with the accounts.
    ///   - jobs: the parameter with all jobs.
    private func foundSQL(_ comparison: ComparisonName, accounts: String, jobs: String) -> String {
        let paidWord = comparison == .charges ? "succeeded" : "paid"
        return """
            SELECT DISTINCT ON (f.account, f.stripe_id) f.account, f.stripe_id, f.credits,
                coalesce(f.agency_id, CASE WHEN s.facts->>'agencyID' ~ '^[0-9]{1,18}$'
                    THEN (s.facts->>'agencyID')::bigint END) AS agency_id
            FROM trueup.finding f
                CROSS JOIN LATERAL (SELECT coalesce(f.facts->'stripe', f.facts->'intent') AS facts) s
            WHERE f.comparison = '\(comparison.rawValue)' AND f.account = ANY(\(accounts)) AND f.job = ANY(\(jobs))
                AND f.state <> 'closed' AND f.action <> 'ignore' AND f.stripe_id <> ''
            ORDER BY f.account, f.stripe_id, (f.local_state = '\(paidWord)') DESC, f.id
            """
    }

    /// What runs read of paid invoices, each with its agency and credits: `$1` the price of a credit, `$2` accounts,
    /// `$3` all jobs. Whose an invoice is says the finding about it, the order that carries its id, or its metadata.
    private var paidInvoices: String {
        """
        SELECT p.amount, p.currency, to_timestamp(p.paid_seconds) AS at,
            coalesce(f.agency_id, l.agency_id, p.agency_id) AS agency_id,
            \(creditsSQL("p.amount", "p.currency", "coalesce(f.credits, l.credits)", price: "$1")) AS credits
        FROM trueup.stripe_payment p
        LEFT JOIN (\(foundSQL(.orders, accounts: "$2", jobs: "$3"))) f ON f.account = p.account AND f.stripe_id = p.id
        LEFT JOIN (SELECT DISTINCT ON (l.\(orders.id)) l.\(orders.id) AS id, l.\(orders.agencyID)::bigint AS agency_id,
                l.\(orders.credits)::bigint AS credits FROM \(orders.name) l WHERE l.\(orders.id) IS NOT NULL
            ORDER BY l.\(orders.id), l.\(orders.paid) DESC, l.\(orders.key)) l ON l.id = p.id
        WHERE p.object = 'invoice' AND p.account = ANY($2)
        """
    }

    /// When Stripe took the payment of each object that runs read as paid: one row for each id. Within one account an
    /// id has one row as it is, and a hash of all ids is spared.
    /// - Parameter accounts: the parameter with the accounts of the part.
    func paidTimesSQL(isCharge: Bool, accounts: String) -> String {
        let isOne = (isCharge ? chargeAccounts : creditAccounts).count == 1
        let object: ListedObject = isCharge ? .paymentIntent : .invoice
        return "SELECT id, \(isOne ? "paid_seconds" : "min(paid_seconds) AS paid_seconds") FROM trueup.stripe_payment "
            + "WHERE object = '\(object.rawValue)' AND account = ANY(\(accounts))\(isOne ? "" : " GROUP BY id")"
    }

    /// Paid orders, each at the time at which Stripe took its payment, where a run has read that: both sides then stand
    /// on the same side of a cut-off. `$2` accounts.
    private var paidOrders: String {
        """
        SELECT l.\(orders.agencyID)::bigint AS agency_id, l.\(orders.credits)::bigint AS credits,
            l.\(orders.amount)::bigint AS amount, lower(l.\(orders.currency)::text) AS currency,
            coalesce(to_timestamp(p.paid_seconds), l.\(orders.paidAt), l.\(orders.createdAt)) AS at
        FROM \(orders.name) l
        LEFT JOIN (\(paidTimesSQL(isCharge: false, accounts: "$2"))) p ON p.id = l.\(orders.id)
        WHERE l.\(orders.paid)
        """
    }

    /// One row for each agency that has any figure, with the money paid for its credits on both sides before the
    /// cut-off, by currency; what no agency claims is a row of credits, one of money, or both. `$1` the price of a
    /// credit, `$2` accounts of credits, `$3` all jobs, `$4` the start of the period, `$5` the cut-off.
    ///
    /// Both sides are read once, for the credits and for the money.
    var agenciesSQL: String {
        """
        WITH payments AS (
            SELECT agency_id, currency, sum(credits) FILTER (WHERE at < $4) AS before,
                sum(credits) FILTER (WHERE at >= $4) AS within, sum(amount) AS amount
            FROM (\(paidInvoices)) p WHERE at < $5 GROUP BY 1, 2
        ), orders AS (
            SELECT agency_id, currency, sum(credits) FILTER (WHERE at < $4) AS before,
                sum(credits) FILTER (WHERE at >= $4 AND at < $5) AS within,
                sum(credits) FILTER (WHERE at >= $5) AS after, sum(amount) FILTER (WHERE at < $5) AS amount
            FROM (\(paidOrders)) o GROUP BY 1, 2
        ), paid AS (
            SELECT agency_id, sum(before) AS before, sum(within) AS within FROM payments GROUP BY 1
        ), bought AS (
            SELECT agency_id, sum(before) AS before, sum(within) AS within, sum(after) AS after FROM orders GROUP BY 1
        ), money AS (
            \(Self.moneySQL)
        ), reserved AS (
            \(Self.reservedSQL)
        ), adjusted AS (
            SELECT agency_id, sum(credits) FILTER (WHERE created_at < $4) AS before,
                sum(credits) FILTER (WHERE created_at >= $4 AND created_at < $5) AS within,
                sum(credits) FILTER (WHERE created_at >= $5) AS after
            FROM public.task_credit_adjustment GROUP BY agency_id
        )
        SELECT agency_id, coalesce(nullif(btrim(a.name), ''), 'Agency ' || agency_id, 'No agency') AS name,
            agency_id IS NOT NULL OR coalesce(p.before, 0) <> 0 OR coalesce(p.within, 0) <> 0 AS is_line,
            coalesce(m.currencies, '{}') AS currencies, coalesce(m.at_stripe, '{}') AS at_stripe,
            coalesce(m.locally, '{}') AS locally,
            coalesce(p.before, 0)::bigint AS paid_before, coalesce(p.within, 0)::bigint AS paid,
            coalesce(b.before, 0)::bigint AS bought_before, coalesce(b.within, 0)::bigint AS bought,
            coalesce(b.after, 0)::bigint AS bought_after, coalesce(r.before, 0)::bigint AS consumed_before,
            coalesce(r.at_end, 0)::bigint AS consumed_at_end, coalesce(r.now, 0)::bigint AS consumed_now,
            coalesce(j.before, 0)::bigint AS adjusted_before, coalesce(j.within, 0)::bigint AS adjusted,
            coalesce(j.after, 0)::bigint AS adjusted_after, coalesce(w.balance, 0)::bigint AS balance
        FROM bought b FULL JOIN reserved r USING (agency_id) FULL JOIN adjusted j USING (agency_id)
            FULL JOIN public.task_credit_agency_balance w USING (agency_id) FULL JOIN paid p USING (agency_id)
            FULL JOIN money m USING (agency_id) LEFT JOIN public.agency a ON a.id = agency_id
        WHERE agency_id IS NOT NULL OR p.before <> 0 OR p.within <> 0 OR m.agency_id IS NULL AND m.currencies <> '{}'
        ORDER BY agency_id
        """
    }

    /// What was paid on both sides, by agency, as arrays by currency.
    private static let moneySQL = """
        SELECT agency_id, array_agg(currency ORDER BY currency) AS currencies,
            array_agg(at_stripe::bigint ORDER BY currency) AS at_stripe,
            array_agg(locally::bigint ORDER BY currency) AS locally
        FROM (
            SELECT agency_id, currency, sum(at_stripe) AS at_stripe, sum(locally) AS locally
            FROM (
                SELECT agency_id, currency, amount AS at_stripe, 0 AS locally FROM payments
                UNION ALL SELECT agency_id, currency, 0, amount FROM orders WHERE amount IS NOT NULL
            ) both_sides
            GROUP BY 1, 2
        ) sums
        GROUP BY 1
        """

    private static let reservedSQL = """
        SELECT agency_id,
            sum(credits) FILTER (WHERE created_at < $4 AND (released_at IS NULL OR released_at >= $4)) AS before,
            sum(credits) FILTER (WHERE created_at < $5 AND (released_at IS NULL OR released_at >= $5)) AS at_end,
            sum(credits) FILTER (WHERE released_at IS NULL) AS now
        FROM public.task_credit_reservation GROUP BY agency_id
        """

    /// Charges on both sides: from the beginning: `$1` all jobs, `$2` accounts of charges, `$3` the cut-off.
    func chargesSQL(_ table: String) -> String {
        """
        SELECT c.agency_id, coalesce(nullif(btrim(a.name), ''), 'Agency ' || c.agency_id, 'No agency') AS name,
            c.currency,
            c.charged_n, c.charged, c.recorded_n, c.recorded
        FROM (
            SELECT agency_id, currency, sum(charged_n)::bigint AS charged_n, sum(charged)::bigint AS charged,
                sum(recorded_n)::bigint AS recorded_n, sum(recorded)::bigint AS recorded
            FROM (
                SELECT coalesce(f.agency_id, l.agency_id, p.agency_id) AS agency_id, p.currency, 1 AS charged_n,
                    p.amount AS charged, 0 AS recorded_n, 0 AS recorded, to_timestamp(p.paid_seconds) AS at
                FROM trueup.stripe_payment p
                LEFT JOIN (\(foundSQL(.charges, accounts: "$2", jobs: "$1"))) f
                    ON f.account = p.account AND f.stripe_id = p.id
                LEFT JOIN (SELECT DISTINCT ON (stripe_payment_intent_id) stripe_payment_intent_id AS id, agency_id
                    FROM \(table) WHERE stripe_payment_intent_id IS NOT NULL
                    ORDER BY stripe_payment_intent_id, (status = 'succeeded') DESC, id) l ON l.id = p.id
                WHERE p.object = 'payment_intent' AND p.account = ANY($2)
                UNION ALL
                SELECT l.agency_id, lower(l.currency), 0, 0, 1, l.amount_cents,
                    coalesce(to_timestamp(p.paid_seconds), l.succeeded_at, l.created_at)
                FROM \(table) l
                LEFT JOIN (\(paidTimesSQL(isCharge: true, accounts: "$2"))) p
                    ON p.id = l.stripe_payment_intent_id
                WHERE l.status = 'succeeded'
            ) both_sides
            WHERE at < $3
            GROUP BY 1, 2
        ) c LEFT JOIN public.agency a ON a.id = c.agency_id
        """
    }

    /// `$1` jobs of credits, `$2` the start of the period, `$3` the cut-off, `$4` accounts of credits.
    var matchedSQL: String {
        """
        SELECT l.\(orders.key)::bigint AS key, l.\(orders.id)::text AS stripe_id, p.account AS account,
            l.\(orders.amount)::bigint AS amount, lower(l.\(orders.currency)::text) AS currency
        FROM \(orders.name) l JOIN trueup.stripe_payment p ON p.object = 'invoice' AND p.account = ANY($4)
            AND p.id = l.\(orders.id)
        WHERE l.\(orders.paid) AND to_timestamp(p.paid_seconds) >= $2 AND to_timestamp(p.paid_seconds) < $3
            AND NOT EXISTS (SELECT FROM trueup.finding f WHERE f.job = ANY($1) AND f.state <> 'closed'
                AND f.local_id = l.\(orders.key)::text)
        ORDER BY l.\(orders.key)
        """
    }

    /// Rows of one table that were made in a run's period, each in the class that its own words put it in: in an open
    /// item; paid before the cut-off on both sides, or on neither. `$1` the run's first second, `$2` its end, `$3` the
    /// keys of the rows in open items, `$4` the cut-off, `$5` accounts.
    func localControlSQL(isCharge: Bool) -> String {
        let table = isCharge ? "public.agency_charge" : orders.name
        let (key, amount) = isCharge ? ("id", "amount_cents") : (orders.key, orders.amount)
        let (currency, created) = isCharge ? ("currency", "created_at") : (orders.currency, orders.createdAt)
        let (id, paidAt) = isCharge ? ("stripe_payment_intent_id", "succeeded_at") : (orders.id, orders.paidAt)
        let isPaid = isCharge ? "l.status = 'succeeded'" : "l.\(orders.paid)"
        let isMatched = "key IS NULL AND is_paid = (p_paid IS NOT NULL AND p_paid < $4)"
        return """
            SELECT currency, count(*) AS n, sum(amount)::bigint AS amount, count(key) AS open_n,
                coalesce(sum(amount) FILTER (WHERE key IS NOT NULL), 0)::bigint AS open_amount,
                count(*) FILTER (WHERE \(isMatched)) AS matched_n,
                coalesce(sum(amount) FILTER (WHERE \(isMatched)), 0)::bigint AS matched_amount
            FROM (
                SELECT lower(l.\(currency)::text) AS currency, l.\(amount)::bigint AS amount, o.key,
                    to_timestamp(p.paid_seconds) AS p_paid,
                    coalesce(\(isPaid)
                        AND coalesce(to_timestamp(p.paid_seconds), l.\(paidAt), l.\(created)) < $4, false) AS is_paid
                FROM \(table) l LEFT JOIN (SELECT DISTINCT key FROM unnest($3::bigint[]) AS k (key)) o
                    ON o.key = l.\(key)
                LEFT JOIN (\(paidTimesSQL(isCharge: isCharge, accounts: "$5"))) p ON p.id = l.\(id)
                WHERE l.\(created) >= $1 AND l.\(created) < $2
            ) rows
            GROUP BY 1
            """
    }
}

extension StatementScope {
    /// The queries behind the figures by what they give, for whoever makes them again.
    public var queryTexts: [(name: String, sql: String)] {
        [
            ("Credits by agency, and what was paid for them", agenciesSQL),
            ("Open findings", findingsSQL("f.state <> 'closed' AND f.action <> 'ignore'")),
            ("Matched orders", matchedSQL),
        ] + (chargeJobs.isEmpty ? [] : [("Charges by agency", chargesSQL("public.agency_charge"))])
    }
}
