import Credits
import Jobs
import PostgreSQL
import Reconciliation
import Store

/// One comparison of a run: the objects of an account on one side, a table on the other.
struct Subject: Sendable {
    /// The local side.
    enum Side: Sendable {
        case orders(OrderTable)
        case charges(ChargeTable)
        /// Finalized invoices and the notices of them. `canSend`: there is a way for mail.
        case notices(NoticeTable, canSend: Bool)
        case customers(CustomerTable)
        /// Payment intents, and the orders whose invoices they pay.
        case payments(OrderTable)
        /// No table: what expires of the account stands for itself.
        case nothing(ListedObject)
    }

    let account: String
    let side: Side
    /// The words of the job's `on`.
    let on: [FindingKind: Action]
    let staleAfterSeconds: Int64
    let settleSeconds: Int64

    /// How the findings are filed.
    var comparison: ComparisonName {
        switch side {
        case .orders: .orders
        case .charges: .charges
        case .notices: .notices
        case .customers: .customers
        case .payments: .payments
        case .nothing(let object): object == .invoice ? .orders : .charges
        }
    }

    /// What is listed at Stripe.
    var object: ListedObject {
        switch side {
        case .orders, .notices: .invoice
        case .charges, .customers, .payments: .paymentIntent
        case .nothing(let object): object
        }
    }

    var eventHints: EventHints {
        switch side {
        case .orders(let table): table.eventHints
        case .charges(let table): table.eventHints
        case .notices(let table, _): table.eventHints
        case .customers: CustomerTable.eventHints
        case .payments: OrderTable.paymentEventHints
        case .nothing: .none
        }
    }

    /// The join of what the run staged with the table.
    /// - Parameters:
    ///   - ofAnyAge: also local rows that are not terminal and lie outside the run's period.
    ///   - nowSeconds: what ages are counted to, the same as for ``classify(_:nowSeconds:)``.
    func diff(_ run: Run, ofAnyAge: Bool, nowSeconds: Int64) -> any Diff {
        switch side {
        case .orders(let table):
            InvoiceDiff(
                staged: staged(run), reversals: StagedReversals(runID: run.id), table: table, account: account,
                period: run.period, rules: invoiceRules(nowSeconds), settleSeconds: settleSeconds,
                ofAnyAge: ofAnyAge)
        case .charges(let table):
            IntentDiff(
                staged: staged(run), reversals: StagedReversals(runID: run.id), table: table, account: account,
                period: run.period, rules: intentRules(nowSeconds), settleSeconds: settleSeconds,
                ofAnyAge: ofAnyAge)
        case .notices(let table, let canSend):
            NoticeDiff(
                staged: staged(run), table: table, account: account,
                rules: noticeRules(nowSeconds, canSend: canSend))
        case .customers(let table):
            PaymentDiff(
                staged: staged(run), side: .customers(table), account: account, period: run.period,
                rules: paymentRules(nowSeconds))
        case .payments(let table):
            PaymentDiff(
                staged: staged(run), side: .orders(table), account: account, period: run.period,
                rules: paymentRules(nowSeconds))
        case .nothing: DisposableDiff(staged: staged(run), account: account)
        }
    }

    func staged(_ run: Run) -> StagingTable { StagingTable(object, runID: run.id) }

    /// The judgement over one pair.
    /// - Parameter nowSeconds: the run's frozen upper bound.
    func classify(_ pair: Pair, nowSeconds: Int64) -> Verdict {
        let verdict = judge(pair, nowSeconds: nowSeconds)
        guard case .nothing = side, let kind = verdict.kind else { return verdict }
        // The rules miss a local row, and there is no table that could have one.
        let days = max(0, nowSeconds - pair.createdSeconds) / 86_400
        let never = pair.stripeNoun == "invoice" ? "draft was never finalized" : "payment intent was never confirmed"
        return Verdict(kind, verdict.action(on: [:]), "The \(never) and is \(days) days old.")
    }

    private func judge(_ pair: Pair, nowSeconds: Int64) -> Verdict {
        switch pair {
        case .order(let pair): invoiceRules(nowSeconds).classify(pair)
        case .charge(let pair): intentRules(nowSeconds).classify(pair)
        case .notice(let pair):
            if case .notices(_, let canSend) = side {
                noticeRules(nowSeconds, canSend: canSend).classify(pair)
            } else {
                .agree
            }
        case .payment(let pair): paymentRules(nowSeconds).classify(pair)
        }
    }

    private func noticeRules(_ nowSeconds: Int64, canSend: Bool) -> NoticeRules {
        NoticeRules(nowSeconds: nowSeconds, settleSeconds: settleSeconds, canSend: canSend)
    }

    private func paymentRules(_ nowSeconds: Int64) -> PaymentRules {
        PaymentRules(nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds)
    }

    private func intentRules(_ nowSeconds: Int64) -> IntentRules {
        IntentRules(nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds)
    }

    private func invoiceRules(_ nowSeconds: Int64) -> InvoiceRules {
        InvoiceRules(
            nowSeconds: nowSeconds, staleAfterSeconds: staleAfterSeconds,
            creditPrice: CreditEffects.pricePerCreditCents)
    }

    /// Whether it matters what was taken back of the payments.
    var hasReversals: Bool {
        switch side {
        case .orders, .charges: true
        case .notices, .customers, .payments, .nothing: false
        }
    }

    /// Whether statements rest on it: credits are bought, or charges made.
    var isStated: Bool {
        switch side {
        case .orders, .charges: true
        case .notices, .customers, .payments, .nothing: false
        }
    }

    /// SQL for the local state of a finding `f` as it is now, `NULL` where its row is gone.
    var localStateSQL: String {
        switch side {
        case .orders(let table): table.stateSQL
        case .charges(let table): table.stateSQL
        case .notices(let table, _): table.stateSQL
        case .customers, .payments: "NULL::text"
        case .nothing: "NULL::text"
        }
    }

    /// When rows of a period were made that name listed objects, or were made at about the same time.
    func times(of period: Window, on connection: Connection) async throws -> RowTimes {
        switch side {
        case .orders(let table), .payments(let table): try await table.times(of: period, on: connection)
        case .charges(let table): try await table.times(of: period, on: connection)
        case .notices, .customers, .nothing: .none
        }
    }

    /// Where the rows of these objects lie among all rows, the newest first; ids that no row names are left out.
    /// - Parameter above: how many places newer the row is whose object is given beside each.
    func places(of ids: [String], above: Int, on connection: Connection) async throws -> [RowPlace] {
        switch side {
        case .orders(let table): try await table.places(of: ids, above: above, on: connection)
        case .charges(let table): try await table.places(of: ids, above: above, on: connection)
        // Their differences are about listed objects: no row names one that was not listed.
        case .notices, .customers, .payments, .nothing: []
        }
    }
}
