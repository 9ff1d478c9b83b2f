/// Which statements the server of one connection has prepared. At most 64; the one unused for longest goes first.
///
/// Only the words that start a query are cached: preparing BEGIN or SET saves nothing.
struct StatementCache {
    private struct Key: Hashable {
        var sql: String
        var types: [UInt32]
    }
    private struct Entry {
        var name: String
        var lastUse: Int
        var isPrepared: Bool
    }
    enum Use {
        case once
        case prepared(String)
        case prepare(String)
    }

    private static let capacity = 64
    private static let words: Set<String> = ["select", "insert", "update", "delete", "with", "merge", "values"]

    /// False where the server must keep nothing between transactions, as behind PgBouncer in transaction mode.
    var isEnabled = true
    private var entries: [Key: Entry] = [:]
    private var clock = 0
    private var retired: [String] = []

    /// What to do with a statement that is about to run: prepare it the second time it is seen.
    mutating func use(_ sql: String, _ types: [UInt32]) -> Use {
        guard isEnabled, Self.isCacheable(sql) else { return .once }
        clock += 1
        let key = Key(sql: sql, types: types)
        if let entry = entries[key] {
            entries[key]?.lastUse = clock
            return entry.isPrepared ? .prepared(entry.name) : .prepare(entry.name)
        }
        if entries.count >= Self.capacity { evictOldest() }
        entries[key] = Entry(name: "trueup_\(clock)", lastUse: clock, isPrepared: false)
        return .once
    }

    /// Names that the server still knows and nobody will use again; the caller deallocates them.
    mutating func takeRetired() -> [String] {
        defer { retired = [] }
        return retired
    }

    mutating func confirm(_ sql: String, _ types: [UInt32]) {
        entries[Key(sql: sql, types: types)]?.isPrepared = true
    }

    /// Returns whether the statement had been prepared.
    mutating func forget(_ sql: String, _ types: [UInt32]) -> Bool {
        guard let entry = entries.removeValue(forKey: Key(sql: sql, types: types)), entry.isPrepared else {
            return false
        }
        retired.append(entry.name)
        return true
    }

    private mutating func evictOldest() {
        guard let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return }
        entries.removeValue(forKey: oldest.key)
        if oldest.value.isPrepared { retired.append(oldest.value.name) }
    }

    private static func isCacheable(_ sql: String) -> Bool {
        let word = sql.drop(while: \.isWhitespace).prefix { $0.isLetter }
        return word.utf8.count <= 6 && words.contains(word.lowercased())
    }
}
