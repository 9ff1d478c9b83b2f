/// By how much figures of a signed statement moved since: what they are today less what was signed, on both sides.
public struct SignedMove: Sendable, Hashable {
    /// Credits of the balance that follows from Stripe.
    public var creditsAtStripe: Int64
    /// Credits of the balance that the tables record.
    public var creditsInTables: Int64
    /// Charges, an amount for each currency.
    public var moneyAtStripe: [Money]
    public var moneyInTables: [Money]

    /// Adjustments and consumption are of the tables, and count in both balances: nothing moved at Stripe.
    public var adjustments: Int64
    public var consumed: Int64

    public init(
        creditsAtStripe: Int64 = 0, creditsInTables: Int64 = 0, moneyAtStripe: [Money] = [],
        moneyInTables: [Money] = [], adjustments: Int64 = 0, consumed: Int64 = 0
    ) {
        self.adjustments = adjustments
        self.consumed = consumed
        self.creditsAtStripe = creditsAtStripe
        self.creditsInTables = creditsInTables
        self.moneyAtStripe = moneyAtStripe
        self.moneyInTables = moneyInTables
    }

    /// The sum of some moves, an amount for each currency, without those that are 0.
    /// - Throws: ``StatementError/overflow(what:)``.
    public static func sum(_ moves: [SignedMove]) throws(StatementError) -> SignedMove {
        var sum = SignedMove()
        for move in moves {
            sum.creditsAtStripe = try sum.creditsAtStripe.plus(move.creditsAtStripe, "What changed at Stripe")
            sum.creditsInTables = try sum.creditsInTables.plus(move.creditsInTables, "What changed in the tables")
            sum.adjustments = try sum.adjustments.plus(move.adjustments, "What changed of the adjustments")
            sum.consumed = try sum.consumed.plus(move.consumed, "What changed of the consumption")
        }
        sum.moneyAtStripe = try Statement.sums(moves.flatMap(\.moneyAtStripe))
        sum.moneyInTables = try Statement.sums(moves.flatMap(\.moneyInTables))
        return sum
    }
}
