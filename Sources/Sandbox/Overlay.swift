/// What was changed in an account: objects that differ from the history, deleted ones, and added ones.
struct Overlay<Record: Sendable>: Sendable {
    /// What became of an object; no record means that it is deleted.
    struct Change: Sendable {
        var record: Record?
        /// When it left the path that the history had for it.
        var sinceSeconds: Int64
    }

    /// An added object in the order of creation.
    struct Added: Sendable {
        var createdSeconds: Int64
        var index: Int64
    }

    private(set) var changes: [Int64: Change] = [:]
    private(set) var added: [Added] = []

    subscript(index: Int64) -> Change? { changes.isEmpty ? nil : changes[index] }

    mutating func set(_ index: Int64, _ record: Record?, nowSeconds: Int64) {
        let since = changes[index]?.sinceSeconds ?? nowSeconds
        changes[index] = Change(record: record, sinceSeconds: since)
    }

    /// An index for a new object.
    var nextIndex: Int64 { IDSpace.addedBase + Int64(added.count) }

    mutating func add(_ record: Record, index: Int64, createdSeconds: Int64) {
        changes[index] = Change(record: record, sinceSeconds: createdSeconds)
        let place = partitionPoint(added.count) {
            (added[$0].createdSeconds, added[$0].index) > (createdSeconds, index)
        }
        added.insert(Added(createdSeconds: createdSeconds, index: index), at: place)
    }

    /// Where an added object stands among the added ones.
    func position(of index: Int64, createdSeconds: Int64) -> Int? {
        let place = partitionPoint(added.count) {
            (added[$0].createdSeconds, added[$0].index) >= (createdSeconds, index)
        }
        return place < added.count && added[place].index == index ? place : nil
    }
}
