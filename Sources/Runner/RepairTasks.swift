import Reconciliation

/// Findings that are to be repaired, over the differences that they are about.
///
/// A task is made when its turn comes: what was judged is held once, however many of it are repaired.
struct RepairTasks: Sendable {
    private struct Entry: Sendable {
        let findingID: Int64
        /// In `judged`.
        let index: Int
        /// The hash that the row must still have, where a plan is applied.
        let rowHash: String?
    }

    private var judged: [Judged]
    private var entries: [Entry] = []

    /// - Parameter judged: what findings are added of by their place in it.
    init(of judged: [Judged] = []) { self.judged = judged }

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }

    /// Adds a finding.
    /// - Parameter index: of its difference among those that this was made of.
    /// - Returns: false where nothing can be, or is to be, done about it.
    @discardableResult
    mutating func add(_ findingID: Int64, at index: Int) -> Bool {
        guard Remedy(judged[index]) != nil else { return false }
        entries.append(Entry(findingID: findingID, index: index, rowHash: nil))
        return true
    }

    /// Adds a finding with its difference.
    /// - Returns: false where nothing can be, or is to be, done about it.
    mutating func add(_ findingID: Int64, _ difference: Judged, rowHash: String?) -> Bool {
        guard Remedy(difference) != nil else { return false }
        entries.append(Entry(findingID: findingID, index: judged.count, rowHash: rowHash))
        judged.append(difference)
        return true
    }

    /// Those of one comparison.
    func of(_ subject: Subject) -> RepairTasks {
        var part = self
        part.entries = entries.filter { subject.owns(judged[$0.index]) }
        return part
    }

    subscript(place: Int) -> Repairer.Task {
        let entry = entries[place]
        guard
            let task = Repairer.Task(findingID: entry.findingID, judged: judged[entry.index], rowHash: entry.rowHash)
        else { preconditionFailure("only what can be repaired is added") }
        return task
    }
}
