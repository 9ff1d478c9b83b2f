import Reconciliation

/// The second rows of objects, by object. They are few: each one is for a person to look at.
actor Lookalikes {
    /// White space that an id may have caught, as SQL.
    static let blanks = #"E' \t\r\n\u00A0'"#

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
        for found in pairs where found.pair.isLookalike {
            if let object = found.pair.existingStripeID { nearlyNamed.append(object) }
            guard let object = found.duplicates, let row = found.pair.rowKey else { continue }
            rows[object, default: []].append(row)
        }
    }
}

extension Pair {
    /// Whether the row's id only looks like the object's.
    fileprivate var isLookalike: Bool {
        switch self {
        case .order(let pair): pair.link == .lookalike
        case .charge(let pair): pair.link == .lookalike
        case .notice, .payment: false
        }
    }
}
