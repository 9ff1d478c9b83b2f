import PostgreSQL
import Reconciliation

extension IntentDiff {
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

    /// Charges that more than one intent names which is not canceled.
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
    private var few: String { "(SELECT DISTINCT ON (charge_id) charge_id, intents FROM twice)" }

    /// Intents that a local row names exactly, less those that agree in everything.
    /// Parameters: stale before, ids with lookalikes.
    var matchedSQL: String {
        """
        WITH \(twice)
        SELECT \(stagedColumns), \(localColumns), \(facts)
        \(matchedJoins)
        WHERE s.account = \(accountLiteral) AND (s.id = ANY($2) OR NOT coalesce(\(agrees), false))
        """
    }

    /// The cells of the state table where both sides agree. Parameter 1: stale before.
    private var stateAgrees: String {
        let status = "l.\(table.status)"
        return """
            CASE
                WHEN s.status = 'succeeded' THEN \(status) = 'succeeded'
                WHEN s.status IN ('canceled', 'absent') THEN \(status) IN ('failed', 'canceled')
                WHEN s.status = 'requires_payment_method' AND s.has_failed THEN \(status) IN ('failed', 'canceled')
                WHEN s.status IN ('requires_payment_method', 'requires_confirmation')
                    THEN \(status) IN ('pending', 'failed', 'canceled')
                        AND (s.created_seconds >= $1 OR s.has_failed OR s.latest_charge IS NOT NULL
                            OR s.invoice_id IS NOT NULL OR s.has_checkout_session IS TRUE)
                WHEN s.status IN ('requires_action', 'requires_capture', 'processing')
                    THEN \(status) IN ('pending', 'failed')
                ELSE false END
            """
    }

    /// Intents with the rows that name them exactly.
    private var matchedJoins: String {
        """
        FROM \(staged.name) s
        JOIN \(table.name) l ON l.\(table.id) = s.id
        \(table.agencyJoin)
        LEFT JOIN \(few) t ON t.charge_id = s.charge_id
        LEFT JOIN \(reversals.byIntent(account: account)) r ON r.payment_intent = s.id
        """
    }

    /// Both sides agree in everything. Parameter 1: stale before.
    private var agrees: String {
        """
        (s.status = 'absent' OR (
            (s.currency = l.\(table.currency) OR s.currency = lower(l.\(table.currency)))
            AND s.amount = l.\(table.amount)
            AND (s.status <> 'succeeded' OR s.amount_received = s.amount)
            AND (s.charge_id IS NULL OR s.charge_id = l.\(table.key)::text)
            AND (s.agency_id IS NULL OR s.agency_id = l.\(table.agencyID)::text)
            AND (\(table.customer) IS NULL OR s.customer IS NOT DISTINCT FROM \(table.customer))
            AND t.charge_id IS NULL AND r.payment_intent IS NULL))
        AND \(stateAgrees)
        """
    }

    /// Intents in no difference, by currency: those that agree with the row that names them, those of invoices, and
    /// canceled ones that no row waits for. A class of its own, counted apart from what is visited: the control totals
    /// rest on it. Parameters: stale before, ids with lookalikes, ids that a row nearly names.
    var agreedSQL: String {
        """
        WITH \(twice), \(free)
        SELECT lower(currency) AS currency, count(*) AS n, sum(amount)::bigint AS amount FROM (
            SELECT s.currency, s.amount
            \(matchedJoins)
            WHERE s.account = \(accountLiteral) AND s.status <> 'absent' AND NOT (s.id = ANY($2))
                AND coalesce(\(agrees), false)
            UNION ALL
            SELECT s.currency, s.amount
            FROM \(staged.name) s
            WHERE s.account = \(accountLiteral) AND s.status <> 'absent'
                AND NOT EXISTS (SELECT FROM \(table.name) x WHERE x.\(table.id) = s.id) AND NOT (s.id = ANY($3))
                AND (s.invoice_id IS NOT NULL
                    OR (s.status = 'canceled' AND NOT EXISTS (SELECT FROM free f WHERE f.id = s.id)))
        ) agreed GROUP BY 1
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
                WHERE lower(btrim(x.\(table.id), \(Lookalikes.blanks))) = lower(n.id))
            ORDER BY n.charge_id, n.status = 'canceled', n.created_seconds DESC, n.id COLLATE "C" DESC)
        """
    }

    /// Intents that no local row names, exactly or nearly, with the charge that their metadata names. Those of
    /// invoices are explained by these. Parameters: ids that a row nearly names.
    var stripeOnlySQL: String {
        """
        WITH \(twice), \(free)
        SELECT \(stagedColumns), \(localColumns), \(facts), o.status AS other_status
        FROM \(staged.name) s
        LEFT JOIN \(table.name) l ON l.\(table.key)::text = s.charge_id
        \(table.agencyJoin)
        LEFT JOIN \(few) t ON t.charge_id = s.charge_id
        LEFT JOIN \(reversals.byIntent(account: account)) r ON r.payment_intent = s.id
        LEFT JOIN \(staged.name) o ON o.account = \(accountLiteral) AND o.id = l.\(table.id)
        LEFT JOIN free f ON f.id = s.id
        WHERE s.account = \(accountLiteral) AND s.status <> 'absent' AND s.invoice_id IS NULL
          AND NOT EXISTS (SELECT FROM \(table.name) x WHERE x.\(table.id) = s.id) AND NOT (s.id = ANY($1))
          AND (s.status <> 'canceled' OR f.id IS NOT NULL)
        """
    }

    /// Rows that no staged intent matches exactly: every one that can still change, of any age, those of the period,
    /// and those of findings that are still open. Parameters: from, to, settle seconds, ids and keys to look at.
    var localOnlySQL: String {
        """
        WITH \(free)
        SELECT \(stagedColumns), \(localColumns), s.id AS look_id, e.\(table.key)::bigint AS exact_row
        FROM \(table.name) l
        \(table.agencyJoin)
        LEFT JOIN \(staged.name) s ON s.account = \(accountLiteral) AND s.status <> 'absent'
            AND lower(s.id) = lower(btrim(l.\(table.id), \(Lookalikes.blanks)))
        LEFT JOIN \(table.name) e ON e.\(table.id) = s.id
        WHERE l.\(table.createdAt) < to_timestamp($2)
          AND (l.\(table.createdAt) >= to_timestamp($1) OR (\(ofAnyAge) AND \(table.isOpen)) OR l.\(table.id) = ANY($4)
            OR l.\(table.key) = ANY($5))
          AND (l.\(table.status) IS DISTINCT FROM 'canceled' OR s.id IS NOT NULL OR l.\(table.id) = ANY($4)
            OR l.\(table.key) = ANY($5))
          AND NOT EXISTS (SELECT FROM \(staged.name) x WHERE x.account = \(accountLiteral) AND x.id = l.\(table.id))
          AND (l.\(table.id) IS NOT NULL OR (l.\(table.createdAt) < to_timestamp($2 - $3)
            AND NOT EXISTS (SELECT FROM free WHERE free.charge_id = l.\(table.key)::text)))
        """
    }

    /// Parameters: from, to.
    var countSQL: String {
        """
        SELECT (SELECT count(*) FROM \(table.name) l WHERE l.\(table.createdAt) < to_timestamp($2)
            AND (l.\(table.createdAt) >= to_timestamp($1) OR (\(ofAnyAge) AND \(table.isOpen))))::bigint AS local,
          (SELECT count(*) FROM \(staged.name) WHERE account = \(accountLiteral) AND status <> 'absent')::bigint
            AS staged
        """
    }
}

// Rows to pairs.
extension IntentDiff {
    private func intent(_ row: Row) throws -> IntentFacts? {
        let word: String = try row["s_status"]
        guard word != StagingTable.absent else { return nil }
        return IntentFacts(
            id: try row["s_id"], status: IntentStatus(word), createdSeconds: try row["s_created"],
            currency: try row["s_currency"], amount: try row["s_amount"], amountReceived: try row["s_received"],
            customer: try row["s_customer"], invoiceID: try row["s_invoice"], latestCharge: try row["s_latest"],
            hasFailed: try row["s_failed"], hasCheckoutSession: try row["s_checkout"], chargeID: try row["s_charge"],
            agencyID: try row["s_agency"], orderID: try row["s_order"], canceledAtSeconds: try row["s_canceled_at"],
            chargedAtSeconds: try row["s_charged_at"])
    }

    private func charge(_ row: Row) throws -> ChargeFacts? {
        guard let key = try row["l_key"] as Int64? else { return nil }
        return ChargeFacts(
            rowID: key, intentID: try row["l_id"], agencyID: try row["l_agency"], amount: try row["l_amount"],
            currency: try row["l_currency"], status: ChargeStatus(try row["l_status"]),
            createdSeconds: try row["l_created"], customer: try row["l_customer"])
    }

    private func reversed(_ row: Row) throws -> Reversed {
        Reversed(refunded: try row["refunded"], disputed: try row["disputed"])
    }

    func matchedPair(_ row: Row, lookalikes: [String: [Int64]]) throws -> DifferingPair {
        let id: String = try row["s_id"]
        let pair = IntentPair(
            stripe: try intent(row), charge: try charge(row), otherRows: lookalikes[id] ?? [],
            liveIntentsOfCharge: Int(try row["live"] as Int64),
            reversed: try reversed(row))
        return DifferingPair(
            account: account, pair: .charge(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func stripeOnlyPair(_ row: Row) throws -> DifferingPair {
        let named = try charge(row)
        var pair = IntentPair(
            stripe: try intent(row), charge: nil, liveIntentsOfCharge: Int(try row["live"] as Int64),
            reversed: try reversed(row))
        if let named, let other = named.intentID, Lookalikes.areAlike(other, pair.stripe?.id) {
            // The row was not looked at by itself: it is of another time, or its object was read alone.
            pair.charge = named
            pair.link = .lookalike
        } else if let named, let other = named.intentID {
            let status: String? = try row["other_status"]
            let isDead = status == IntentStatus.canceled.word || status == StagingTable.absent
            if !isDead { pair.chargeLinkedTo = other }
        } else if let named {
            pair.charge = named
            pair.link = .metadata
        }
        return DifferingPair(
            account: account, pair: .charge(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func localOnlyPair(_ row: Row) throws -> DifferingPair {
        let charge = try charge(row)
        if let look = try row["look_id"] as String? {
            let exactRow: Int64? = try row["exact_row"]
            let pair = IntentPair(
                stripe: try intent(row), charge: charge, link: .lookalike, otherRows: exactRow.map { [$0] } ?? [])
            return DifferingPair(
                account: account, pair: .charge(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"],
                duplicates: exactRow == nil ? nil : look)
        }
        let pair = IntentPair(stripe: nil, charge: charge)
        return DifferingPair(
            account: account, pair: .charge(pair), requestID: nil, isFresh: false, unread: charge?.intentID)
    }
}
