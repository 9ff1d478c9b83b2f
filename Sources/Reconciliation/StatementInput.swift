/// Everything that a statement is computed from, as plain data. The order of the arrays does not matter.
public struct StatementInput: Sendable, Hashable {
    public var cutOff: StatementCutOff
    public var agencies: [AgencyActivity]
    public var charges: [ChargeActivity]
    /// The open findings, including those that only inform.
    public var items: [StatementItem]
    /// What had to be read. Without a single read the statement is incomplete.
    public var reads: [StatementRead]
    public var controls: [ControlTotals]
    /// What was paid before the cut-off, by where it was read: held against the sums of the lines.
    public var ties: [StatementTie]
    /// The parts whose side at Stripe was not read up to the cut-off: nothing is said of their differences.
    public var unread: Set<StatementItem.Scope>
    /// An unexplained difference of an agency up to this many credits, plus or minus, is within tolerance.
    public var toleranceCredits: Int64
    /// The same for charges, in minor units by lower-case currency.
    public var toleranceMinorUnits: [String: Int64]
    /// The last report; `nil` for the first.
    public var previous: PreviousStatement?

    public init(
        cutOff: StatementCutOff, agencies: [AgencyActivity] = [], charges: [ChargeActivity] = [],
        items: [StatementItem] = [], reads: [StatementRead] = [], controls: [ControlTotals] = [],
        ties: [StatementTie] = [],
        unread: Set<StatementItem.Scope> = [], toleranceCredits: Int64 = 0, toleranceMinorUnits: [String: Int64] = [:],
        previous: PreviousStatement? = nil
    ) {
        self.cutOff = cutOff
        self.agencies = agencies
        self.charges = charges
        self.items = items
        self.reads = reads
        self.controls = controls
        self.ties = ties
        self.unread = unread
        self.toleranceCredits = toleranceCredits
        self.toleranceMinorUnits = toleranceMinorUnits
        self.previous = previous
    }
}

/// One agency's credits in the period. All figures are credits; none is a sum over currencies.
public struct AgencyActivity: Sendable, Hashable {
    /// `nil` for what Stripe knows and no agency claims.
    public var agencyID: Int64?
    public var name: String
    /// The balance at the start of the period, computed from Stripe's invoices as they are today.
    public var opening: Int64
    /// The computed closing of the last signed-off statement; `nil` when none was signed.
    public var signedClosing: Int64?
    /// What the listed changes since the sign-off add to the opening.
    public var changedSinceSignOff: Int64
    /// Credits of the invoices that Stripe says are paid.
    public var boughtAtStripe: Int64
    /// Credits of the orders that the tables say are paid.
    public var boughtLocally: Int64
    /// Credits of the reservations that were not released.
    public var consumed: Int64
    public var adjustments: Int64
    /// The balance that the application shows; `nil` when it could not be read. An agency without a balance row has 0.
    public var recorded: Int64?
    /// What was paid for the credits, one entry for each currency.
    public var purchases: [PurchaseTotals]
    /// Credits bought from the beginning to the cut-off by the tables' words, less those that Stripe's payments buy;
    /// `nil` where that is not asked.
    public var boughtMoreLocally: Int64?
    /// What of this agency could not be read, in words for the reader.
    public var missing: [String]

    public init(
        agencyID: Int64?, name: String, opening: Int64 = 0, signedClosing: Int64? = nil,
        changedSinceSignOff: Int64 = 0, boughtAtStripe: Int64, boughtLocally: Int64, consumed: Int64,
        adjustments: Int64 = 0, recorded: Int64?, purchases: [PurchaseTotals] = [],
        boughtMoreLocally: Int64? = nil, missing: [String] = []
    ) {
        self.agencyID = agencyID
        self.name = name
        self.opening = opening
        self.signedClosing = signedClosing
        self.changedSinceSignOff = changedSinceSignOff
        self.boughtAtStripe = boughtAtStripe
        self.boughtLocally = boughtLocally
        self.consumed = consumed
        self.adjustments = adjustments
        self.recorded = recorded
        self.purchases = purchases
        self.boughtMoreLocally = boughtMoreLocally
        self.missing = missing
    }
}

/// What was paid in one currency, on both sides, in minor units: at Stripe what the paid invoices settled, whether by
/// money through Stripe, from the customer's credit balance there, or elsewhere.
public struct PurchaseTotals: Sendable, Hashable {
    public var currency: String
    public var atStripe: Int64
    public var locally: Int64

    public init(currency: String, atStripe: Int64, locally: Int64) {
        self.currency = currency.lowercased()
        self.atStripe = atStripe
        self.locally = locally
    }
}

/// One agency's charges in the period, in one currency and its minor units.
public struct ChargeActivity: Sendable, Hashable {
    /// `nil` for charges that name no agency.
    public var agencyID: Int64?
    public var name: String
    public var currency: String
    /// What succeeded payment intents took, and how many there are.
    public var charged: Tally
    /// What the tables record as succeeded; `nil` when they could not be read.
    public var recorded: Tally?
    public var missing: [String]

    public init(
        agencyID: Int64?, name: String, currency: String, charged: Tally, recorded: Tally?, missing: [String] = []
    ) {
        self.agencyID = agencyID
        self.name = name
        self.currency = currency.lowercased()
        self.charged = charged
        self.recorded = recorded
        self.missing = missing
    }
}

/// A number of objects and the sum of their amounts in minor units of one currency.
public struct Tally: Sendable, Hashable {
    public var count: Int64
    public var amount: Int64

    public init(count: Int64 = 0, amount: Int64 = 0) {
        self.count = count
        self.amount = amount
    }
}

/// Something that had to be read before a statement can be made.
public struct StatementRead: Sendable, Hashable {
    /// Such as `Stripe invoices of task_health, created in the look-back window`.
    public var name: String
    public var isComplete: Bool
    /// Why it is not complete, for the reader.
    public var reason: String?
    public var pages: Int64
    public var rows: Int64
    /// Of what `rows` is the number, in words; empty where the name says it.
    public var counted: String

    public init(
        name: String, isComplete: Bool, reason: String? = nil, pages: Int64 = 0, rows: Int64 = 0, counted: String = ""
    ) {
        self.counted = counted
        self.name = name
        self.isComplete = isComplete
        self.reason = reason
        self.pages = pages
        self.rows = rows
    }
}
