/// How old a difference is, in the buckets that finance reads.
public enum AgingBucket: Int, CaseIterable, Sendable, Hashable, Comparable {
    case upTo1, upTo7, upTo30, upTo60, upTo90, over90

    /// - Parameter days: whole days; less than 0 counts as 0.
    public init(days: Int64) {
        self =
            switch days {
            case ...1: .upTo1
            case ...7: .upTo7
            case ...30: .upTo30
            case ...60: .upTo60
            case ...90: .upTo90
            default: .over90
            }
    }

    /// `0–1`, `2–7` and so on: whole days, both ends included.
    public var label: String {
        switch self {
        case .upTo1: "0–1"
        case .upTo7: "2–7"
        case .upTo30: "8–30"
        case .upTo60: "31–60"
        case .upTo90: "61–90"
        case .over90: "over 90"
        }
    }

    public static func < (one: AgingBucket, other: AgingBucket) -> Bool { one.rawValue < other.rawValue }
}

/// Whole days between two instants.
public enum Aging {
    /// How many whole days of 86,400 seconds lie between `sinceSeconds` and the cut-off; 0 when it arose after it.
    public static func days(sinceSeconds: Int64, cutOffSeconds: Int64) -> Int64 {
        guard sinceSeconds < cutOffSeconds else { return 0 }
        // The distance of two Int64 always fits UInt64.
        let seconds = UInt64(bitPattern: cutOffSeconds) &- UInt64(bitPattern: sinceSeconds)
        return Int64(seconds / 86_400)
    }
}

/// One cell of the aging table. Amounts are net, one for each currency, in order of the currency.
public struct AgingCell: Sendable, Hashable {
    public let kind: FindingKind
    public let bucket: AgingBucket
    public let count: Int64
    public let creditsEffect: Int64
    public let amounts: [Money]
}

/// The open items by kind and age; the cells that have items, by kind in the order of ``FindingKind`` and by age.
public struct AgingTable: Sendable, Hashable {
    public let cells: [AgingCell]

    /// - Parameters:
    ///   - items: those that only inform are not differences and have a table of their own.
    ///   - isInformation: the table of those that only inform.
    public init(
        _ items: [StatementItem], cutOffSeconds: Int64, isInformation: Bool = false
    ) throws(StatementError) {
        var tallies: [FindingKind: [AgingBucket: ItemTotals]] = [:]
        for item in items where item.isInformation == isInformation {
            let days = Aging.days(sinceSeconds: item.sinceSeconds, cutOffSeconds: cutOffSeconds)
            try tallies[item.kind, default: [:]][AgingBucket(days: days), default: ItemTotals()].add(item)
        }
        var cells: [AgingCell] = []
        for kind in FindingKind.allCases {
            guard let row = tallies[kind] else { continue }
            for bucket in AgingBucket.allCases {
                guard let totals = row[bucket] else { continue }
                cells.append(
                    AgingCell(
                        kind: kind, bucket: bucket, count: totals.count, creditsEffect: totals.creditsEffect,
                        amounts: totals.amounts))
            }
        }
        self.cells = cells
    }

    /// How many items of any kind are that old.
    public func count(_ bucket: AgingBucket) -> Int64 {
        cells.reduce(0) { $1.bucket == bucket ? $0 + $1.count : $0 }
    }

    public func cell(_ kind: FindingKind, _ bucket: AgingBucket) -> AgingCell? {
        cells.first { $0.kind == kind && $0.bucket == bucket }
    }

    /// The kinds that have items, in the order of ``FindingKind``.
    public var kinds: [FindingKind] {
        cells.reduce(into: []) { if $0.last != $1.kind { $0.append($1.kind) } }
    }
}

/// A running sum over items, kept apart by currency.
struct ItemTotals {
    private(set) var count: Int64 = 0
    private(set) var creditsEffect: Int64 = 0
    private var byCurrency: [String: Int64] = [:]
    /// Items that move money in a currency.
    private(set) var counts: [String: Int64] = [:]

    mutating func add(_ item: StatementItem) throws(StatementError) {
        count += 1
        if item.scope == .credits {
            creditsEffect = try creditsEffect.plus(item.creditsEffect, "The credits of \(item.kind.rawValue) items")
        }
        for amount in item.amountEffects {
            counts[amount.currency, default: 0] += 1
            byCurrency[amount.currency] = try byCurrency[amount.currency, default: 0].plus(
                amount.minorUnits, "The amount of \(item.kind.rawValue) items in \(amount.currency.uppercased())")
        }
    }

    var amounts: [Money] {
        byCurrency.sorted { $0.key < $1.key }.map { Money(minorUnits: $0.value, currency: $0.key) }
    }
}
