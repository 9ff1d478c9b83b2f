import Reconciliation

/// What a column holds; every cell of it has this type or is empty.
package enum ColumnType: String, Sendable, Hashable {
    case text, id, count, credits, money, time, share
    /// A table of names and values, whose values have any type.
    case mixed
}

package struct Column: Sendable, Hashable {
    /// The name in JSON and CSV.
    package let key: String
    /// The heading for people.
    package let title: String
    package let type: ColumnType
    /// In characters, for spreadsheets.
    package let width: Int

    package init(_ key: String, _ title: String, _ type: ColumnType, _ width: Int) {
        self.key = key
        self.title = title
        self.type = type
        self.width = width
    }

    /// In JSON, the member beside a value of any type that says what a bare number in it counts; `nil` where the sheet
    /// has a column for that, or the column's type says it.
    func unitKey(in columns: [Column]) -> String? {
        type == .mixed && !columns.contains { $0.key == "unit" } ? key + "_unit" : nil
    }
}

/// What a bare number in a column of any type counts.
enum CellUnit: String, CaseIterable {
    case count, credits
    /// 9,222 is 92.22 %.
    case share = "per 10000"
}

package enum Cell: Sendable, Hashable {
    case empty
    case text(String)
    /// An identifier: never a number, whatever its digits.
    case id(String)
    case link(id: String, url: String)
    case count(Int64)
    case credits(Int64)
    case money(Money)
    /// Unix seconds.
    case time(Int64)
    /// Parts of 10,000.
    case share(Int64)

    /// What its number counts; `nil` of money, which has its currency, and of what is no number.
    var unit: CellUnit? {
        switch self {
        case .count: .count
        case .credits: .credits
        case .share: .share
        default: nil
        }
    }

    static func text(_ text: String?) -> Cell { text.map { .text($0) } ?? .empty }
    static func id(_ id: String?) -> Cell { id.map { .id($0) } ?? .empty }
    static func id(_ id: Int64?) -> Cell { id.map { .id(String($0)) } ?? .empty }
    static func count(_ count: Int64?) -> Cell { count.map { .count($0) } ?? .empty }
    static func credits(_ credits: Int64?) -> Cell { credits.map { .credits($0) } ?? .empty }
    static func money(_ money: Money?) -> Cell { money.map { .money($0) } ?? .empty }
    static func time(_ seconds: Int64?) -> Cell { seconds.map { .time($0) } ?? .empty }
}

/// One table of the report. All formats render the same sheets, so that they cannot contradict each other.
package struct Sheet: Sendable {
    /// The name of its file in CSV and of its list in JSON, such as `open_items`.
    package let key: String
    package let title: String
    package let columns: [Column]
    package let rowCount: Int
    /// Makes the row with an index below `rowCount`; rows are made one at a time, never all at once.
    package let row: @Sendable (Int) -> [Cell]
    /// Lines with the sums, for the formats that people read; machines find them in the summary.
    package let totals: [[Cell]]

    package init(
        _ key: String, _ title: String, _ columns: [Column], rowCount: Int, totals: [[Cell]] = [],
        row: @escaping @Sendable (Int) -> [Cell]
    ) {
        self.key = key
        self.title = title
        self.columns = columns
        self.rowCount = rowCount
        self.row = row
        self.totals = totals
    }

    package init<Element: Sendable>(
        _ key: String, _ title: String, _ columns: [Column], _ elements: [Element],
        totals: [[Cell]] = [], row: @escaping @Sendable (Element) -> [Cell]
    ) {
        self.init(key, title, columns, rowCount: elements.count, totals: totals) { row(elements[$0]) }
    }

    /// `open-items.csv`.
    var fileName: String { String(key.map { $0 == "_" ? "-" : $0 }) + ".csv" }
}
