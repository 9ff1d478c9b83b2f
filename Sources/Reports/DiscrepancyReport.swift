import Reconciliation
import Schedule

/// Everything that a report says, as plain data: the renderers add nothing to it and look nothing up.
///
/// The matched pairs are not part of it, because there may be millions: they are handed to ``ReportWriter`` in batches.
public struct DiscrepancyReport: Sendable, Hashable {
    public var title: String
    /// What tells this report from all others, such as `balance-report/2026-03-08T05:00:00Z`.
    public var id: String
    public var accounts: [ReportAccount]
    /// The start of the period, in Unix seconds; `nil` when it reaches back to the beginning.
    public var periodFromSeconds: Int64?
    /// Unix seconds. It becomes the creation date of the workbook, so that the same data gives the same bytes.
    public var generatedSeconds: Int64
    /// In which wall-clock times are written.
    public var zone: Zone
    public var statement: Statement
    /// One for each item of the statement.
    public var items: [ReportItem]
    public var resolved: [ResolvedItem]
    public var changedSinceSignOff: [SignedChange]
    public var repairs: [RepairEntry]
    public var run: ReportSource
    /// The last runs, oldest first; at most 30 are drawn.
    public var trend: [TrendPoint]
    public var signOffs: [SignOff]
    public var basis: ReportBasis

    public init(
        title: String = "Discrepancy report", id: String, accounts: [ReportAccount], periodFromSeconds: Int64? = nil,
        generatedSeconds: Int64, zone: Zone = .utc, statement: Statement, items: [ReportItem] = [],
        resolved: [ResolvedItem] = [], changedSinceSignOff: [SignedChange] = [], repairs: [RepairEntry] = [],
        run: ReportSource, trend: [TrendPoint] = [], signOffs: [SignOff] = [], basis: ReportBasis = ReportBasis()
    ) {
        self.title = title
        self.id = id
        self.accounts = accounts
        self.periodFromSeconds = periodFromSeconds
        self.generatedSeconds = generatedSeconds
        self.zone = zone
        self.statement = statement
        self.items = items
        self.resolved = resolved
        self.changedSinceSignOff = changedSinceSignOff
        self.repairs = repairs
        self.run = run
        self.trend = trend
        self.signOffs = signOffs
        self.basis = basis
    }

    public var state: StatementState { statement.state }

    package var clock: ReportClock { ReportClock(zone) }

    /// Its accounts by name, with a word at those of which nothing was read.
    package var accountNames: [String] {
        accounts.map(\.name).sorted().map { basis.unreadAccounts.contains($0) ? "\($0) (not read)" : $0 }
    }

    /// LIVE or TEST, or both words when the accounts differ.
    package var mode: String {
        let modes = Set(accounts.map(\.isLive))
        if modes.count == 2 { return "LIVE and TEST" }
        return modes.first == true ? "LIVE" : "TEST"
    }
}

/// A Stripe account that a report covers.
public struct ReportAccount: Sendable, Hashable {
    /// Its name in `settings.yaml`.
    public var name: String
    /// `acct_…`, when it is known: links lead to the right account with it.
    public var stripeID: String?
    public var isLive: Bool

    public init(name: String, stripeID: String? = nil, isLive: Bool) {
        self.name = name
        self.stripeID = stripeID
        self.isLive = isLive
    }
}

/// Where an item stands with the people who work on it.
public enum ItemState: String, CaseIterable, Sendable, Hashable {
    case new
    case investigating
    case accepted
    case repairPlanned = "repair planned"
}

/// An open item: the part that the statement counts, and what a person wants to know of it.
public struct ReportItem: Sendable, Hashable {
    public var item: StatementItem
    public var agency: String?
    public var account: String
    /// One sentence.
    public var explanation: String
    public var stripeInvoice: String?
    public var paymentIntent: String?
    public var localRow: String?
    public var stripeAmount: Money?
    public var localAmount: Money?
    /// The credits of the order; what of them counts in the statement is `item.creditsEffect`.
    public var credits: Int64?
    public var stripeStatus: String?
    public var localStatus: String?
    public var paidAtSeconds: Int64?
    public var firstSeenSeconds: Int64
    public var runsSeen: Int64
    public var owner: String?
    public var state: ItemState
    public var note: String?
    public var proposedRepair: String?

    public init(
        item: StatementItem, agency: String? = nil, account: String, explanation: String,
        stripeInvoice: String? = nil, paymentIntent: String? = nil, localRow: String? = nil,
        stripeAmount: Money? = nil, localAmount: Money? = nil, credits: Int64? = nil, stripeStatus: String? = nil,
        localStatus: String? = nil, paidAtSeconds: Int64? = nil, firstSeenSeconds: Int64, runsSeen: Int64 = 1,
        owner: String? = nil, state: ItemState = .new, note: String? = nil, proposedRepair: String? = nil
    ) {
        self.item = item
        self.agency = agency
        self.account = account
        self.explanation = explanation
        self.stripeInvoice = stripeInvoice
        self.paymentIntent = paymentIntent
        self.localRow = localRow
        self.stripeAmount = stripeAmount
        self.localAmount = localAmount
        self.credits = credits
        self.stripeStatus = stripeStatus
        self.localStatus = localStatus
        self.paidAtSeconds = paidAtSeconds
        self.firstSeenSeconds = firstSeenSeconds
        self.runsSeen = runsSeen
        self.owner = owner
        self.state = state
        self.note = note
        self.proposedRepair = proposedRepair
    }

    /// Local minus Stripe, where both are known, in one currency, and the difference fits.
    package var difference: Money? {
        guard let stripeAmount, let localAmount, stripeAmount.currency == localAmount.currency else { return nil }
        let (amount, overflow) = localAmount.minorUnits.subtractingReportingOverflow(stripeAmount.minorUnits)
        return overflow ? nil : Money(minorUnits: amount, currency: stripeAmount.currency)
    }

    /// The currencies of both sides, `USD` or `EUR, USD`.
    package var currencies: String {
        Set([stripeAmount, localAmount].compactMap { $0?.currency.uppercased() }).sorted().joined(separator: ", ")
    }
}
