import PostgreSQL
import Reconciliation

extension InvoiceDiff {
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

    private func localColumns(_ alias: String, customer: String) -> String {
        """
        \(alias).\(table.key)::bigint AS l_key, \(alias).\(table.id)::text AS l_id,
            \(alias).\(table.agencyID)::bigint AS l_agency, \(alias).\(table.credits)::bigint AS l_credits,
            \(alias).\(table.amount)::bigint AS l_amount, \(alias).\(table.currency)::text AS l_currency,
            \(alias).\(table.paid) AS l_paid, (\(alias).\(table.cancelledAt) IS NOT NULL) AS l_cancelled,
            floor(extract(epoch FROM \(alias).\(table.createdAt)))::bigint AS l_created, \(customer) AS l_customer
        """
    }

    /// Orders that more than one draft, open or paid invoice names.
    private var twice: String {
        // In the order of bytes a sort compares eight of them at once, whatever the database's collation is.
        """
        WITH twice AS MATERIALIZED (
            SELECT (name COLLATE "default") AS order_id, count(*) AS invoices
            FROM (SELECT order_id COLLATE "C" AS name FROM \(staged.name)
                WHERE account = \(accountLiteral) AND order_id IS NOT NULL
                    AND status IN ('draft', 'open', 'paid')) named
            GROUP BY name HAVING count(*) > 1)
        """
    }

    /// They are few, which the planner cannot know of a group with a condition; of distinct rows of a query that is
    /// stored it expects 200, and hashes these instead of all invoices.
    private var few: String { "(SELECT DISTINCT ON (order_id) order_id, invoices FROM twice)" }

    private var accountLiteral: String { "'" + account.replacing("'", with: "''") + "'" }

    /// Invoices that a local row names exactly, less those that agree in everything.
    /// Parameters: now, stale after, credit price, ids with lookalikes.
    var matchedSQL: String {
        """
        \(twice)
        SELECT \(stagedColumns), \(localColumns("l", customer: table.customer)),
            coalesce(t.invoices, 1)::bigint AS live, coalesce(r.refunded, 0) AS refunded,
            coalesce(r.disputed, 0) AS disputed
        FROM \(staged.name) s
        JOIN \(table.name) l ON l.\(table.id) = s.id
        \(table.agencyJoin)
        LEFT JOIN \(few) t ON t.order_id = s.order_id
        LEFT JOIN \(reversals.byInvoice(account: account)) r ON r.invoice_id = s.id
        WHERE s.account = \(accountLiteral) AND (s.id = ANY($4) OR NOT coalesce(
            (s.status = 'absent' OR (
                (s.currency = l.\(table.currency) OR s.currency = lower(l.\(table.currency)))
                AND (s.amount = l.\(table.amount) OR (s.status = 'draft' AND s.amount = 0))
                AND (s.order_id IS NULL OR s.order_id = l.\(table.key)::text)
                AND (s.agency_id IS NULL OR s.agency_id = l.\(table.agencyID)::text)
                AND (\(table.customer) IS NULL OR s.customer IS NOT DISTINCT FROM \(table.customer))
                AND ($3::bigint IS NULL OR (l.\(table.amount) % $3 = 0 AND l.\(table.amount) / $3 = l.\(table.credits)))
                AND t.order_id IS NULL))
            AND CASE s.status
                WHEN 'paid' THEN l.\(table.paid) AND s.post_payment_credit = 0 AND r.invoice_id IS NULL
                WHEN 'open' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NULL
                    AND (s.due_seconds IS NULL OR s.due_seconds >= $1)
                WHEN 'draft' THEN NOT l.\(table.paid)
                    AND (s.auto_advance OR s.is_subscription OR $1 - s.created_seconds <= $2)
                WHEN 'void' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NOT NULL
                WHEN 'uncollectible' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NOT NULL
                WHEN 'absent' THEN NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NOT NULL
                ELSE false END, false))
        """
    }

    /// Invoices that no local row names, exactly or nearly, with the order that their metadata names.
    /// Parameters: ids that a row nearly names.
    var stripeOnlySQL: String {
        """
        \(twice)
        SELECT \(stagedColumns), \(localColumns("l", customer: table.customer)),
            coalesce(t.invoices, 1)::bigint AS live,
            (SELECT o.status FROM \(staged.name) o WHERE o.account = \(accountLiteral)
                AND o.id = l.\(table.id) LIMIT 1) AS other_status
        FROM \(staged.name) s
        LEFT JOIN \(table.name) l ON l.\(table.key) =
            CASE WHEN s.order_id ~ '^[1-9][0-9]{0,17}$' THEN s.order_id::bigint END
        \(table.agencyJoin)
        LEFT JOIN \(few) t ON t.order_id = s.order_id
        WHERE s.account = \(accountLiteral) AND s.status <> 'absent'
          AND NOT EXISTS (SELECT FROM \(table.name) x WHERE x.\(table.id) = s.id) AND NOT (s.id = ANY($1))
          AND (s.status NOT IN ('void', 'uncollectible') OR (l.\(table.key) IS NOT NULL AND l.\(table.id) IS NULL
            AND s.order_id NOT IN (SELECT v.order_id FROM \(staged.name) v
                WHERE v.account = \(accountLiteral) AND v.order_id IS NOT NULL
                    AND v.status IN ('draft', 'open', 'paid'))))
        """
    }

    /// Rows that no staged invoice matches exactly: every open one of any age, those of the period, and those of
    /// findings that are still open. Parameters: from, to, settle seconds, ids and keys to look at.
    var localOnlySQL: String {
        """
        SELECT \(stagedColumns), \(localColumns("l", customer: table.customer)), s.id AS look_id,
            (SELECT e.\(table.key) FROM \(table.name) e WHERE e.\(table.id) = s.id LIMIT 1)::bigint AS exact_row
        FROM \(table.name) l
        \(table.agencyJoin)
        LEFT JOIN \(staged.name) s ON s.account = \(accountLiteral) AND s.status <> 'absent'
            AND lower(s.id) = lower(btrim(l.\(table.id), \(Lookalikes.blanks)))
        WHERE l.\(table.createdAt) < to_timestamp($2)
          AND (l.\(table.createdAt) >= to_timestamp($1)
            OR (\(ofAnyAge) AND NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NULL)
            OR l.\(table.id) = ANY($4) OR l.\(table.key) = ANY($5))
          AND (l.\(table.cancelledAt) IS NULL OR l.\(table.paid) OR s.id IS NOT NULL OR l.\(table.id) = ANY($4)
            OR l.\(table.key) = ANY($5))
          AND NOT EXISTS (SELECT FROM \(staged.name) x WHERE x.account = \(accountLiteral) AND x.id = l.\(table.id))
          AND (l.\(table.id) IS NOT NULL OR l.\(table.createdAt) < to_timestamp($2 - $3))
          AND NOT EXISTS (SELECT FROM \(staged.name) n WHERE l.\(table.id) IS NULL
            AND n.account = \(accountLiteral) AND n.order_id = l.\(table.key)::text AND n.status <> 'absent')
        """
    }

    /// Parameters: from, to.
    var countSQL: String {
        """
        SELECT (SELECT count(*) FROM \(table.name) l WHERE l.\(table.createdAt) < to_timestamp($2)
            AND (l.\(table.createdAt) >= to_timestamp($1)
                OR (\(ofAnyAge) AND NOT l.\(table.paid) AND l.\(table.cancelledAt) IS NULL)))::bigint AS local,
          (SELECT count(*) FROM \(staged.name) WHERE account = \(accountLiteral) AND status <> 'absent')::bigint
            AS staged
        """
    }
}

// Rows to pairs.
extension InvoiceDiff {
    private func invoice(_ row: Row) throws -> InvoiceFacts? {
        let word: String = try row["s_status"]
        guard word != StagingTable.absent else { return nil }
        return InvoiceFacts(
            id: try row["s_id"], status: InvoiceStatus(word), createdSeconds: try row["s_created"],
            currency: try row["s_currency"], total: try row["s_total"], prePaymentCredit: try row["s_pre"],
            postPaymentCredit: try row["s_post"], customer: try row["s_customer"], dueSeconds: try row["s_due"],
            autoAdvance: try row["s_auto"], isSubscription: try row["s_sub"], orderID: try row["s_order"],
            agencyID: try row["s_agency"], paidAtSeconds: try row["s_paid_at"],
            voidedAtSeconds: try row["s_voided_at"], finalizedAtSeconds: try row["s_finalized_at"],
            paymentIntent: try row["s_intent"])
    }

    private func order(_ row: Row) throws -> OrderFacts? {
        guard let key = try row["l_key"] as Int64? else { return nil }
        return OrderFacts(
            rowID: key, invoiceID: try row["l_id"], agencyID: try row["l_agency"], credits: try row["l_credits"],
            amount: try row["l_amount"], currency: try row["l_currency"], paid: try row["l_paid"],
            isCancelled: try row["l_cancelled"], createdSeconds: try row["l_created"], customer: try row["l_customer"])
    }

    func matchedPair(_ row: Row, lookalikes: [String: [Int64]]) throws -> DifferingPair {
        let id: String = try row["s_id"]
        return DifferingPair(
            account: account,
            pair: .order(
                InvoicePair(
                    stripe: try invoice(row), order: try order(row), otherRows: lookalikes[id] ?? [],
                    liveInvoicesOfOrder: Int(try row["live"] as Int64),
                    reversed: Reversed(refunded: try row["refunded"], disputed: try row["disputed"]))),
            requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func stripeOnlyPair(_ row: Row) throws -> DifferingPair {
        let named = try order(row)
        var pair = InvoicePair(
            stripe: try invoice(row), order: nil, liveInvoicesOfOrder: Int(try row["live"] as Int64))
        if let named, let other = named.invoiceID, Lookalikes.areAlike(other, pair.stripe?.id) {
            // The row was not looked at by itself: it is of another time, or its object was read alone.
            pair.order = named
            pair.link = .lookalike
        } else if let named, let other = named.invoiceID {
            let status: String? = try row["other_status"]
            let isDead = status == "void" || status == "uncollectible" || status == StagingTable.absent
            if !isDead { pair.orderLinkedTo = other }
        } else if let named {
            pair.order = named
            pair.link = .metadata
        }
        return DifferingPair(
            account: account, pair: .order(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    func localOnlyPair(_ row: Row) throws -> DifferingPair {
        let order = try order(row)
        if let look = try row["look_id"] as String? {
            let exactRow: Int64? = try row["exact_row"]
            let pair = InvoicePair(
                stripe: try invoice(row), order: order, link: .lookalike, otherRows: exactRow.map { [$0] } ?? [])
            return DifferingPair(
                account: account, pair: .order(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"],
                duplicates: exactRow == nil ? nil : look)
        }
        let pair = InvoicePair(stripe: nil, order: order)
        return DifferingPair(
            account: account, pair: .order(pair), requestID: nil, isFresh: false, unread: order?.invoiceID)
    }
}
