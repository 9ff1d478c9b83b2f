import Reconciliation
import Schedule

/// From when on a statement knows Stripe: from its beginning, unless the job file names a later day.
public struct StatedHistory: Sendable, Hashable {
    /// `history_from` of the job file; `nil`: from the beginning.
    public var day: CivilDate?
    /// From when on the lists of each part have to be read, Unix seconds of `created`.
    public var readFrom: [StatementItem.Scope: Int64]
    /// Parts whose table has a row that is older than the day: their lists have to be read from there.
    public var olderRows: Set<StatementItem.Scope>

    public init(
        day: CivilDate? = nil, readFrom: [StatementItem.Scope: Int64] = [:],
        olderRows: Set<StatementItem.Scope> = []
    ) {
        self.day = day
        self.readFrom = readFrom
        self.olderRows = olderRows
    }
}

extension DiscrepancyReport {
    private var history: StatedHistory { basis.history }

    /// Since when a part counts, in short: `from the beginning`, or `from 2026-03-01`.
    package func beginning(_ part: StatementItem.Scope) -> String {
        guard let day = history.day else { return "from the beginning" }
        return "from \(olderDay(part) ?? day.description)"
    }

    /// The same with who says so, where it is not the beginning.
    package func wholeBeginning(_ part: StatementItem.Scope) -> String {
        guard let day = history.day else { return beginning(part) }
        guard let older = olderDay(part) else { return "from \(day), as the job file says (history_from)" }
        return "from \(older), as a row of the table is older than the job file says (history_from \(day))"
    }

    /// The day from which on a part was read whose table has a row of before the job file's day.
    private func olderDay(_ part: StatementItem.Scope) -> String? {
        guard history.olderRows.contains(part) else { return nil }
        return history.readFrom[part].flatMap { clock.day($0) }
    }

    /// Since when Stripe counts, in a sentence without its end, where it is not the beginning; `nil` where it is.
    package var shortHistory: String? {
        guard history.day != nil else { return nil }
        let parts = statedParts
        return "Stripe counts " + sentence(parts.map { (beginning($0), $0) })
    }

    /// The same with who says so.
    package var wholeHistory: String? {
        guard history.day != nil else { return nil }
        return "Stripe counts " + sentence(statedParts.map { (wholeBeginning($0), $0) })
    }

    private var statedParts: [StatementItem.Scope] {
        let parts = StatementItem.Scope.allCases.filter { history.readFrom[$0] != nil }
        return parts.isEmpty ? [.credits] : parts
    }

    /// Once where all say the same, else for each part.
    private func sentence(_ words: [(text: String, part: StatementItem.Scope)]) -> String {
        guard Set(words.map { $0.text }).count > 1 else { return words.first?.text ?? "" }
        return words.map { "\($0.text) (\($0.part.rawValue))" }.joined(separator: " and ")
    }
}
