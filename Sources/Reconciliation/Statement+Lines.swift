/// The open items of each agency, summed once so that a statement takes one pass over its items.
struct ItemsByOwner {
    /// What the items of one line come to.
    struct Line {
        var explained: Int64 = 0
        /// Of that, what items about orders and payments come to: a drift of the balance is about neither.
        var explainedBought: Int64 = 0
        var openItems: Int64 = 0
        var oldestDays: Int64?
        var hasEffect = false
        /// What the items come to in money, by currency.
        var money: [String: Int64] = [:]
    }

    /// Agency and currency of a line of charges.
    struct ChargeKey: Hashable, Comparable {
        let owner: OwnerKey
        let currency: String

        static func < (one: ChargeKey, other: ChargeKey) -> Bool {
            one.owner == other.owner ? one.currency < other.currency : one.owner < other.owner
        }
    }

    private(set) var credits: [OwnerKey: Line] = [:]
    private(set) var charges: [ChargeKey: Line] = [:]
    /// Items about charges that moved no money, by the currency that they are in, which is empty where none is known.
    private(set) var withoutAmount: [ChargeKey: Line] = [:]

    init(_ items: [StatementItem], cutOffSeconds: Int64) throws(StatementError) {
        for item in items where !item.isInformation {
            let owner = OwnerKey(item.agencyID)
            let days = Aging.days(sinceSeconds: item.sinceSeconds, cutOffSeconds: cutOffSeconds)
            switch item.scope {
            case .credits:
                let effect = item.explains ? item.creditsEffect : 0
                try ItemsByOwner.add(effect, days, to: &credits[owner, default: Line()], owner)
                guard item.explains else { continue }
                if item.kind != .balanceDrift {
                    let sum = credits[owner]?.explainedBought ?? 0
                    credits[owner]?.explainedBought = try sum.plus(effect, "What explains \(owner.name)")
                }
                for amount in item.amountEffects {
                    let sum = credits[owner]?.money[amount.currency] ?? 0
                    credits[owner]?.money[amount.currency] = try sum.plus(
                        amount.minorUnits, "What explains the money of \(owner.name)")
                }
            case .charges:
                for amount in item.amountEffects {
                    let key = ChargeKey(owner: owner, currency: amount.currency)
                    let effect = item.explains ? amount.minorUnits : 0
                    try ItemsByOwner.add(effect, days, to: &charges[key, default: Line()], owner)
                }
                guard item.amountEffects.isEmpty else { continue }
                let key = ChargeKey(owner: owner, currency: item.currency ?? "")
                try ItemsByOwner.add(0, days, to: &withoutAmount[key, default: Line()], owner)
            }
        }
    }

    private static func add(
        _ effect: Int64, _ days: Int64, to line: inout Line, _ owner: OwnerKey
    ) throws(StatementError) {
        line.explained = try line.explained.plus(effect, "What explains the difference of \(owner.name)")
        line.openItems += 1
        line.oldestDays = max(line.oldestDays ?? 0, days)
        if effect != 0 { line.hasEffect = true }
    }
}

extension Statement {
    /// The items by identity.
    static func distinct(_ items: [StatementItem]) throws(StatementError) -> [StatementItem] {
        let sorted = items.sorted { $0.id < $1.id }
        for (one, other) in zip(sorted, sorted.dropFirst()) where one.id == other.id {
            throw .duplicateItem(one.id)
        }
        return sorted
    }

    /// A line for every agency with figures, and for every one with items: an item is never without a line.
    static func agencyLines(
        _ input: StatementInput, _ items: ItemsByOwner
    ) throws(StatementError) -> [AgencyStatement] {
        var activities: [OwnerKey: AgencyActivity] = [:]
        for activity in input.agencies {
            let key = OwnerKey(activity.agencyID)
            guard activities.updateValue(activity, forKey: key) == nil else { throw .duplicateAgency(key.name) }
        }
        for (key, line) in items.credits where activities[key] == nil {
            // Items that no agency claims and that move no credits need no figures.
            let isHarmless = key.agencyID == nil && !line.hasEffect
            activities[key] = AgencyActivity(
                agencyID: key.agencyID, name: isHarmless ? "" : key.name, boughtAtStripe: 0, boughtLocally: 0,
                consumed: 0, recorded: isHarmless ? 0 : nil,
                missing: isHarmless ? [] : ["its figures, though open items name it"])
        }
        var lines: [AgencyStatement] = []
        lines.reserveCapacity(activities.count)
        for key in activities.keys.sorted() {
            guard let activity = activities[key] else { continue }
            lines.append(
                try AgencyStatement(
                    activity, items: items.credits[key] ?? ItemsByOwner.Line(), tolerance: input.toleranceCredits,
                    isUnread: input.unread.contains(.credits)))
        }
        return lines
    }

    static func chargeLines(_ input: StatementInput, _ items: ItemsByOwner) throws(StatementError) -> [ChargeLine] {
        var activities: [ItemsByOwner.ChargeKey: ChargeActivity] = [:]
        for activity in input.charges {
            let owner = OwnerKey(activity.agencyID)
            let key = ItemsByOwner.ChargeKey(owner: owner, currency: activity.currency)
            guard activities.updateValue(activity, forKey: key) == nil else {
                throw .duplicateAgency("\(owner.name) in \(activity.currency.uppercased())")
            }
        }
        for key in items.charges.keys where activities[key] == nil {
            activities[key] = ChargeActivity(
                agencyID: key.owner.agencyID, name: key.owner.name, currency: key.currency, charged: Tally(),
                recorded: nil, missing: ["its figures, though open items name it"])
        }
        let keys = activities.keys.sorted()
        let without = withoutAmount(items, keys)
        var lines: [ChargeLine] = []
        for key in keys {
            guard let activity = activities[key] else { continue }
            var line = items.charges[key] ?? ItemsByOwner.Line()
            for more in without[key] ?? [] {
                line.openItems += more.openItems
                line.oldestDays = max(line.oldestDays ?? 0, more.oldestDays ?? 0)
            }
            lines.append(
                try ChargeLine(
                    activity, items: line, tolerance: input.toleranceMinorUnits[activity.currency] ?? 0,
                    isUnread: input.unread.contains(.charges)))
        }
        return lines
    }

    /// Items that moved no money, by the line that counts them: their currency's. Where their agency has none of it,
    /// its first line does, so that each is counted, and once.
    /// - Parameter keys: of all lines, in order.
    private static func withoutAmount(
        _ items: ItemsByOwner, _ keys: [ItemsByOwner.ChargeKey]
    ) -> [ItemsByOwner.ChargeKey: [ItemsByOwner.Line]] {
        let known = Set(keys)
        let first = Dictionary(keys.map { ($0.owner, $0) }, uniquingKeysWith: { first, _ in first })
        var lines: [ItemsByOwner.ChargeKey: [ItemsByOwner.Line]] = [:]
        for (key, line) in items.withoutAmount {
            guard let place = known.contains(key) ? key : first[key.owner] else { continue }
            lines[place, default: []].append(line)
        }
        return lines
    }
}

extension AgencyStatement {
    init(
        _ activity: AgencyActivity, items: ItemsByOwner.Line, tolerance: Int64, isUnread: Bool
    ) throws(StatementError) {
        let name = OwnerKey(activity.agencyID).name
        let computed = try activity.opening.plus(activity.boughtAtStripe, "The computed balance of \(name)")
            .minus(activity.consumed, "The computed balance of \(name)")
            .plus(activity.adjustments, "The computed balance of \(name)")
        var difference: Int64?
        var unexplained: Int64?
        if let recorded = activity.recorded, !isUnread {
            let found = try recorded.minus(computed, "The difference of \(name)")
            difference = found
            unexplained = try found.minus(items.explained, "The unexplained difference of \(name)")
        }
        let rollForward = try RollForward(activity)
        self.activity = activity
        self.computed = computed
        self.difference = difference
        explained = items.explained
        self.unexplained = unexplained
        self.rollForward = rollForward
        openItems = items.openItems
        oldestDays = items.oldestDays
        self.isUnread = isUnread
        unexplainedMoney = isUnread ? [] : try AgencyStatement.unexplainedMoney(activity, items)
        let bought = try activity.boughtMoreLocally?.minus(items.explainedBought, "What \(name) bought") ?? 0
        let isTolerated = LineState.isWithin(tolerance, bought)
        unexplainedBought = isUnread || isTolerated ? 0 : bought
        isWithinTolerance = LineState.isWithin(tolerance, unexplained) || (isTolerated && !isUnread)
        let state = LineState.state(
            isComplete: activity.missing.isEmpty, difference: difference, unexplained: unexplained,
            tolerance: tolerance, openItems: items.openItems, rollForward: rollForward)
        // What is tolerated is listed: the line is not clean.
        let least: StatementState = isWithinTolerance ? .explained : .clean
        self.state = max(state, unexplainedMoney.isEmpty && unexplainedBought == 0 ? least : .unexplained)
    }
}

extension AgencyStatement {
    /// What was paid on one side more than on the other and no item accounts for. Where no payment is known on either
    /// side there is nothing to hold the items against.
    private static func unexplainedMoney(
        _ activity: AgencyActivity, _ items: ItemsByOwner.Line
    ) throws(StatementError) -> [Money] {
        guard !activity.purchases.isEmpty else { return [] }
        let what = "The unexplained money of \(OwnerKey(activity.agencyID).name)"
        var rests = [String: Int64]()
        for (currency, sum) in items.money { rests[currency] = try Int64(0).minus(sum, what) }
        for purchase in activity.purchases {
            rests[purchase.currency] = try rests[purchase.currency, default: 0].plus(purchase.locally, what)
                .minus(purchase.atStripe, what)
        }
        return rests.filter { $0.value != 0 }.sorted { $0.key < $1.key }
            .map { Money(minorUnits: $0.value, currency: $0.key) }
    }
}

extension RollForward {
    /// `nil` when nothing was signed before.
    init?(_ activity: AgencyActivity) throws(StatementError) {
        guard let signedClosing = activity.signedClosing else { return nil }
        let what = "The roll-forward of \(OwnerKey(activity.agencyID).name)"
        self.signedClosing = signedClosing
        opening = activity.opening
        changes = activity.changedSinceSignOff
        unexplained = try activity.opening.minus(signedClosing, what).minus(activity.changedSinceSignOff, what)
    }
}

extension ChargeLine {
    init(
        _ activity: ChargeActivity, items: ItemsByOwner.Line, tolerance: Int64, isUnread: Bool
    ) throws(StatementError) {
        let name = "the charges of \(OwnerKey(activity.agencyID).name) in \(activity.currency.uppercased())"
        var difference: Int64?
        var unexplained: Int64?
        if let recorded = activity.recorded, !isUnread {
            let found = try recorded.amount.minus(activity.charged.amount, "The difference of \(name)")
            difference = found
            unexplained = try found.minus(items.explained, "The unexplained difference of \(name)")
        }
        self.activity = activity
        self.difference = difference
        explained = items.explained
        self.unexplained = unexplained
        openItems = items.openItems
        oldestDays = items.oldestDays
        isWithinTolerance = LineState.isWithin(tolerance, unexplained)
        self.isUnread = isUnread
        state = LineState.state(
            isComplete: activity.missing.isEmpty, difference: difference, unexplained: unexplained,
            tolerance: tolerance, openItems: items.openItems, rollForward: nil)
    }
}

/// How the state of one line follows from its figures.
enum LineState {
    static func isWithin(_ tolerance: Int64, _ unexplained: Int64?) -> Bool {
        guard let unexplained, unexplained != 0, tolerance > 0 else { return false }
        return unexplained.magnitude <= tolerance.magnitude
    }

    static func state(
        isComplete: Bool, difference: Int64?, unexplained: Int64?, tolerance: Int64, openItems: Int64,
        rollForward: RollForward?
    ) -> StatementState {
        guard isComplete, let difference, let unexplained else { return .incomplete }
        if unexplained != 0, !isWithin(tolerance, unexplained) { return .unexplained }
        if let rollForward, rollForward.unexplained != 0 { return .unexplained }
        let isQuiet = difference == 0 && unexplained == 0 && openItems == 0 && (rollForward?.changes ?? 0) == 0
        return isQuiet ? .clean : .explained
    }
}
