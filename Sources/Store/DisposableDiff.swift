import PostgreSQL
import Reconciliation

/// What an account has staged that nobody may ever finish, where no local table stands for it: drafts, and intents that
/// were never confirmed.
public struct DisposableDiff: Diff {
    let staged: StagingTable
    let account: String

    public init(staged: StagingTable, account: String) {
        self.staged = staged
        self.account = account
    }

    public func unstaged(_ ids: [String], on connection: Connection) async throws -> [String] {
        try await staged.unstaged(ids, account: account, on: connection)
    }

    public func run(
        on connection: Connection, alsoRead: [String], alsoRows: [Int64], isLast: @escaping @Sendable () async -> Bool,
        _ visit: @escaping @Sendable ([DifferingPair]) async throws -> Void
    ) async throws -> LocalCount {
        try await connection.transaction(.repeatableRead, access: .readOnly) { connection in
            _ = try await connection.forEachBatch(of: 1_000, pairsSQL, parameters: [account]) { rows in
                try await visit(try rows.map(pair))
            }
            let count: Int64 = try await connection.query(
                "SELECT count(*) AS n FROM \(staged.name) WHERE account = $1 AND status <> '\(StagingTable.absent)'",
                account)[0]["n"]
            return LocalCount(rows: 0, staged: count)
        }
    }

    private var pairsSQL: String {
        switch staged.object {
        case .invoice: "SELECT * FROM \(staged.name) WHERE account = $1 AND status = 'draft' ORDER BY id"
        case .paymentIntent, .event, .invoicePayment:
            """
            SELECT * FROM \(staged.name) WHERE account = $1 AND latest_charge IS NULL AND NOT has_failed
                AND invoice_id IS NULL AND status IN ('requires_payment_method', 'requires_confirmation') ORDER BY id
            """
        }
    }

    private func pair(_ row: Row) throws -> DifferingPair {
        let pair: Pair =
            staged.object == .invoice
            ? .order(InvoicePair(stripe: try StagedInvoices.facts(row), order: nil))
            : .charge(IntentPair(stripe: try StagedIntents.facts(row), charge: nil))
        return DifferingPair(
            account: account, pair: pair, requestID: try row["request_id"], isFresh: try row["is_fresh"])
    }
}

extension StagedInvoices {
    /// A row of the staging table.
    static func facts(_ row: Row) throws -> InvoiceFacts {
        InvoiceFacts(
            id: try row["id"], status: InvoiceStatus(try row["status"]), createdSeconds: try row["created_seconds"],
            currency: try row["currency"], total: try row["total"], prePaymentCredit: try row["pre_payment_credit"],
            postPaymentCredit: try row["post_payment_credit"], customer: try row["customer"],
            dueSeconds: try row["due_seconds"], autoAdvance: try row["auto_advance"],
            isSubscription: try row["is_subscription"], orderID: try row["order_id"], agencyID: try row["agency_id"],
            paidAtSeconds: try row["paid_at_seconds"], voidedAtSeconds: try row["voided_at_seconds"],
            finalizedAtSeconds: try row["finalized_at_seconds"], paymentIntent: try row["payment_intent"])
    }
}

extension StagedIntents {
    /// A row of the staging table.
    static func facts(_ row: Row) throws -> IntentFacts {
        IntentFacts(
            id: try row["id"], status: IntentStatus(try row["status"]), createdSeconds: try row["created_seconds"],
            currency: try row["currency"], amount: try row["amount"], amountReceived: try row["amount_received"],
            customer: try row["customer"], invoiceID: try row["invoice_id"], latestCharge: try row["latest_charge"],
            hasFailed: try row["has_failed"], hasCheckoutSession: try row["has_checkout_session"],
            chargeID: try row["charge_id"], agencyID: try row["agency_id"], orderID: try row["order_id"],
            canceledAtSeconds: try row["canceled_at_seconds"], chargedAtSeconds: try row["charged_at_seconds"])
    }
}
