import Synchronization

/// The charges, refunds, disputes and credit notes that follow from a history, ordered by their creation: sixteen bytes
/// each, built when somebody first lists one of them.
final class PartIndex: Sendable {
    /// Where a part stands, without its kind.
    struct Entry: Sendable, Comparable {
        var createdSeconds: Int64
        var index: Int64

        func part(_ kind: Part.Kind) -> Part { Part(kind, index: index) }

        static func < (left: Entry, right: Entry) -> Bool {
            (left.createdSeconds, left.index) < (right.createdSeconds, right.index)
        }
    }

    private let cache = Mutex<[[Entry]]?>(nil)

    func entries(_ kind: Part.Kind, of history: any GeneratedHistory) -> [Entry] {
        cache.withLock { cache in
            let all = cache ?? Self.build(history)
            cache = all
            return all[kind.rawValue]
        }
    }

    static func position(of part: Part, createdSeconds: Int64, in entries: [Entry]) -> Int? {
        let entry = Entry(createdSeconds: createdSeconds, index: part.index)
        let place = partitionPoint(entries.count) { entries[$0] >= entry }
        return place < entries.count && entries[place] == entry ? place : nil
    }

    private static func build(_ history: any GeneratedHistory) -> [[Entry]] {
        var all = [[Entry]](repeating: [], count: Part.Kind.allCases.count)
        func add(_ record: PartRecord?) {
            guard let record else { return }
            all[record.part.kind.rawValue].append(
                Entry(createdSeconds: record.createdSeconds, index: record.part.index))
        }
        func add(_ intent: IntentRecord) {
            for number in intent.attempts.indices { add(intent.record(.charge, number)) }
            for number in intent.aftermath.refunds.indices { add(intent.record(.refund, number)) }
            for number in intent.aftermath.disputes.indices { add(intent.record(.dispute, number)) }
        }
        for index in 0..<history.intentCount where history.hasIntent(index) { add(history.intent(index)) }
        for index in 0..<history.invoiceCount {
            if case .exists = history.invoiceFate(index) {} else { continue }
            let invoice = history.invoice(index)
            if let intent = invoice.intent { add(intent) }
            for number in invoice.aftermath.creditNotes.indices { add(invoice.creditNote(number)) }
        }
        for kind in all.indices { all[kind].sort() }
        return all
    }
}

/// The parts of one kind that changes made, ordered by their creation.
struct LateParts: Sendable {
    private(set) var added: [PartIndex.Entry] = []
    private var known: Set<Int64> = []

    func contains(_ index: Int64) -> Bool { known.contains(index) }

    mutating func add(_ index: Int64, createdSeconds: Int64) {
        guard known.insert(index).inserted else { return }
        let entry = PartIndex.Entry(createdSeconds: createdSeconds, index: index)
        added.insert(entry, at: partitionPoint(added.count) { added[$0] > entry })
    }

    func position(of index: Int64, createdSeconds: Int64) -> Int? {
        let entry = PartIndex.Entry(createdSeconds: createdSeconds, index: index)
        let place = partitionPoint(added.count) { added[$0] >= entry }
        return place < added.count && added[place] == entry ? place : nil
    }
}
