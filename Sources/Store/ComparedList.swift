import Reconciliation

/// One list of a run whose objects are payments once they are paid: what it read is Stripe's side of the statements.
public struct ComparedList: Sendable, Hashable {
    public var account: String
    /// ``ComparisonName/orders`` or ``ComparisonName/charges``.
    public var comparison: ComparisonName
    /// By lower-case currency.
    public var classes: [String: ComparedClasses]

    public init(account: String, comparison: ComparisonName, classes: [String: ComparedClasses]) {
        self.account = account
        self.comparison = comparison
        self.classes = classes
    }

    var object: ListedObject { comparison == .charges ? .paymentIntent : .invoice }

    var list: RunList { RunList(account: account, object: object) }
}

/// In which class the comparison counted each object that it was given. Nothing here is worked out from the others:
/// what was read and is in none of them is missing, and a control total says so.
public struct ComparedClasses: Sendable, Hashable {
    public var agreed = Tally()
    public var differing = Tally()
    /// Differs in a way that the job file says to ignore.
    public var ignored = Tally()

    /// Nothing was counted.
    public init() {}
}
