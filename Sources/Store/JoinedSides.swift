import PostgreSQL
import Reconciliation

/// What one outer join said.
struct JoinedSides: Sendable {
    /// Objects that may differ, by id: where each is in its table.
    struct Objects: Sendable {
        /// A row names them exactly.
        var matched: [String: String] = [:]
        /// No row does, and one has to.
        var alone: [String: String] = [:]
        /// No row does; whether one has to takes another look.
        var unsure: [String: String] = [:]
        /// The rows that they name.
        var names: Set<String> = []

        func place(of id: String) -> String? { matched[id] ?? alone[id] ?? unsure[id] }

        var count: Int { matched.count + alone.count + unsure.count }
    }

    /// Local rows that were compared.
    fileprivate(set) var rows: Int64 = 0
    /// Those of them that were made before the period.
    fileprivate(set) var olderRows: Int64 = 0
    /// Staged objects, absent ones left out.
    fileprivate(set) var staged: Int64 = 0
    /// `nil`: more than may be held.
    fileprivate(set) var objects: Objects? = Objects()
    /// Rows that no object matches exactly; `nil`: more than may be held.
    fileprivate(set) var keys: [Int64]? = []
    /// Rows that have to be compared and cannot.
    fileprivate(set) var odd: Int64 = 0
    /// The first few of their keys.
    fileprivate(set) var oddKeys: [Int64] = []
    fileprivate var agreed: [(currency: String, count: Int64, amount: String)] = []

    /// The objects in no difference, by lower-case currency.
    /// - Throws: where a sum does not fit into 64 bits.
    func tallies() throws -> [String: Tally] {
        var tallies: [String: Tally] = [:]
        for (currency, count, text) in agreed {
            guard let amount = Int64(text) else { throw SumTooLarge(currency: currency, sum: text) }
            let sum = Tally(count: count, amount: amount)
            // Two spellings of one currency are two groups of the join.
            tallies[currency.lowercased()] = try (tallies[currency.lowercased()] ?? Tally()).plus(sum)
        }
        return tallies
    }
}

extension Tally {
    func plus(_ other: Tally) throws -> Tally {
        Tally(count: count + other.count, amount: try amount.plus(other.amount, "The sum of what agrees"))
    }

    func negative() throws -> Tally {
        Tally(count: -count, amount: try Int64(0).minus(amount, "The sum of what agrees"))
    }
}

/// A sum of money that no 64 bits hold.
struct SumTooLarge: Error, CustomStringConvertible {
    let currency: String
    let sum: String

    var description: String {
        "The objects in \(currency) that agree add up to \(sum) in minor units, which does not fit into 64 bits; no "
            + "control total can be made of them. Look for an absurd amount among them."
    }
}

/// Takes the rows of an ``OuterJoin``.
actor JoinReading {
    private let candidatesMax: Int
    private(set) var sides = JoinedSides()

    init(candidatesMax: Int) { self.candidatesMax = candidatesMax }

    func add(_ rows: [Row]) throws {
        for row in rows { try add(row) }
    }

    private func add(_ row: Row) throws {
        sides.rows += try row["local"] as Int64
        sides.olderRows += try row["older"] as Int64
        sides.staged += try row["staged"] as Int64
        let number: Int32 = try row["class"]
        guard let joinClass = JoinClass(rawValue: number) else {
            preconditionFailure("the outer join has no class \(number)")
        }
        switch joinClass {
        case .nothing: break
        case .agreed:
            sides.agreed.append((try row["tag"], try row["n"], try row["amount"]))
        case .row:
            guard let keys = sides.keys else { break }
            guard keys.count < candidatesMax else {
                sides.keys = nil
                break
            }
            sides.keys?.append(try key(row))
        case .matched: try hold(row, \.matched)
        case .alone: try hold(row, \.alone)
        case .unsure: try hold(row, \.unsure)
        case .odd:
            sides.odd += try row["n"] as Int64
            sides.oddKeys.append(try key(row))
            // The groups come in any order.
            sides.oddKeys = Array(sides.oddKeys.sorted().prefix(OddRows.examplesMax))
        }
    }

    private func key(_ row: Row) throws -> Int64 {
        let text: String = try row["tag"]
        guard let key = Int64(text) else { preconditionFailure("\(text) is no key") }
        return key
    }

    private func hold(_ row: Row, _ part: WritableKeyPath<JoinedSides.Objects, [String: String]>) throws {
        guard let count = sides.objects?.count else { return }
        guard count < candidatesMax else {
            sides.objects = nil
            return
        }
        let id: String = try row["tag"]
        let place: String = try row["place"]
        sides.objects?[keyPath: part][id] = place
        if let name = try row["name"] as String? { sides.objects?.names.insert(name) }
    }
}
