/// What narrows a list.
struct ListFilter: Sendable {
    var fromSeconds = Int64.min
    var toSeconds = Int64.max
    var limit = 10
    var startingAfter: String?
    var endingBefore: String?
    /// Whether all that pass are counted.
    var counts = false
}

extension WorldView {
    /// A page of `tracks`; `cursor` finds the place of an id, or nothing where the object is not there (any more).
    func page<Row>(
        _ tracks: [Track<Row>], _ filter: ListFilter, noun: String, cursor: (String) -> ListCursor?
    ) throws(SandboxError) -> ListPage<Row> {
        // Nothing from the future can be seen, whatever the window says.
        let listing = Listing(
            tracks: tracks, fromSeconds: filter.fromSeconds, toSeconds: min(filter.toSeconds, nowSeconds + 1))
        var page: ListPage<Row>
        if let id = filter.endingBefore {
            guard let place = cursor(id) else {
                throw .noSuch(noun, id, param: "ending_before", status: 400)
            }
            page = listing.page(before: place, limit: filter.limit)
        } else if let id = filter.startingAfter {
            guard let place = cursor(id) else { throw .noSuch(noun, id, param: "starting_after", status: 400) }
            page = listing.page(after: place, limit: filter.limit)
        } else {
            page = listing.page(after: nil, limit: filter.limit)
        }
        if filter.counts { page.total = listing.count }
        return page
    }

    func invoices(
        _ filter: ListFilter, where isIncluded: @escaping (InvoiceRecord) -> Bool
    ) throws(SandboxError) -> ListPage<InvoiceRecord> {
        let row: (Int64) -> InvoiceRecord? = { index in
            guard let record = invoice(index), !record.isLeftOut, isIncluded(record) else { return nil }
            return record
        }
        let added = state.invoices.added
        let tracks = [
            Track(
                count: Int(history.invoiceCount), createdSeconds: { history.invoiceCreatedSeconds(Int64($0)) },
                row: { row(Int64($0)) }),
            Track(count: added.count, createdSeconds: { added[$0].createdSeconds }, row: { row(added[$0].index) }),
        ]
        return try page(tracks, filter, noun: "invoice") { id in
            guard let record = invoice(id: id) else { return nil }
            guard record.index >= IDSpace.addedBase else {
                return ListCursor(track: 0, position: Int(record.index), createdSeconds: record.createdSeconds)
            }
            let position = state.invoices.position(of: record.index, createdSeconds: record.createdSeconds)
            return position.map { ListCursor(track: 1, position: $0, createdSeconds: record.createdSeconds) }
        }
    }

    /// Intents of their own, those of invoices that went the way of the history, those of invoices finalized by a
    /// change, and added ones: four lists as one.
    func intents(
        _ filter: ListFilter, where isIncluded: @escaping (IntentRecord) -> Bool
    ) throws(SandboxError) -> ListPage<IntentRecord> {
        let isShown: (IntentRecord) -> Bool = { $0.means == .intent && !$0.isLeftOut && isIncluded($0) }
        return try page(intentTracks(isShown), filter, noun: "payment_intent") { id in
            guard let intent = intent(id: id) else { return nil }
            guard let place = intentPlace(intent) else { return nil }
            return ListCursor(track: place.track, position: place.position, createdSeconds: intent.createdSeconds)
        }
    }

    private func intentTracks(_ isIncluded: @escaping (IntentRecord) -> Bool) -> [Track<IntentRecord>] {
        let own: (Int64) -> IntentRecord? = { index in intent(index).flatMap { isIncluded($0) ? $0 : nil } }
        let added = state.intents.added
        let first = Track(
            count: Int(history.intentCount), createdSeconds: { history.intentCreatedSeconds(Int64($0)) },
            row: { own(Int64($0)) })
        let last = Track(
            count: added.count, createdSeconds: { added[$0].createdSeconds }, row: { own(added[$0].index) })
        return [first] + invoiceIntentTracks(isIncluded) + [last]
    }

    /// The intents of invoices that went the way of the history, and those of invoices finalized by a change.
    func invoiceIntentTracks(_ isIncluded: @escaping (IntentRecord) -> Bool) -> [Track<IntentRecord>] {
        let filtered: (IntentRecord?) -> IntentRecord? = { $0.flatMap { isIncluded($0) ? $0 : nil } }
        let late = state.lateIntents
        let delay = history.finalizeDelaySeconds
        return [
            Track(
                count: Int(history.invoiceCount),
                createdSeconds: { history.invoiceCreatedSeconds(Int64($0)) + delay },
                row: { position in
                    guard let record = invoice(Int64(position)), isOnTime(record) else { return nil }
                    return filtered(record.intent)
                }),
            Track(
                count: late.count, createdSeconds: { late[$0].createdSeconds },
                row: { filtered(invoice(late[$0].index)?.intent) }),
        ]
    }

    /// Whether the history, and not a change, finalized this invoice.
    private func isOnTime(_ record: InvoiceRecord) -> Bool {
        guard state.invoices[record.index] != nil else { return true }
        return record.index < IDSpace.addedBase
            && record.finalizedSeconds == history.invoice(record.index).finalizedSeconds
    }

    func intentPlace(_ intent: IntentRecord) -> (track: Int, position: Int)? {
        if intent.kind == .intent {
            guard intent.index >= IDSpace.addedBase else { return (0, Int(intent.index)) }
            let position = state.intents.position(of: intent.index, createdSeconds: intent.createdSeconds)
            return position.map { (3, $0) }
        }
        if let record = invoice(intent.index), isOnTime(record) { return (1, Int(intent.index)) }
        return state.lateIntents.firstIndex { $0.index == intent.index }.map { (2, $0) }
    }
}
