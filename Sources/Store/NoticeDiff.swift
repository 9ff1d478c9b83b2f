import PostgreSQL
import Reconciliation

/// The finalized invoices of one account that no notice was recorded of; ``NoticeRules`` judges them.
///
/// A row of the notices counts for the account that it names, or for any where it names none. The conditions here must
/// never leave an invoice out that the rules call a difference; the tests hold the two against each other.
public struct NoticeDiff: Diff {
    let staged: StagingTable
    let table: NoticeTable
    let account: String
    let rules: NoticeRules

    public init(staged: StagingTable, table: NoticeTable, account: String, rules: NoticeRules) {
        self.staged = staged
        self.table = table
        self.account = account
        self.rules = rules
    }

    private static let batch = 1_000

    public func unstaged(_ ids: [String], on connection: Connection) async throws -> [String] {
        try await staged.unstaged(ids, account: account, on: connection)
    }

    /// Walks all finalized invoices without a notice, in one snapshot. Every difference is about a staged invoice, so
    /// that neither `alsoRead` nor `alsoRows` adds any.
    public func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64], isLast: @escaping @Sendable () async -> Bool,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount {
        try await snapshot(on: connection) { connection in
            _ = try await connection.forEachBatch(
                of: Self.batch, unnoticedSQL, parameters: [account, rules.dueBeforeSeconds]
            ) { rows in
                try await visit(try rows.map(pair))
            }
            let counts = try await connection.query(countSQL, account)[0]
            return LocalCount(rows: try counts["local"], staged: try counts["staged"])
        }
    }

    /// Parameters: account, the second before which an invoice was finalized.
    private var unnoticedSQL: String {
        """
        SELECT s.id, s.status, s.created_seconds, s.currency, s.total, s.pre_payment_credit, s.post_payment_credit,
            s.customer, s.due_seconds, s.auto_advance, s.is_subscription, s.order_id, s.agency_id, s.paid_at_seconds,
            s.voided_at_seconds, s.finalized_at_seconds, s.payment_intent, s.request_id, s.is_fresh,
            a.id AS l_agency, coalesce(a.agencies, 0) AS agencies, a.email AS l_email
        FROM \(staged.name) s
        LEFT JOIN \(table.agenciesSQL) a ON a.customer = s.customer
        WHERE s.account = $1 AND s.status NOT IN ('\(StagingTable.absent)', 'draft', 'void')
          AND (s.finalized_at_seconds < $2 OR s.status NOT IN ('open', 'paid', 'uncollectible'))
          AND NOT EXISTS (SELECT FROM \(table.name) n
            WHERE n.\(table.id) = s.id AND coalesce(n.\(table.account), $1) = $1)
        """
    }

    /// Parameters: account.
    private var countSQL: String {
        """
        SELECT (SELECT count(*) FROM \(table.name) n WHERE coalesce(n.\(table.account), $1) = $1)::bigint AS local,
          (SELECT count(*) FROM \(staged.name) WHERE account = $1 AND status <> '\(StagingTable.absent)')::bigint
            AS staged
        """
    }

    private func pair(_ row: Row) throws -> DifferingPair {
        let invoice = InvoiceFacts(
            id: try row["id"], status: InvoiceStatus(try row["status"]), createdSeconds: try row["created_seconds"],
            currency: try row["currency"], total: try row["total"], prePaymentCredit: try row["pre_payment_credit"],
            postPaymentCredit: try row["post_payment_credit"], customer: try row["customer"],
            dueSeconds: try row["due_seconds"], autoAdvance: try row["auto_advance"],
            isSubscription: try row["is_subscription"], orderID: try row["order_id"], agencyID: try row["agency_id"],
            paidAtSeconds: try row["paid_at_seconds"], voidedAtSeconds: try row["voided_at_seconds"],
            finalizedAtSeconds: try row["finalized_at_seconds"], paymentIntent: try row["payment_intent"])
        let pair = NoticePair(
            stripe: invoice, isNoticed: false, agencyID: try row["l_agency"],
            agencies: Int(try row["agencies"] as Int64), email: try row["l_email"])
        return DifferingPair(
            account: account, pair: .notice(pair), requestID: try row["request_id"], isFresh: try row["is_fresh"])
    }
}
