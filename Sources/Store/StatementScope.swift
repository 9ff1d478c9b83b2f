import PostgreSQL
import Reconciliation

/// What a statement is about: the half-open period `[fromSeconds, cutOffSeconds)`, and whose findings explain it.
public struct StatementScope: Sendable, Hashable {
    /// The report's name among the stored ones: its last report, its last signed one and its trend are looked up by it.
    public var job: String
    /// Unix seconds: what happened at or after it is left out.
    public var cutOffSeconds: Int64
    /// Unix seconds. `nil`: from the cut-off of the last signed report, or from the beginning where none was signed.
    public var fromSeconds: Int64?
    /// Unix seconds: from then on Stripe's lists have to be read, or from an older row; `nil`: from the beginning of
    /// Stripe.
    public var historyFromSeconds: Int64?
    /// The credit orders, as the catalog has them.
    public var orders: OrderTable
    /// Jobs that compare credit orders with invoices.
    public var creditJobs: [String]
    /// Jobs that compare `agency_charge` with payment intents.
    public var chargeJobs: [String]
    /// The accounts whose invoices the orders are compared with.
    public var creditAccounts: [String]
    /// The accounts whose payment intents the charges are compared with.
    public var chargeAccounts: [String]
    /// Further jobs whose findings are listed and move neither credits nor charges.
    public var otherJobs: [String]
    /// Whether credits are stated; without them the statement has charges alone.
    public var statesCredits: Bool
    /// The accounts that the statement is narrowed to; empty: all.
    public var accounts: [String]
    /// The runs that the statement rests on.
    public var runIDs: [Int64]
    /// What one credit costs, in cents of USD: how many credits an invoice without an order stands for.
    public var creditPriceCents: Int64

    public init(
        job: String, cutOffSeconds: Int64, fromSeconds: Int64? = nil, historyFromSeconds: Int64? = nil,
        orders: OrderTable, creditJobs: [String],
        chargeJobs: [String] = [], creditAccounts: [String] = [], chargeAccounts: [String] = [],
        otherJobs: [String] = [], statesCredits: Bool = true, accounts: [String] = [], runIDs: [Int64] = [],
        creditPriceCents: Int64
    ) {
        self.job = job
        self.cutOffSeconds = cutOffSeconds
        self.fromSeconds = fromSeconds
        self.historyFromSeconds = historyFromSeconds
        self.orders = orders
        self.creditJobs = creditJobs
        self.chargeJobs = chargeJobs
        self.creditAccounts = creditAccounts
        self.chargeAccounts = chargeAccounts
        self.otherJobs = otherJobs
        self.statesCredits = statesCredits
        self.accounts = accounts
        self.runIDs = runIDs
        self.creditPriceCents = creditPriceCents
    }

    var jobs: [String] { creditJobs + chargeJobs + otherJobs }
}

/// The figures behind a statement, all of one snapshot.
public struct StatementFigures: Sendable, Hashable {
    /// The start of the period as it was used; `nil`: from the beginning.
    public var fromSeconds: Int64?
    /// By agency id.
    public var agencies: [AgencyActivity] = []
    public var charges: [ChargeActivity] = []
    /// Open and accepted findings about what happened before the cut-off, by id.
    public var items: [StatementFinding] = []
    /// What was closed since the last report, by id.
    public var resolved: [ResolvedFinding] = []
    /// Items that the last report stated, that are not closed and that this one counts no more: the job file ignores
    /// them, or another item is about the same fact. By id.
    public var uncounted: [StatementFinding] = []
    /// What was repaired since the last report, the oldest first.
    public var repairs: [Repair] = []
    /// Figures of the last signed report that are others today.
    public var changedSinceSignOff: [ChangedFigure] = []
    /// From when on each part that is stated needs Stripe's lists.
    public var history: [StatementItem.Scope: HistoryStart] = [:]
    /// What no complete run has read of the time that the statement is about.
    public var unread: [UnreadTime] = []
    /// The newest of the facts that are stated, Unix seconds; `nil` where there is none.
    public var newestSeconds: Int64?
    public var controls: [ControlTotals] = []
    /// What was paid before the cut-off, by part, side, currency and the run that it was read by.
    public var ties: [StatementTie] = []
    /// Sums from the beginning to the cut-off, to be kept with the report.
    public var cumulative: [CumulativeLine] = []
    /// How many rows of each table are summed, by the table's plain name.
    public var rowsRead: [String: Int64] = [:]
    /// The runs that it rests on, by id.
    public var runs: [RestedRun] = []
    /// What these runs read at Stripe, counted when each ended.
    public var readByRuns: [RunControl] = []
    /// The last report with an earlier cut-off.
    public var previous: StoredReport?
    public var previousItems: [PreviousItem] = []
    /// Items of the last report that are open still and that this one does not state, because it leaves their job out:
    /// how many, by job.
    public var leftOut: [String: Int] = [:]
    /// Open findings of jobs that the statement leaves out, by job, about what no item of it is about.
    public var unstated: [String: Int64] = [:]
    /// Since which time of `created` the last runs of the jobs that are only listed have read, Unix seconds; `nil` for
    /// one that read nothing before the cut-off.
    public var readSince: [String: Int64?] = [:]
    /// The last report with an earlier cut-off that a preparer and a reviewer signed.
    public var signed: StoredReport?
    /// Earlier reports, one for each cut-off, the oldest first; at most 29.
    public var trend: [StoredReport] = []

    public init() {}
}

/// One agency's sums from the beginning to the cut-off, in credits.
public struct CumulativeLine: Sendable, Hashable {
    public let agencyID: Int64?
    public let boughtAtStripe: Int64
    public let boughtLocally: Int64
    public let consumed: Int64
    public let adjustments: Int64
}

/// A figure of the signed report that is another today.
public struct ChangedFigure: Sendable, Hashable {
    public let item: String
    public let field: String
    /// `nil`: nothing stood there.
    public let then: SignedFigure?
    public let now: SignedFigure
    /// Why one of them is what it is; empty where there is nothing to say.
    public var note = ""
    /// By how much it moved the balances; nothing for what explains a move of another line.
    public var move = SignedMove()
}

/// A finding with everything that a report says of it.
public struct StatementFinding: Sendable, Hashable {
    /// What it adds to the local side.
    public let item: StatementItem
    public let findingID: Int64
    /// It is about a charge.
    let isCharge: Bool
    public let agencyName: String?
    public let account: String
    public let action: Action
    public let explanation: String
    public let stripeID: String
    public let localID: String
    public let stripeAmount: Money?
    public let localAmount: Money?
    public let credits: Int64?
    public let stripeStatus: String?
    public let localState: String?
    public let paidAtSeconds: Int64?
    public let firstSeenSeconds: Int64
    public let runsSeen: Int64
    public let timesReopened: Int64
    public let owner: String?
    /// The latest line that a person wrote about it.
    public let note: String?
}

/// A finding that was closed since the last report.
public struct ResolvedFinding: Sendable, Hashable {
    public let finding: StatementFinding
    public let closedAt: Timestamp
    public let closedHow: ClosedHow
    /// Who repaired it, and by which plan; of several jobs that found the fact, the one that repaired it.
    public let repairedBy: String?
    public let plan: String?
    /// The run that repaired it.
    public let runID: Int64?
}

/// A run that a statement rests on.
public struct RestedRun: Sendable, Hashable {
    public let run: Run
    public let pages: Int64
    public let programVersion: String
}
