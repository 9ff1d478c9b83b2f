/// What moved between the last report and this one, by the stable identities of the items; each list is sorted.
public struct StatementChanges: Sendable, Hashable {
    /// Open for the first time.
    public let new: [String]
    /// Open again after it had been closed.
    public let reopened: [String]
    /// Open then, not now.
    public let resolved: [String]
    /// Open then and now, with other figures.
    public let changed: [String]
    /// Open then and now, with the same figures.
    public let unchanged: [String]
    /// Open then and now, and older by at least one bucket of ``AgingBucket``.
    public let movedBucket: [String]
    /// Whether there was a last report at all.
    public let hasPrevious: Bool
    /// Whether the state differs from the last report's.
    public let stateChanged: Bool

    /// - Parameter items: those that only inform take part too: they come and go like the others.
    init(
        _ items: [StatementItem], previous: PreviousStatement?, cutOffSeconds: Int64, state: StatementState
    ) {
        var before: [String: PreviousItem] = [:]
        for item in previous?.open ?? [] { before[item.id] = item }
        var lists = (new: [String](), reopened: [String](), changed: [String](), same: [String](), moved: [String]())
        var openNow: Set<String> = []
        for item in items.sorted(by: { $0.id < $1.id }) {
            openNow.insert(item.id)
            guard let then = before[item.id], let previous else {
                if previous?.closed.contains(item.id) == true {
                    lists.reopened.append(item.id)
                } else {
                    lists.new.append(item.id)
                }
                continue
            }
            let isSame =
                then.creditsEffect == item.creditsEffect
                && then.amountEffects.sorted(by: StatementChanges.order)
                    == item.amountEffects.sorted(by: StatementChanges.order)
            if isSame { lists.same.append(item.id) } else { lists.changed.append(item.id) }
            let age = Aging.days(sinceSeconds: item.sinceSeconds, cutOffSeconds: cutOffSeconds)
            let ageThen = Aging.days(sinceSeconds: item.sinceSeconds, cutOffSeconds: previous.cutOffSeconds)
            if AgingBucket(days: age) != AgingBucket(days: ageThen) { lists.moved.append(item.id) }
        }
        new = lists.new
        reopened = lists.reopened
        changed = lists.changed
        unchanged = lists.same
        movedBucket = lists.moved
        resolved = before.keys.filter { !openNow.contains($0) }.sorted()
        hasPrevious = previous != nil
        stateChanged = previous.map { $0.state != state } ?? true
    }

    /// Whether there is anything that the reader of the last report does not know yet.
    public var isAny: Bool {
        !hasPrevious || stateChanged || !(new + reopened + resolved + changed + movedBucket).isEmpty
    }

    private static func order(_ one: Money, _ other: Money) -> Bool {
        (one.currency, one.minorUnits) < (other.currency, other.minorUnits)
    }
}
