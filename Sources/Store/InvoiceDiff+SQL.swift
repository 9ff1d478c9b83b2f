import PostgreSQL
import Reconciliation

extension InvoiceDiff {
    static var name: String { "order_id" }
    static var isLive: String { "s.status IN ('draft', 'open', 'paid')" }
    static var amount: String { "coalesce(s.amount, s.total)" }

    static var finalWords: [String] { InvoiceStatus.terminal.map(\.word) }
    static var isPaid: String { "s.status = 'paid'" }
    static var paidAt: String { "paid_at_seconds" }
    static var payment: String { "s.payment_intent" }

    var local: LocalNames { table.local }

    private var stagedColumns: String {
        """
        s.id AS s_id, s.status AS s_status, s.created_seconds AS s_created, s.currency AS s_currency,
            s.total AS s_total, s.pre_payment_credit AS s_pre, s.post_payment_credit AS s_post,
            s.customer AS s_customer, s.due_seconds AS s_due, s.auto_advance AS s_auto, s.is_subscription AS s_sub,
            s.order_id AS s_order, s.agency_id AS s_agency, s.paid_at_seconds AS s_paid_at,
            s.voided_at_seconds AS s_voided_at, s.finalized_at_seconds AS s_finalized_at,
            s.payment_intent AS s_intent, s.request_id AS s_request, s.is_fresh AS s_fresh
        """
    }

    private var localColumns: String {
        """
        l.\(table.key)::bigint AS l_key, l.\(table.id)::text AS l_id,
            l.\(table.agencyID)::bigint AS l_agency, l.\(table.credits)::bigint AS l_credits,
            l.\(table.amount)::bigint AS l_amount, l.\(table.currency)::text AS l_currency,
            l.\(table.paid) AS l_paid, (l.\(table.cancelledAt) IS NOT NULL) AS l_cancelled,
            floor(extract(epoch FROM l.\(table.createdAt)))::bigint AS l_created, \(table.customer) AS l_customer
        """
    }

    private var facts: String {
        """
        coalesce(t.invoices, 1)::bigint AS live, coalesce(r.refunded, 0)::bigint AS refunded,
            coalesce(r.disputed, 0)::bigint AS disputed, coalesce(r.is_shared, false) AS is_shared
        """
    }

    private var accountLiteral: String { quoteLiteral(account) }

    /// Orders that draft, open or paid invoices name, as a part of WITH.
    /// - Parameter least: by how many invoices.
    private func named(least: Int) -> String {
        // In the order of bytes a sort compares eight of them at once, whatever the database's collation is.
        """
        named AS MATERIALIZED (
            SELECT (name COLLATE "default") AS order_id, count(*) AS invoices
            FROM (SELECT order_id COLLATE "C" AS name FROM \(staged.name)
                WHERE account = \(accountLiteral) AND order_id IS NOT NULL
                    AND status IN ('draft', 'open', 'paid')) listed
            GROUP BY name HAVING count(*) >= \(least))
        """
    }

    /// Those that several name are few, which the planner cannot know of a group with a condition; of distinct rows of
    /// a query that is stored it expects 200, and hashes these instead of all invoices.
    private var few: String { "(SELECT DISTINCT ON (order_id) order_id, invoices FROM named)" }

    /// The same as rows of two parameters, of which the first has this number.
    private func given(_ first: Int) -> String {
        "unnest($\(first)::text[], $\(first + 1)::bigint[])"
    }

    // MARK: - The outer join

    func sides(alsoRead: [String], alsoRows: [Int64], hasReversals: Bool) -> OuterJoin {
        let sums = reversals.byInvoice(account: account)
        let isReversed = hasReversals ? "r.invoice_id IS NOT NULL" : "false"
        return OuterJoin(
            staged: staged, account: account, name: Self.name, amount: Self.amount,
            rows: """
                SELECT l.*, l.\(table.key) AS trueup_key, l.\(table.id) AS trueup_id, \(isCounted) AS trueup_counts,
                    l.\(table.createdAt) < to_timestamp(\(period.fromSeconds)) AS trueup_is_older,
                    \(isLookedAt(ids: 1, keys: 2)) AND (l.\(table.id) IS NOT NULL
                        OR l.\(table.createdAt) < to_timestamp(\(period.toSeconds - settleSeconds)))
                        AS trueup_looked_at,
                    \(local.needed.isOdd) AS trueup_is_odd, \(local.needed.isShort) AS trueup_is_short
                FROM \(table.name) l
                """,
            // Joined last: what is hashed of a row stays narrow.
            joins: "\(table.agencyJoin) \(hasReversals ? "LEFT JOIN \(sums) r ON r.invoice_id = s.id" : "")",
            classes: """
                CASE WHEN l.trueup_is_odd
                        OR (l.trueup_is_short AND (s.id IS NOT NULL OR l.trueup_looked_at)) THEN 5
                    WHEN s.id IS NULL THEN CASE WHEN l.trueup_looked_at THEN 3 ELSE 9 END
                    WHEN l.trueup_key IS NULL THEN CASE WHEN s.status = 'absent' THEN 9
                        WHEN s.status NOT IN ('void', 'uncollectible') THEN 2
                        WHEN s.order_id IS NULL THEN 0 ELSE 4 END
                    WHEN NOT coalesce(\(agrees(isReversed: isReversed)), false) THEN 1
                    WHEN s.status = 'absent' THEN 9 ELSE 0 END
                """,
            parameters: [alsoRead, alsoRows])
    }

    /// A row `l` of the period, or an open one of any age.
    private var isCounted: String {
        """
        (l.\(table.createdAt) < to_timestamp(\(period.toSeconds))
            AND (l.\(table.createdAt) >= to_timestamp(\(period.fromSeconds))
                OR (\(ofAnyAge) AND NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NULL)))
        """
    }

    /// A row `l` that is compared, or that a finding is about.
    /// - Parameters: the numbers of the parameters with ids and keys of findings.
    private func isLookedAt(ids: Int, keys: Int) -> String {
        """
        (\(isCounted) OR (l.\(table.createdAt) < to_timestamp(\(period.toSeconds))
            AND (l.\(table.id) = ANY($\(ids)::text[]) OR l.\(table.key) = ANY($\(keys)::bigint[]))))
        """
    }

    func agrees(isReversed: String) -> String {
        let price = rules.creditPrice.map { price in
            "(l.\(table.amount) % \(price) = 0 AND l.\(table.amount) / \(price) = l.\(table.credits))"
        }
        return """
            (s.status = 'absent' OR (
                (s.currency = l.\(table.currency) OR s.currency = lower(l.\(table.currency)))
                AND (s.amount = l.\(table.amount) OR (s.status = 'draft' AND s.amount = 0))
                AND (s.order_id IS NULL OR s.order_id = l.\(table.key)::text)
                AND (s.agency_id IS NULL OR s.agency_id = l.\(table.agencyID)::text)
                AND (\(table.customer) IS NULL OR s.customer IS NOT DISTINCT FROM \(table.customer))
                AND \(price ?? "true")))
            AND CASE s.status
                WHEN 'paid' THEN l.\(table.paid) AND s.post_payment_credit = 0 AND NOT (\(isReversed))
                WHEN 'open' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NULL
                    AND (s.due_seconds IS NULL OR s.due_seconds >= \(rules.nowSeconds))
                WHEN 'draft' THEN NOT l.\(table.paid) AND (s.auto_advance OR s.is_subscription
                    OR \(rules.nowSeconds) - s.created_seconds <= \(rules.staleAfterSeconds))
                WHEN 'void' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NOT NULL
                WHEN 'uncollectible' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NOT NULL
                WHEN 'absent' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NOT NULL
                ELSE false END
            """
    }

    // MARK: - What differs

    func matched(among found: FoundObjects?, lookalikes: [String]) -> SQLStatement {
        let columns = """
            SELECT \(stagedColumns), \(localColumns), \(facts)
            """
        guard let found else {
            return SQLStatement(
                """
                WITH \(named(least: 2))
                \(columns)
                \(matchedJoins(few))
                WHERE s.account = \(accountLiteral) AND (s.id = ANY($1) OR NOT coalesce(\(agreesInAll), false))
                """, lookalikes)
        }
        return SQLStatement(
            """
            \(columns)
            \(matchedJoins("\(given(2)) AS t (order_id, invoices)"))
            WHERE \(FoundObjects.isAmong(1)) AND l.\(table.id) = ANY($4::text[])
            """, found.places, found.names, found.counts, found.ids)
    }

    /// Invoices with the rows that name them exactly.
    /// - Parameter named: orders with the number of live invoices that name them.
    private func matchedJoins(_ named: String) -> String {
        """
        FROM \(staged.name) s
        JOIN \(table.name) l ON l.\(table.id) = s.id
        \(table.agencyJoin)
        LEFT JOIN \(named)\(named == few ? " t" : "") ON t.order_id = s.order_id
        LEFT JOIN \(reversals.byInvoice(account: account)) r ON r.invoice_id = s.id
        """
    }

    private var agreesInAll: String {
        """
        (\(agrees(isReversed: "r.invoice_id IS NOT NULL"))
            AND (s.status = 'absent' OR t.order_id IS NULL))
        """
    }

    func stripeOnly(among found: FoundObjects?, nearlyNamed: [String]) -> SQLStatement {
        let columns = """
            SELECT \(stagedColumns), \(localColumns), \(facts), \(local.isShortRow) AS l_short,
                o.status AS other_status
            """
        let reversed = "LEFT JOIN \(reversals.byInvoice(account: account)) r ON r.invoice_id = s.id"
        guard let found else {
            return SQLStatement(
                """
                WITH \(named(least: 1))
                \(columns)
                FROM \(staged.name) s
                \(namedOrder)
                \(table.agencyJoin)
                LEFT JOIN \(staged.name) o ON o.account = \(accountLiteral) AND o.id = l.\(table.id)
                LEFT JOIN named t ON t.order_id = s.order_id
                \(reversed)
                WHERE \(isAlone(nearlyNamed: 1)) AND NOT \(isDead)
                """, nearlyNamed)
        }
        return SQLStatement(
            """
            \(columns)
            FROM \(staged.name) s
            \(namedOrder) AND l.\(table.key) = ANY($4::bigint[])
            \(table.agencyJoin)
            LEFT JOIN (SELECT id, status FROM \(staged.name) WHERE account = \(accountLiteral)
                AND id IN (SELECT unnest($5::text[]))) o ON o.id = l.\(table.id)
            LEFT JOIN \(given(2)) AS t (order_id, invoices) ON t.order_id = s.order_id
            \(reversed)
            WHERE \(FoundObjects.isAmong(1)) AND s.status <> 'absent' AND NOT \(isDead)
            """, found.places, found.names, found.counts, found.namedKeys, found.namedIDs)
    }

    /// The order that the metadata of an invoice `s` names.
    private var namedOrder: String {
        """
        LEFT JOIN \(table.name) l ON l.\(table.key) =
            CASE WHEN s.order_id ~ '^[1-9][0-9]{0,17}$' THEN s.order_id::bigint END
        """
    }

    /// An invoice `s` without a row, of which the row that it names, `l`, is not waiting; `t`: other invoices for it.
    private var isDead: String {
        """
        (s.status IN ('void', 'uncollectible')
            AND (l.\(table.key) IS NULL OR l.\(table.id) IS NOT NULL OR t.order_id IS NOT NULL))
        """
    }

    /// No row names the invoice `s`, exactly or nearly.
    private func isAlone(nearlyNamed number: Int) -> String {
        """
        s.account = \(accountLiteral) AND s.status <> 'absent'
            AND NOT EXISTS (SELECT FROM \(table.name) x WHERE x.\(table.id) = s.id) AND NOT (s.id = ANY($\(number)))
        """
    }

    /// A row `l` that Trueup placed and that has no invoice yet: the note of the caller's key and the row were made in
    /// one transaction.
    private var isPlacedHere: String {
        """
        (l.\(table.id) IS NULL AND EXISTS (SELECT FROM trueup.client_request q
            WHERE q.kind = 'order' AND q.row_id = l.\(table.key) AND q.agency_id = l.\(table.agencyID)
                AND q.created_at BETWEEN l.\(table.createdAt) - interval '1 second'
                    AND l.\(table.createdAt) + interval '1 second'))
        """
    }

    func localOnly(alsoRead: [String], alsoRows: [Int64], among found: FoundRows?) -> SQLStatement {
        let columns = """
            SELECT \(stagedColumns), \(localColumns), s.id AS look_id, e.\(table.key)::bigint AS exact_row,
                \(isPlacedHere) AS l_placed
            FROM \(table.name) l
            \(table.agencyJoin)
            """
        let isWaiting = """
            (l.\(table.cancelledAt) IS NULL OR l.\(table.paid) OR s.id IS NOT NULL OR l.\(table.id) = ANY($1)
                OR l.\(table.key) = ANY($2))
            """
        guard let found else {
            return SQLStatement(
                """
                \(columns)
                LEFT JOIN \(staged.name) s ON s.account = \(accountLiteral) AND s.status <> 'absent'
                    AND \(Lookalikes.plain("s.id")) = \(Lookalikes.plain("l.\(table.id)"))
                LEFT JOIN \(table.name) e ON e.\(table.id) = s.id
                WHERE \(isLookedAt(ids: 1, keys: 2)) AND \(isWaiting)
                  AND NOT EXISTS (SELECT FROM \(staged.name) x
                    WHERE x.account = \(accountLiteral) AND x.id = l.\(table.id))
                  AND (l.\(table.id) IS NOT NULL
                    OR l.\(table.createdAt) < to_timestamp(\(period.toSeconds - settleSeconds)))
                  AND NOT EXISTS (SELECT FROM \(staged.name) n WHERE l.\(table.id) IS NULL
                    AND n.account = \(accountLiteral) AND n.order_id = l.\(table.key)::text AND n.status <> 'absent')
                """, alsoRead, alsoRows)
        }
        return SQLStatement(
            """
            \(columns)
            LEFT JOIN (SELECT s.* FROM \(staged.name) s WHERE \(FoundObjects.isAmong(4))) s
                ON \(Lookalikes.plain("s.id")) = \(Lookalikes.plain("l.\(table.id)"))
            LEFT JOIN (SELECT * FROM \(table.name) WHERE \(table.id) = ANY($5::text[])) e ON e.\(table.id) = s.id
            LEFT JOIN (SELECT DISTINCT order_id FROM \(staged.name)
                WHERE account = \(accountLiteral) AND status <> 'absent'
                    AND order_id IN (SELECT unnest($6::bigint[])::text)) n
                ON l.\(table.id) IS NULL AND n.order_id = l.\(table.key)::text
            WHERE l.\(table.key) = ANY($3::bigint[]) AND \(isWaiting) AND n.order_id IS NULL
            """, alsoRead, alsoRows, found.keys, found.lookPlaces, found.lookIDs, found.unlinked)
    }

    // MARK: - What agrees

    func agreedAlone(among found: FoundObjects) -> SQLStatement {
        SQLStatement(
            """
            SELECT lower(s.currency) AS currency, count(*) AS n, sum(\(Self.amount))::bigint AS amount
            FROM \(staged.name) s
            \(namedOrder)
            LEFT JOIN \(given(2)) AS t (order_id, invoices) ON t.order_id = s.order_id
            WHERE \(FoundObjects.isAmong(1)) AND \(isDead) GROUP BY 1
            """, found.places, found.names, found.counts)
    }

    /// Those that agree with the row that names them, and dead ones that no row waits for. A class of its own, counted
    /// apart from what is visited: the control totals rest on it.
    func agreed(lookalikes: [String], nearlyNamed: [String]) -> SQLStatement {
        SQLStatement(
            """
            WITH \(named(least: 1))
            SELECT lower(currency) AS currency, count(*) AS n, sum(amount)::bigint AS amount FROM (
                SELECT s.currency, \(Self.amount) AS amount
                \(matchedJoins("(SELECT order_id FROM named WHERE invoices > 1) t"))
                WHERE s.account = \(accountLiteral) AND s.status <> 'absent' AND NOT (s.id = ANY($1))
                    AND coalesce(\(agreesInAll), false)
                UNION ALL
                SELECT s.currency, \(Self.amount)
                FROM \(staged.name) s
                \(namedOrder)
                LEFT JOIN named t ON t.order_id = s.order_id
                WHERE \(isAlone(nearlyNamed: 2)) AND \(isDead)
            ) agreed GROUP BY 1
            """, lookalikes, nearlyNamed)
    }
}
