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
        case .nothing(let object): object == .invoice ? .orders : .charges
        }
    }

    /// What is listed at Stripe.
    var object: ListedObject {
        switch side {
        case .orders: .invoice
        case .charges: .paymentIntent
        case .nothing(let object): object
        }
    }

    var eventHints: EventHints {
        switch side {
        case .orders(let table): table.eventHints
        case .charges(let table): table.eventHints
        case .nothing: .none
        }
    }

    /// The join of what the run staged with the table.
    /// - Parameter ofAnyAge: also local rows that are not terminal and lie outside the run's period.
    func diff(_ run: Run, ofAnyAge: Bool) -> any Diff {
        switch side {
        case .orders(let table):
            InvoiceDiff(
                staged: staged(run), reversals: StagedReversals(runID: run.id), table: table, account: account,
                period: run.period, rules: invoiceRules(run.period.toSeconds), settleSeconds: settleSeconds,
                ofAnyAge: ofAnyAge)
        case .charges(let table):
            IntentDiff(
                staged: staged(run), reversals: StagedReversals(runID: run.id), table: table, account: account,
                period: run.period, rules: intentRules(run.period.toSeconds), settleSeconds: settleSeconds,
                ofAnyAge: ofAnyAge)
        case .nothing: DisposableDiff(staged: staged(run), account: account)
        }
    }

    func staged(_ run: Run) -> StagingTable { StagingTable(object, runID: run.id) }

    /// The judgement over one pair.
    /// - Parameter nowSeconds: the run's frozen upper bound.
    func classify(_ pair: Pair, nowSeconds: Int64) -> Verdict {
        switch pair {
        case .order(let pair): invoiceRules(nowSeconds).classify(pair)
        case .charge(let pair): intentRules(nowSeconds).classify(pair)
        case .notice, .payment: .agree
        }
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
        case .nothing: false
        }
    }

    /// SQL for the local state of a finding `f` as it is now, `NULL` where its row is gone.
    var localStateSQL: String {
        switch side {
        case .orders(let table): table.stateSQL
        case .charges(let table): table.stateSQL
        case .nothing: "NULL::text"
        }
    }
}
