/// What became of the objects of one side: every one that was read lands in exactly one class.
public struct ControlSide: Sendable, Hashable {
    public var read: Tally
    /// Agrees with the other side.
    public var matched: Tally
    /// Stands in an open item.
    public var open: Tally
    /// Differs in a way that the job file says to ignore.
    public var ignored: Tally

    public init(read: Tally, matched: Tally, open: Tally = Tally(), ignored: Tally = Tally()) {
        self.read = read
        self.matched = matched
        self.open = open
        self.ignored = ignored
    }

    /// What was read and landed in no class: both figures are 0, or the comparison is not complete.
    /// - Throws: ``StatementError/overflow(what:)``.
    public func unaccounted() throws(StatementError) -> Tally {
        func rest(_ figure: (Tally) -> Int64) throws(StatementError) -> Int64 {
            let what = "A control total"
            return try figure(read).minus(figure(matched), what).minus(figure(open), what).minus(figure(ignored), what)
        }
        return Tally(count: try rest(\.count), amount: try rest(\.amount))
    }
}

/// The control totals of one kind of object in one currency, on both sides.
public struct ControlTotals: Sendable, Hashable {
    /// Such as `Credit invoices`.
    public var name: String
    /// The run whose reading it counts; `nil` where it is no run's.
    public var runID: Int64?
    /// Which part of the statement it belongs to.
    public var part: StatementItem.Scope
    public var account: String
    public var currency: String
    public var stripe: ControlSide
    public var local: ControlSide
    /// The run read something of the time that the statement is about. One that did not counts in no match rate.
    public var isCovered: Bool

    public init(
        name: String, runID: Int64? = nil, part: StatementItem.Scope = .credits, account: String, currency: String,
        stripe: ControlSide, local: ControlSide, isCovered: Bool = true
    ) {
        self.isCovered = isCovered
        self.name = name
        self.runID = runID
        self.part = part
        self.account = account
        self.currency = currency.lowercased()
        self.stripe = stripe
        self.local = local
    }
}

/// How much of what was read agrees, as parts of 10,000, rounded down: 10,000 is said only when everything agrees.
public struct MatchRate: Sendable, Hashable {
    /// The share of one currency by value.
    public struct Value: Sendable, Hashable {
        public let currency: String
        public let matched: Int64
        public let read: Int64
        /// `nil` when nothing was read, or when amounts of different signs make a share meaningless.
        public let per10000: Int64?
    }

    public let matchedCount: Int64
    public let readCount: Int64
    /// `nil` when nothing was read.
    public let per10000: Int64?
    /// One for each currency, in order of the currency.
    public let byValue: [Value]

    /// Over both sides of the control totals of runs that read something of the time that the statement is about.
    public init(_ controls: [ControlTotals]) throws(StatementError) {
        var matched: Int64 = 0
        var read: Int64 = 0
        var values: [String: (matched: Int64, read: Int64)] = [:]
        for control in controls where control.isCovered {
            for side in [control.stripe, control.local] {
                let what = "The value of what was read in \(control.currency.uppercased())"
                matched = try matched.plus(side.matched.count, "The number of matched objects")
                read = try read.plus(side.read.count, "The number of objects")
                var value = values[control.currency] ?? (0, 0)
                value.matched = try value.matched.plus(side.matched.amount, what)
                value.read = try value.read.plus(side.read.amount, what)
                values[control.currency] = value
            }
        }
        matchedCount = matched
        readCount = read
        per10000 = MatchRate.share(matched, of: read)
        byValue = values.sorted { $0.key < $1.key }.map { currency, value in
            Value(
                currency: currency, matched: value.matched, read: value.read,
                per10000: MatchRate.share(value.matched, of: value.read))
        }
    }

    /// `part` of `whole` in parts of 10,000, rounded down; `nil` unless `0 <= part <= whole` and `whole > 0`.
    public static func share(_ part: Int64, of whole: Int64) -> Int64? {
        guard whole > 0, part >= 0, part <= whole else { return nil }
        // The product needs up to 77 bits; the quotient is at most 10,000.
        let product = UInt64(part).multipliedFullWidth(by: 10_000)
        return Int64(UInt64(whole).dividingFullWidth(product).quotient)
    }
}
