import PostgreSQL
import Reconciliation

/// The payment intents of one account that nothing local explains, or that pay an invoice otherwise than its order
/// says; ``PaymentRules`` judges them.
///
/// The conditions here must never leave an intent out that the rules call a difference; the tests hold the two against
/// each other.
public struct PaymentDiff: Diff {
    /// Where the explanation is looked for.
    public enum Side: Sendable, Hashable {
        /// Every payment is a known customer's.
        case customers(CustomerTable)
        /// Every payment is for a credit order's invoice.
        case orders(OrderTable)
    }

    let staged: StagingTable
    let side: Side
    let account: String
    let period: Window
    let rules: PaymentRules

    public init(staged: StagingTable, side: Side, account: String, period: Window, rules: PaymentRules) {
        self.staged = staged
        self.side = side
        self.account = account
        self.period = period
        self.rules = rules
    }

    private static let batch = 1_000

    public func unstaged(_ ids: [String], on connection: Connection) async throws -> [String] {
        try await staged.unstaged(ids, account: account, on: connection)
    }

    /// Walks all intents that may differ, in one snapshot. Every difference is about a staged intent, so that neither
    /// `alsoRead` nor `alsoRows` adds any.
    public func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64], isLast: @escaping @Sendable () async -> Bool,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount {
        try await snapshot(on: connection) { connection in
            switch side {
            case .customers(let table):
                _ = try await connection.forEachBatch(
                    of: Self.batch, customersSQL(table), parameters: [account]
                ) { rows in
                    try await visit(try rows.map(pair))
                }
            case .orders(let table):
                let statement = SQLStatement(ordersSQL(table), account, rules.staleBeforeSeconds)
                try await table.local.eachWhole(of: Self.batch, statement, on: connection) { rows in
                    try await visit(try rows.map(pair))
                }
            }
            let staged: Int64 = try await connection.query(
                "SELECT count(*)::bigint AS n FROM \(staged.name) WHERE account = $1 AND status <> $2", account,
                StagingTable.absent)[0]["n"]
            return LocalCount(rows: try await localRows(on: connection), staged: staged)
        }
    }

    private static let intentColumns = """
        s.id AS s_id, s.status AS s_status, s.created_seconds AS s_created, s.currency AS s_currency,
            s.amount AS s_amount, s.amount_received AS s_received, s.customer AS s_customer,
            s.invoice_id AS s_invoice, s.latest_charge AS s_charge, s.has_failed AS s_failed,
            s.has_checkout_session AS s_session, s.charge_id AS s_charge_id, s.agency_id AS s_agency,
            s.order_id AS s_order, s.canceled_at_seconds AS s_canceled_at, s.charged_at_seconds AS s_charged_at,
            s.request_id AS s_request, s.is_fresh AS s_fresh
        """

    /// A status that this version does not know is always looked at.
    private static let isUnknown = """
        s.status NOT IN ('requires_payment_method', 'requires_confirmation', 'requires_action', 'requires_capture',
            'processing', 'canceled', 'succeeded')
        """

    /// Intents whose customer no row has. Parameters: account.
    private func customersSQL(_ table: CustomerTable) -> String {
        """
        SELECT \(Self.intentColumns), c.customer AS l_id
        FROM \(staged.name) s
        LEFT JOIN (SELECT DISTINCT \(table.customer)::text AS customer FROM \(table.name)) c
            ON c.customer = s.customer
        WHERE s.account = $1 AND s.status <> '\(StagingTable.absent)'
          AND (\(Self.isUnknown) OR (s.invoice_id IS NULL AND s.status <> 'canceled' AND c.customer IS NULL))
        """
    }

    /// Intents with the orders of the invoices that they pay, less those that agree in everything.
    /// Parameters: account, the second before which a never-confirmed intent is stale.
    private func ordersSQL(_ table: OrderTable) -> String {
        """
        WITH twice AS MATERIALIZED (
            SELECT invoice_id, count(*)::bigint AS intents FROM \(staged.name)
            WHERE account = $1 AND status = 'succeeded' AND invoice_id IS NOT NULL
            GROUP BY invoice_id HAVING count(*) > 1)
        SELECT \(Self.intentColumns), coalesce(t.intents, 1) AS succeeded, l.\(table.key)::text AS l_id,
            l.\(table.key)::bigint AS l_key, l.\(table.id)::text AS l_invoice, l.\(table.agencyID)::bigint AS l_agency,
            l.\(table.credits)::bigint AS l_credits, l.\(table.amount)::bigint AS l_amount,
            l.\(table.currency)::text AS l_currency, l.\(table.paid) AS l_paid,
            (l.\(table.cancelledAt) IS NOT NULL) AS l_cancelled,
            CASE WHEN isfinite(l.\(table.createdAt)) THEN floor(extract(epoch FROM l.\(table.createdAt)))::bigint END
                AS l_created, \(table.customer) AS l_customer, \(table.local.isShortRow) AS l_short
        FROM \(staged.name) s
        LEFT JOIN \(table.name) l ON l.\(table.id) = s.invoice_id
        \(table.agencyJoin)
        LEFT JOIN twice t ON t.invoice_id = s.invoice_id
        WHERE s.account = $1 AND s.status <> '\(StagingTable.absent)' AND (\(Self.isUnknown)
          OR (s.invoice_id IS NOT NULL AND s.status = 'succeeded' AND (t.invoice_id IS NOT NULL
            OR (l.\(table.key) IS NOT NULL AND NOT coalesce(
                lower(s.currency) = lower(l.\(table.currency)) AND s.amount_received = l.\(table.amount), false))))
          OR (s.invoice_id IS NULL AND (s.status IN ('succeeded', 'processing', 'requires_capture')
            OR (s.status IN ('requires_payment_method', 'requires_confirmation') AND s.created_seconds < $2
                AND s.latest_charge IS NULL AND NOT s.has_failed AND s.has_checkout_session IS NOT TRUE))))
        """
    }

    private func localRows(on connection: Connection) async throws -> Int64 {
        switch side {
        case .customers(let table):
            try await connection.query("SELECT count(*)::bigint AS n FROM \(table.name)")[0]["n"]
        case .orders(let table):
            try await connection.query(
                """
                SELECT count(*)::bigint AS n FROM \(table.name) l
                WHERE l.\(table.createdAt) >= to_timestamp($1) AND l.\(table.createdAt) < to_timestamp($2)
                """, period.fromSeconds, period.toSeconds)[0]["n"]
        }
    }

    private func pair(_ row: Row) throws -> DifferingPair {
        var pair = PaymentPair(
            explains: .customer, stripe: try Self.intent(row), localID: try row["l_id"])
        if case .orders = side {
            pair.explains = .order
            pair.order = try Self.order(row)
            pair.succeededOfInvoice = Int(try row["succeeded"] as Int64)
        }
        return DifferingPair(
            account: account, pair: .payment(pair), requestID: try row["s_request"], isFresh: try row["s_fresh"])
    }

    private static func intent(_ row: Row) throws -> IntentFacts {
        IntentFacts(
            id: try row["s_id"], status: IntentStatus(try row["s_status"]), createdSeconds: try row["s_created"],
            currency: try row["s_currency"], amount: try row["s_amount"], amountReceived: try row["s_received"],
            customer: try row["s_customer"], invoiceID: try row["s_invoice"], latestCharge: try row["s_charge"],
            hasFailed: try row["s_failed"], hasCheckoutSession: try row["s_session"], chargeID: try row["s_charge_id"],
            agencyID: try row["s_agency"], orderID: try row["s_order"], canceledAtSeconds: try row["s_canceled_at"],
            chargedAtSeconds: try row["s_charged_at"])
    }

    private static func order(_ row: Row) throws -> OrderFacts? {
        guard let key = try row["l_key"] as Int64? else { return nil }
        return OrderFacts(
            rowID: key, invoiceID: try row["l_invoice"], agencyID: try row["l_agency"], credits: try row["l_credits"],
            amount: try row["l_amount"], currency: try row["l_currency"], paid: try row["l_paid"],
            isCancelled: try row["l_cancelled"], createdSeconds: try row["l_created"], customer: try row["l_customer"])
    }
}
