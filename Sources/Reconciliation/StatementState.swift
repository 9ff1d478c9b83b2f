/// What a statement, or one line of it, comes to. A worse state outranks a better one.
public enum StatementState: String, CaseIterable, Sendable, Hashable, Comparable {
    /// Everything that it covers was read, nothing differs, and nothing is open.
    case clean = "CLEAN"
    /// Something differs or is open, and the open items account for all of it (within the tolerance).
    case explained = "EXPLAINED"
    /// A part of a difference, or of the roll-forward, has no item that accounts for it.
    case unexplained = "UNEXPLAINED"
    /// Something was not read, so the figures are not a statement.
    case incomplete = "INCOMPLETE"

    private var rank: Int {
        switch self {
        case .clean: 0
        case .explained: 1
        case .unexplained: 2
        case .incomplete: 3
        }
    }

    public static func < (one: StatementState, other: StatementState) -> Bool { one.rank < other.rank }
}

/// Why a statement cannot be computed at all.
public enum StatementError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sum left `Int64`; `what` names the sum.
    case overflow(what: String)
    /// Two sets of figures for one agency (and currency).
    case duplicateAgency(String)
    /// Two items with one identity.
    case duplicateItem(String)

    public var description: String {
        switch self {
        case .overflow(let what):
            "\(what) is outside ±9,223,372,036,854,775,807: check the rows behind it, one of them is out of range."
        case .duplicateAgency(let agency):
            "\(agency) has two sets of figures: the query behind the statement must give one row for each."
        case .duplicateItem(let id):
            "Item \(id) was given twice: every item has one identity."
        }
    }
}

/// The instant up to which a statement counts, half-open: what happened at or after it belongs to the next one.
public struct StatementCutOff: Sendable, Hashable {
    /// Unix seconds.
    public var seconds: Int64
    /// The IANA name of the zone in which the cut-off was chosen.
    public var zone: String
    /// The wall clock there, such as `2026-03-08 00:00 -05:00`.
    public var localText: String
    /// The same instant in UTC, such as `2026-03-08 05:00 UTC`.
    public var utcText: String

    public init(seconds: Int64, zone: String, localText: String, utcText: String) {
        self.seconds = seconds
        self.zone = zone
        self.localText = localText
        self.utcText = utcText
    }

    /// Whether something that happened then belongs to the statement.
    public func contains(_ seconds: Int64) -> Bool { seconds < self.seconds }
}

extension Int64 {
    /// The sum, or an error that names it.
    package func plus(_ other: Int64, _ what: @autoclosure () -> String) throws(StatementError) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        if overflow { throw .overflow(what: what()) }
        return sum
    }

    /// The product.
    package func times(_ factor: Int64, _ what: @autoclosure () -> String) throws(StatementError) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        if overflow { throw .overflow(what: what()) }
        return product
    }

    /// The difference, or an error that names it.
    package func minus(_ other: Int64, _ what: @autoclosure () -> String) throws(StatementError) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        if overflow { throw .overflow(what: what()) }
        return difference
    }
}
