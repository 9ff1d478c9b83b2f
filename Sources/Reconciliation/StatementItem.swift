/// An open finding as a reconciling item: what it adds to the local side, compared with Stripe.
public struct StatementItem: Sendable, Hashable {
    /// Which part of the statement an item explains.
    public enum Scope: String, CaseIterable, Sendable, Hashable {
        /// Credits of an agency: `creditsEffect` counts.
        case credits
        /// Charges of an agency: `amountEffects` count.
        case charges
    }

    /// The stable identity of the finding.
    public var id: String
    /// `nil` where no agency is known.
    public var agencyID: Int64?
    public var kind: FindingKind
    public var scope: Scope
    /// It is shown and nothing has to be done (`overdue`).
    public var isInformation: Bool
    /// A person accepted the difference, with a note.
    public var isAccepted: Bool
    /// Recorded minus Stripe, in credits: −7 for a paid invoice of 7 credits that was never granted.
    public var creditsEffect: Int64
    /// Recorded minus Stripe, in money: none where no money is known or none moved, two where the sides differ in
    /// currency.
    public var amountEffects: [Money]
    /// Of an item about charges that moved no money, the currency of its line, lower case; `nil` where none is known.
    public var currency: String?
    /// When the difference arose, in Unix seconds: when Stripe took the payment or the row was written, and when it was
    /// first seen where neither is known. Its age counts from here.
    public var sinceSeconds: Int64

    public init(
        id: String, agencyID: Int64?, kind: FindingKind, scope: Scope = .credits, isInformation: Bool = false,
        isAccepted: Bool = false, creditsEffect: Int64 = 0, amountEffects: [Money] = [], currency: String? = nil,
        sinceSeconds: Int64
    ) {
        self.id = id
        self.agencyID = agencyID
        self.kind = kind
        self.currency = currency?.lowercased()
        self.scope = scope
        self.isInformation = isInformation
        self.isAccepted = isAccepted
        self.creditsEffect = creditsEffect
        self.amountEffects = amountEffects
        self.sinceSeconds = sinceSeconds
    }

    /// Whether the item may account for a difference. A `balance_drift` is the difference itself: counted as an
    /// explanation it would explain everything, so it counts only when a person has accepted it.
    public var explains: Bool { !isInformation && (kind != .balanceDrift || isAccepted) }

    /// What an order adds to the local side, in credits.
    /// - Parameters:
    ///   - atStripe: the credits of an invoice that Stripe says is paid, else 0.
    ///   - locally: the credits of a row that the tables say is paid, else 0.
    /// - Throws: ``StatementError/overflow(what:)``.
    public static func creditsEffect(atStripe: Int64, locally: Int64) throws(StatementError) -> Int64 {
        try locally.minus(atStripe, "The effect of an item")
    }

    /// What an order or a charge adds to the local side, in money; see ``amountEffects``.
    /// - Parameters:
    ///   - atStripe: what a payment there settled, however it was paid; `nil` when nothing was.
    ///   - locally: what the tables say was paid; `nil` when nothing.
    /// - Throws: ``StatementError/overflow(what:)``.
    public static func amountEffects(atStripe: Money?, locally: Money?) throws(StatementError) -> [Money] {
        var byCurrency: [String: Int64] = [:]
        if let locally { byCurrency[locally.currency] = locally.minorUnits }
        if let atStripe {
            byCurrency[atStripe.currency] = try byCurrency[atStripe.currency, default: 0].minus(
                atStripe.minorUnits, "The effect of an item")
        }
        return byCurrency.filter { $0.value != 0 }.sorted { $0.key < $1.key }
            .map { Money(minorUnits: $0.value, currency: $0.key) }
    }
}

/// What the last report knew of its items.
public struct PreviousStatement: Sendable, Hashable {
    /// Its cut-off, in Unix seconds.
    public var cutOffSeconds: Int64
    public var state: StatementState
    /// What was open in it.
    public var open: [PreviousItem]
    /// Items that had been closed before this report; one of them that is open now has come back.
    public var closed: Set<String>

    public init(
        cutOffSeconds: Int64, state: StatementState, open: [PreviousItem] = [], closed: Set<String> = []
    ) {
        self.cutOffSeconds = cutOffSeconds
        self.state = state
        self.open = open
        self.closed = closed
    }
}

/// An item as it stood in the last report.
public struct PreviousItem: Sendable, Hashable {
    public var id: String
    public var creditsEffect: Int64
    public var amountEffects: [Money]

    public init(id: String, creditsEffect: Int64 = 0, amountEffects: [Money] = []) {
        self.id = id
        self.creditsEffect = creditsEffect
        self.amountEffects = amountEffects
    }
}
