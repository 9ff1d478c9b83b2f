import Reconciliation
import Store

/// In which class each visited object was judged: an object that several pairs are about counts once, in the worst.
struct ObjectClasses: Sendable {
    enum Class: Int, Sendable, Comparable {
        case agreed, ignored, differing

        static func < (one: Class, other: Class) -> Bool { one.rawValue < other.rawValue }
    }

    private struct Entry {
        var place: Class
        let currency: String
        let amount: Int64
    }

    private var entries: [String: Entry] = [:]

    /// Counts an object; pairs without one, and pairs of comparisons that no statement rests on, count nothing.
    mutating func count(_ pair: Pair, _ place: Class) {
        guard let (id, currency, amount) = Self.object(pair) else { return }
        let known = entries[id]?.place ?? place
        entries[id] = Entry(place: max(known, place), currency: currency, amount: amount)
    }

    private static func object(_ pair: Pair) -> (String, String, Int64)? {
        switch pair {
        case .order(let pair): pair.stripe.map { ($0.id, $0.currency.lowercased(), $0.amount ?? $0.total) }
        case .charge(let pair): pair.stripe.map { ($0.id, $0.currency.lowercased(), $0.amount) }
        case .notice, .payment: nil
        }
    }

    /// The sums by currency, with those that the diff counted as agreeing.
    func sums(_ agreed: [String: Reconciliation.Tally]) throws -> [String: ComparedClasses] {
        var sums: [String: ComparedClasses] = [:]
        for (currency, tally) in agreed { sums[currency, default: ComparedClasses()].agreed = tally }
        for entry in entries.values {
            var classes = sums[entry.currency] ?? ComparedClasses()
            switch entry.place {
            case .agreed: classes.agreed = try classes.agreed.with(entry.amount)
            case .ignored: classes.ignored = try classes.ignored.with(entry.amount)
            case .differing: classes.differing = try classes.differing.with(entry.amount)
            }
            sums[entry.currency] = classes
        }
        return sums
    }
}

extension Reconciliation.Tally {
    fileprivate func with(_ amount: Int64) throws -> Reconciliation.Tally {
        Reconciliation.Tally(count: count + 1, amount: try self.amount.plus(amount, "The sum of what was compared"))
    }
}
