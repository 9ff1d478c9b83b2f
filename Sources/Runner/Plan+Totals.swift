import Reconciliation

extension Plan {
    /// What the items of one kind, effect and currency come to.
    public struct Total: Sendable, Hashable {
        public var kind: String
        public var effect: String
        /// Lower-case ISO 4217.
        public var currency: String
        public var count: Int
        /// What agencies get (or lose, where negative) by grants.
        public var credits: Int64
        /// Minor units of the objects that the items are about; `nil` where the sum is out of range.
        public var amount: Int64?
    }

    /// By kind, effect and currency, in the order of the items.
    public var totals: [Total] {
        var order: [[String]] = []
        var totals: [[String]: Total] = [:]
        for item in items {
            let key = [item.kind, item.effect, item.currency]
            if totals[key] == nil { order.append(key) }
            var total =
                totals[key]
                ?? Total(kind: item.kind, effect: item.effect, currency: item.currency, count: 0, credits: 0, amount: 0)
            total.count += 1
            switch item.effect {
            case "grant": total.credits += item.credits
            case "ungrant": total.credits -= item.credits
            default: break
            }
            total.amount = total.amount.flatMap { sum in
                let (next, isTooLarge) = sum.addingReportingOverflow(item.amount)
                return isTooLarge ? nil : next
            }
            totals[key] = total
        }
        return order.compactMap { totals[$0] }
    }
}
