import PostgreSQL
import Reconciliation

extension IntentDiff {
    static var name: String { "charge_id" }
    static var isLive: String { "s.status NOT IN ('canceled', 'absent')" }
    static var amount: String { "s.amount" }

    static var finalWords: [String] { IntentStatus.terminal.map(\.word) }
    static var isPaid: String { "s.status = 'succeeded'" }
    static var paidAt: String { "charged_at_seconds" }
    static var payment: String { "NULL::text" }

    var local: LocalNames { table.local }

    private var stagedColumns: String {
        """
        s.id AS s_id, s.status AS s_status, s.created_seconds AS s_created, s.currency AS s_currency,
            s.amount AS s_amount, s.amount_received AS s_received, s.customer AS s_customer,
            s.invoice_id AS s_invoice, s.latest_charge AS s_latest, s.has_failed AS s_failed,
            s.has_checkout_session AS s_checkout, s.charge_id AS s_charge, s.agency_id AS s_agency,
            s.order_id AS s_order, s.canceled_at_seconds AS s_canceled_at, s.charged_at_seconds AS s_charged_at,
            s.request_id AS s_request, s.is_fresh AS s_fresh
        """
    }

    private var localColumns: String {
        """
        l.\(table.key)::bigint AS l_key, l.\(table.id)::text AS l_id, l.\(table.agencyID)::bigint AS l_agency,
            l.\(table.amount)::bigint AS l_amount, l.\(table.currency)::text AS l_currency,
            coalesce(l.\(table.status)::text, '') AS l_status,
            floor(extract(epoch FROM l.\(table.createdAt)))::bigint AS l_created, \(table.customer) AS l_customer
        """
    }

    private var facts: String {
        """
        coalesce(t.intents, 1)::bigint AS live, coalesce(r.refunded, 0)::bigint AS refunded,
            coalesce(r.disputed, 0)::bigint AS disputed
        """
    }

    private var accountLiteral: String { quoteLiteral(account) }

    /// Charges that more than one intent names which is not canceled, as a part of WITH.
    private var twice: String {
        // In the order of bytes a sort compares eight of them at once, whatever the database's collation is.
        """
        twice AS MATERIALIZED (
            SELECT (name COLLATE "default") AS charge_id, count(*) AS intents
            FROM (SELECT charge_id COLLATE "C" AS name FROM \(staged.name)
                WHERE account = \(accountLiteral) AND charge_id IS NOT NULL
                    AND status NOT IN ('canceled', 'absent')) named
            GROUP BY name HAVING count(*) > 1)
        """
    }

    /// They are few, which the planner cannot know of a group with a condition; of distinct rows of a query that is
    /// stored it expects 200, and hashes these instead of all intents.
    private var few: String { "(SELECT DISTINCT ON (charge_id) charge_id, intents FROM twice) t" }

    /// The same as rows of the parameters 2 and 3.
    private var given: String { "unnest($2::text[], $3::bigint[]) AS t (charge_id, intents)" }

    // MARK: - The outer join

    func sides(alsoRead: [String], alsoRows: [Int64], hasReversals: Bool) -> OuterJoin {
        let sums = reversals.byIntent(account: account)
        let isReversed = hasReversals ? "r.payment_intent IS NOT NULL" : "false"
        return OuterJoin(
            staged: staged, account: account, name: Self.name, amount: Self.amount,
            rows: """
                SELECT l.*, l.\(table.key) AS trueup_key, l.\(table.id) AS trueup_id, \(isCounted) AS trueup_counts,
                    l.\(table.createdAt) < to_timestamp(\(period.fromSeconds)) AS trueup_is_older,
                    \(isLookedAt) AND (l.\(table.id) IS NOT NULL
                        OR l.\(table.createdAt) < to_timestamp(\(period.toSeconds - settleSeconds)))
                        AS trueup_looked_at,
                    \(local.needed.isOdd) AS trueup_is_odd, \(local.needed.isShort) AS trueup_is_short
                FROM \(table.name) l
                """,
            // Joined last: what is hashed of a row stays narrow.
            joins: "\(table.agencyJoin) \(hasReversals ? "LEFT JOIN \(sums) r ON r.payment_intent = s.id" : "")",
            // An intent that needs no row is still looked at where it names one: that may be another's.
            classes: """
                CASE WHEN l.trueup_is_odd
                        OR (l.trueup_is_short AND (s.id IS NOT NULL OR l.trueup_looked_at)) THEN 5
                    WHEN s.id IS NULL THEN CASE WHEN l.trueup_looked_at THEN 3 ELSE 9 END
                    WHEN l.trueup_key IS NULL THEN CASE WHEN s.status = 'absent' THEN 9
                        WHEN s.invoice_id IS NULL AND s.status <> 'canceled' THEN 2
                        WHEN s.charge_id IS NULL THEN 0 ELSE 4 END
                    WHEN NOT coalesce(\(agrees(isReversed: isReversed)), false) THEN 1
                    WHEN s.status = 'absent' THEN 9 ELSE 0 END
                """,
            parameters: [alsoRead, alsoRows])
    }

    /// A row `l` of the period, or one of any age that can still change.
    private var isCounted: String {
        """
        (l.\(table.createdAt) < to_timestamp(\(period.toSeconds))
            AND (l.\(table.createdAt) >= to_timestamp(\(period.fromSeconds)) OR (\(ofAnyAge) AND \(table.isOpen))))
        """
    }

    /// A row `l` that is compared, or that a finding is about: the parameters 1 and 2 are ids and keys of findings.
    private var isLookedAt: String {
        """
        (\(isCounted) OR (l.\(table.createdAt) < to_timestamp(\(period.toSeconds))
            AND (l.\(table.id) = ANY($1::text[]) OR l.\(table.key) = ANY($2::bigint[]))))
        """
    }

    /// The cells of the state table where both sides agree.
    private var stateAgrees: String {
        let status = "l.\(table.status)"
        return """
            CASE
                WHEN s.status = 'succeeded' THEN \(status) = 'succeeded'
                WHEN s.status IN ('canceled', 'absent') THEN \(status) IN ('failed', 'canceled')
                WHEN s.status = 'requires_payment_method' AND s.has_failed THEN \(status) IN ('failed', 'canceled')
                WHEN s.status IN ('requires_payment_method', 'requires_confirmation')
                    THEN \(status) IN ('pending', 'failed', 'canceled')
                        AND (s.created_seconds >= \(rules.staleBeforeSeconds) OR s.has_failed
                            OR s.latest_charge IS NOT NULL OR s.invoice_id IS NOT NULL
                            OR s.has_checkout_session IS TRUE)
                WHEN s.status IN ('requires_action', 'requires_capture', 'processing')
                    THEN \(status) IN ('pending', 'failed')
                ELSE false END
            """
    }

    func agrees(isReversed: String) -> String {
        """
        (s.status = 'absent' OR (
            (s.currency = l.\(table.currency) OR s.currency = lower(l.\(table.currency)))
            AND s.amount = l.\(table.amount)
            AND (s.status <> 'succeeded' OR s.amount_received = s.amount)
            AND (s.charge_id IS NULL OR s.charge_id = l.\(table.key)::text)
            AND (s.agency_id IS NULL OR s.agency_id = l.\(table.agencyID)::text)
            AND (\(table.customer) IS NULL OR s.customer IS NOT DISTINCT FROM \(table.customer))
            AND NOT (\(isReversed))))
        AND \(stateAgrees)
        """
    }

    // MARK: - What differs

    func matched(among found: FoundObjects?, lookalikes: [String]) -> SQLStatement {
        guard let found else {
            return SQLStatement(
                """
                WITH \(twice)
                SELECT \(stagedColumns), \(localColumns), \(facts)
                \(matchedJoins(few))
                WHERE s.account = \(accountLiteral) AND (s.id = ANY($1) OR NOT coalesce(\(agreesInAll), false))
                """, lookalikes)
        }
        return SQLStatement(
            """
            SELECT \(stagedColumns), \(localColumns), \(facts)
            \(matchedJoins(given))
            WHERE \(FoundObjects.isAmong(1)) AND l.\(table.id) = ANY($4::text[])
            """, found.places, found.names, found.counts, found.ids)
    }

    /// Intents with the rows that name them exactly.
    /// - Parameter named: `t`, charges with the number of intents that name them.
    private func matchedJoins(_ named: String) -> String {
        """
        FROM \(staged.name) s
        JOIN \(table.name) l ON l.\(table.id) = s.id
        \(table.agencyJoin)
        LEFT JOIN \(named) ON t.charge_id = s.charge_id
        LEFT JOIN \(reversals.byIntent(account: account)) r ON r.payment_intent = s.id
        """
    }

    private var agreesInAll: String {
        """
        (\(agrees(isReversed: "r.payment_intent IS NOT NULL"))
            AND (s.status = 'absent' OR t.charge_id IS NULL))
        """
    }

    /// For each row without an id, the intent without a row of its own that names it: one that is not canceled, if
    /// there is one, else the newest.
    private var free: String {
        """
        free AS MATERIALIZED (
            SELECT DISTINCT ON (n.charge_id) n.charge_id, n.id FROM \(staged.name) n
            JOIN \(table.name) u ON u.\(table.key)::text = n.charge_id AND u.\(table.id) IS NULL
            WHERE n.account = \(accountLiteral) AND n.status <> 'absent' AND n.invoice_id IS NULL
              AND NOT EXISTS (SELECT FROM \(table.name) x
                WHERE \(Lookalikes.plain("x.\(table.id)")) = \(Lookalikes.plain("n.id")))
            ORDER BY n.charge_id, n.status = 'canceled', n.created_seconds DESC, n.id COLLATE "C" DESC)
        """
    }

    /// With the charge that their metadata names. Those of invoices are explained by these.
    func stripeOnly(among found: FoundObjects?, nearlyNamed: [String]) -> SQLStatement {
        func sql(_ with: String, _ isNamed: String, _ others: String, _ twice: String, _ condition: String) -> String {
            """
            WITH \(with)
            SELECT \(stagedColumns), \(localColumns), \(local.isShortRow) AS l_short, \(facts),
                o.status AS other_status
            FROM \(staged.name) s
            LEFT JOIN \(table.name) l ON l.\(table.key)::text = s.charge_id AND \(isNamed)
            \(table.agencyJoin)
            LEFT JOIN \(twice) ON t.charge_id = s.charge_id
            LEFT JOIN \(reversals.byIntent(account: account)) r ON r.payment_intent = s.id
            LEFT JOIN (SELECT id, status FROM \(staged.name)
                WHERE account = \(accountLiteral) AND \(others)) o ON o.id = l.\(table.id)
            LEFT JOIN free f ON f.id = s.id
            WHERE \(condition) AND s.status <> 'absent' AND s.invoice_id IS NULL
              AND (s.status <> 'canceled' OR f.id IS NOT NULL)
            """
        }
        guard let found else {
            return SQLStatement(
                sql("\(twice), \(free)", "true", "true", few, isAlone(nearlyNamed: 1)), nearlyNamed)
        }
        return SQLStatement(
            sql(
                free, "l.\(table.key) = ANY($4::bigint[])", "id IN (SELECT unnest($5::text[]))", given,
                FoundObjects.isAmong(1)),
            found.places, found.names, found.counts, found.namedKeys, found.namedIDs)
    }

    /// No row names the intent `s`, exactly or nearly.
    private func isAlone(nearlyNamed number: Int) -> String {
        """
        s.account = \(accountLiteral) AND s.status <> 'absent'
            AND NOT EXISTS (SELECT FROM \(table.name) x WHERE x.\(table.id) = s.id) AND NOT (s.id = ANY($\(number)))
        """
    }

    func localOnly(alsoRead: [String], alsoRows: [Int64], among found: FoundRows?) -> SQLStatement {
        func sql(_ alike: String, _ exact: String, _ condition: String) -> String {
            """
            WITH \(free)
            SELECT \(stagedColumns), \(localColumns), s.id AS look_id, e.\(table.key)::bigint AS exact_row
            FROM \(table.name) l
            \(table.agencyJoin)
            LEFT JOIN (SELECT s.* FROM \(staged.name) s WHERE \(alike)) s
                ON \(Lookalikes.plain("s.id")) = \(Lookalikes.plain("l.\(table.id)"))
            LEFT JOIN (SELECT * FROM \(table.name) WHERE \(exact)) e ON e.\(table.id) = s.id
            WHERE \(condition)
              AND (l.\(table.status) IS DISTINCT FROM 'canceled' OR s.id IS NOT NULL OR l.\(table.id) = ANY($1)
                OR l.\(table.key) = ANY($2))
              AND (l.\(table.id) IS NOT NULL
                OR NOT EXISTS (SELECT FROM free WHERE free.charge_id = l.\(table.key)::text))
            """
        }
        if let found {
            return SQLStatement(
                sql(
                    FoundObjects.isAmong(4), "\(table.id) = ANY($5::text[])", "l.\(table.key) = ANY($3::bigint[])"),
                alsoRead, alsoRows, found.keys, found.lookPlaces, found.lookIDs)
        }
        let isLookedFor = """
            \(isLookedAt)
              AND NOT EXISTS (SELECT FROM \(staged.name) x
                WHERE x.account = \(accountLiteral) AND x.id = l.\(table.id))
              AND (l.\(table.id) IS NOT NULL
                OR l.\(table.createdAt) < to_timestamp(\(period.toSeconds - settleSeconds)))
            """
        return SQLStatement(
            sql("s.account = \(accountLiteral) AND s.status <> 'absent'", "true", isLookedFor), alsoRead, alsoRows)
    }

    // MARK: - What agrees

    /// An intent `s` without a row that needs none.
    private var isExplained: String {
        """
        (s.invoice_id IS NOT NULL OR (s.status = 'canceled' AND NOT EXISTS (SELECT FROM free f WHERE f.id = s.id)))
        """
    }

    func agreedAlone(among found: FoundObjects) -> SQLStatement {
        SQLStatement(
            """
            WITH \(free)
            SELECT lower(s.currency) AS currency, count(*) AS n, sum(s.amount)::bigint AS amount
            FROM \(staged.name) s WHERE \(FoundObjects.isAmong(1)) AND \(isExplained) GROUP BY 1
            """, found.places)
    }

    /// Those that agree with the row that names them, those of invoices, and canceled ones that no row waits for. A
    /// class of its own, counted apart from what is visited: the control totals rest on it.
    func agreed(lookalikes: [String], nearlyNamed: [String]) -> SQLStatement {
        SQLStatement(
            """
            WITH \(twice), \(free)
            SELECT lower(currency) AS currency, count(*) AS n, sum(amount)::bigint AS amount FROM (
                SELECT s.currency, s.amount
                \(matchedJoins(few))
                WHERE s.account = \(accountLiteral) AND s.status <> 'absent' AND NOT (s.id = ANY($1))
                    AND coalesce(\(agreesInAll), false)
                UNION ALL
                SELECT s.currency, s.amount
                FROM \(staged.name) s
                WHERE \(isAlone(nearlyNamed: 2)) AND \(isExplained)
            ) agreed GROUP BY 1
            """, lookalikes, nearlyNamed)
    }
}
