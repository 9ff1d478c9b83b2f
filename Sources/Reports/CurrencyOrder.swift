import Reconciliation

/// The one order in which the currencies of a statement stand, in every format: that of most agencies' lines first, of
/// several the first by its code.
///
/// Amounts of different currencies are neither added nor compared. So whatever is ranked by its size is ranked within
/// its currency, and the currencies follow each other in this order.
package struct CurrencyOrder: Sendable, Hashable {
    /// The currencies of the statement's lines, lower case.
    package let currencies: [String]
    private let ranks: [String: Int]

    /// No amount is asked, only in how many lines of agencies each currency stands, of credits and of charges.
    package init(_ statement: Statement) {
        var lines: [String: Int64] = [:]
        for line in statement.agencies {
            for sum in line.activity.purchases { lines[sum.currency, default: 0] += 1 }
        }
        for totals in statement.chargeTotals { lines[totals.currency, default: 0] += totals.agencies }
        currencies = lines.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        ranks = Dictionary(currencies.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { one, _ in one })
    }

    /// Whether something of a currency stands before something of another; what stands in no line comes last, by code.
    package func comesFirst(_ one: String, _ other: String) -> Bool {
        (ranks[one] ?? .max, one) < (ranks[other] ?? .max, other)
    }

    /// Things of several currencies; those of one stay as they are to each other.
    package func sorted<Element>(_ things: [Element], by currency: (Element) -> String) -> [Element] {
        things.enumerated().sorted { one, other in
            let (left, right) = (currency(one.element), currency(other.element))
            return left == right ? one.offset < other.offset : comesFirst(left, right)
        }.map(\.element)
    }

    package func sorted(_ amounts: [Money]) -> [Money] { sorted(amounts, by: \.currency) }

    /// How something ranks among others by its size.
    package func rank(credits: UInt64 = 0, _ money: Money?) -> SizeRank {
        SizeRank(
            credits: credits, place: money.map { ranks[$0.currency] ?? currencies.count } ?? .max,
            currency: money?.currency ?? "", units: money?.minorUnits.magnitude ?? 0)
    }
}

extension DiscrepancyReport {
    /// The items that are differences and do not only inform: the most credits first, then what moved money alone, by
    /// currency and in each the most first.
    package var differences: [ReportItem] {
        let order = CurrencyOrder(statement)
        var ranked: [(rank: SizeRank, item: ReportItem)] = []
        for item in items where !item.item.isInformation {
            let money: Money? = order.sorted(item.item.amountEffects).first
            ranked.append((order.rank(credits: item.item.creditsEffect.magnitude, money), item))
        }
        ranked.sort { (one: (rank: SizeRank, item: ReportItem), other: (rank: SizeRank, item: ReportItem)) -> Bool in
            if one.rank != other.rank { return one.rank < other.rank }
            return one.item.item.id < other.item.item.id
        }
        return ranked.map(\.item)
    }
}

/// A place in a list that has the largest first: credits, which are one unit, before money; money by its currency, and
/// of one currency by its size. What is less stands first.
package struct SizeRank: Sendable, Hashable, Comparable {
    fileprivate let credits: UInt64
    fileprivate let place: Int
    fileprivate let currency: String
    fileprivate let units: UInt64

    package static func < (one: SizeRank, other: SizeRank) -> Bool {
        if one.credits != other.credits { return one.credits > other.credits }
        if one.place != other.place { return one.place < other.place }
        if one.currency != other.currency { return one.currency < other.currency }
        return one.units > other.units
    }
}
