import Reconciliation

/// The second rows of objects, by object. They are few: each one is for a person to look at.
actor Lookalikes {
    /// White space that an id may have caught, as SQL.
    static let blanks = #"E' \t\r\n\u00A0'"#

    /// SQL for an id without what two spellings of it may differ in. Stripe's ids are ASCII, so that letters fold the
    /// same in every collation, and in the one of bytes the fastest.
    static func plain(_ id: String) -> String { "lower(btrim(\(id), \(blanks)) COLLATE \"C\")" }

    /// Whether a row's id differs from an object's by white space around it or letter case alone.
    static func areAlike(_ rowID: String, _ objectID: String?) -> Bool {
        func plain(_ text: String) -> String {
            let blanks: Set<Character> = [" ", "\t", "\r", "\n", "\r\n", "\u{A0}"]
            let start = text.drop(while: blanks.contains)
            return String(start.reversed().drop(while: blanks.contains).reversed()).lowercased()
        }
        return objectID.map { $0 != rowID && plain($0) == plain(rowID) } ?? false
    }

    /// Second rows by the object that another row names exactly.
    private(set) var rows: [String: [Int64]] = [:]
    /// Every object that some row names by a lookalike.
    private(set) var nearlyNamed: [String] = []

    func add(_ pairs: [DifferingPair]) {
        for found in pairs {
            guard let second = found.pair.secondRow else { continue }
            if let object = second.object { nearlyNamed.append(object) }
            if let object = found.duplicates, let row = second.row { rows[object, default: []].append(row) }
        }
    }
}

extension Pair {
    /// The object and the row of a pair whose row's id only looks like the object's.
    // Inlined into the loop above, it breaks the optimizer of Swift 6.3.
    @inline(never)
    fileprivate var secondRow: (object: String?, row: Int64?)? {
        switch self {
        case .order(let pair) where pair.link == .lookalike: (pair.stripe?.id, pair.order?.rowID)
        case .charge(let pair) where pair.link == .lookalike: (pair.stripe?.id, pair.charge?.rowID)
        case .order, .charge, .notice, .payment: nil
        }
    }
}
