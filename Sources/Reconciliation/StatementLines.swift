/// One agency's line of the statement, in credits:
/// `opening + boughtAtStripe − consumed + adjustments = computed`, `recorded − computed = difference`, and
/// `difference − explained = unexplained`.
public struct AgencyStatement: Sendable, Hashable {
    public let activity: AgencyActivity
    public let computed: Int64
    /// `nil` when the recorded balance is not known.
    public let difference: Int64?
    /// The sum over the open items of the agency.
    public let explained: Int64
    public let unexplained: Int64?
    /// Stripe's side was not read up to the cut-off: what is there of it is no figure to compare with.
    public let isUnread: Bool
    /// What was paid for credits, locally minus at Stripe, and no item accounts for, by currency; none where all is.
    public let unexplainedMoney: [Money]
    /// Credits that the tables record as bought more than Stripe's payments buy, that no item accounts for; beyond the
    /// tolerance. A balance may agree all the same.
    public let unexplainedBought: Int64
    /// There is an unexplained difference, and it is not larger than the tolerance.
    public let isWithinTolerance: Bool
    /// `nil` when no statement was signed before.
    public let rollForward: RollForward?
    /// Items that are differences; those that only inform are not counted.
    public let openItems: Int64
    public let oldestDays: Int64?
    public let state: StatementState

    /// Whether the recorded balance differs from the computed one.
    public var isOutOfBalance: Bool { difference.map { $0 != 0 } ?? false }

    /// Whether what was paid for credits differs between the sides in some currency. Its credits may agree all the
    /// same: an invoice with taxes, or in another currency.
    public var isOutInMoney: Bool { !isUnread && activity.purchases.contains { $0.atStripe != $0.locally } }
}

/// Whether a period begins where the last signed one ended: `signed + changes + unexplained = opening`.
public struct RollForward: Sendable, Hashable {
    public let signedClosing: Int64
    public let opening: Int64
    /// What the listed changes since the sign-off add.
    public let changes: Int64
    public let unexplained: Int64
}

/// One agency's charges in one currency, in minor units: `recorded − charged = difference`,
/// `difference − explained = unexplained`.
public struct ChargeLine: Sendable, Hashable {
    public let activity: ChargeActivity
    /// `nil` when the recorded charges are not known.
    public let difference: Int64?
    public let explained: Int64
    public let unexplained: Int64?
    /// Stripe's side was not read up to the cut-off.
    public let isUnread: Bool
    public let isWithinTolerance: Bool
    public let openItems: Int64
    public let oldestDays: Int64?
    public let state: StatementState

    public var isOutOfBalance: Bool { difference.map { $0 != 0 } ?? false }
}

/// The sums over all agencies, in credits. What is not known of one agency is not known of the sum.
public struct CreditTotals: Sendable, Hashable {
    public let opening: Int64
    public let boughtAtStripe: Int64
    public let boughtLocally: Int64
    public let consumed: Int64
    public let adjustments: Int64
    public let computed: Int64
    public let recorded: Int64?
    public let difference: Int64?
    public let explained: Int64
    public let unexplained: Int64?
    /// The sum of the sizes: 10 where one agency has +5 and another −5 unexplained.
    public let unexplainedGross: Int64?
    public let agencies: Int64
    public let outOfBalance: Int64
}

/// The sums over all agencies' charges in one currency, in its minor units.
public struct ChargeTotals: Sendable, Hashable {
    public let currency: String
    public let charged: Tally
    public let recorded: Tally?
    public let difference: Int64?
    public let explained: Int64
    public let unexplained: Int64?
    public let unexplainedGross: Int64?
    public let agencies: Int64
    public let outOfBalance: Int64
}

/// What the items of one kind add to the local side: a line between the two balances.
public struct StatementCause: Sendable, Hashable {
    public let kind: FindingKind
    public let scope: StatementItem.Scope
    public let count: Int64
    public let creditsEffect: Int64
    /// One for each currency, in order of the currency.
    public let amounts: [Money]
    /// How many of the items move money in a currency.
    public let counts: [String: Int64]
}
