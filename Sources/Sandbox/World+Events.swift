extension World {
    /// The events that can be listed now: those that follow from the history and those that changes wrote.
    func events(
        _ filter: ListFilter, where isIncluded: @escaping (RecordedEvent) -> Bool
    ) throws(SandboxError) -> ListPage<EventRecord> {
        let view = view
        let entries = eventIndex.entries(of: history, nowSeconds: view.nowSeconds)
        let recorded = view.state.events
        var bounded = filter
        bounded.fromSeconds = max(filter.fromSeconds, view.nowSeconds - EventIndex.horizonSeconds)
        let tracks = [
            Track<EventRecord>(
                count: entries.packed.count, createdSeconds: { entries.createdSeconds($0) },
                row: { position in
                    let event = view.derivedEvent(
                        entries.kind(position), entries.index(position), entries.createdSeconds(position))
                    return event.map(self.withDeliveries).flatMap { isIncluded($0.event) ? $0 : nil }
                }),
            Track(
                count: recorded.count, createdSeconds: { recorded[$0].createdSeconds },
                row: { position in
                    let event = recorded[position]
                    let record = self.withDeliveries(
                        EventRecord(kind: .recordedEvent, index: event.serial, event: event))
                    return isIncluded(record.event) ? record : nil
                }),
        ]
        return try view.page(tracks, bounded, noun: "event") { id in
            guard let event = view.event(id: id) else { return nil }
            let seconds = event.event.createdSeconds
            if event.kind == .recordedEvent {
                let position = recorded.firstIndex { $0.serial == event.index }
                return position.map { ListCursor(track: 1, position: $0, createdSeconds: seconds) }
            }
            guard let kind = EventIndex.Kind(rawValue: UInt64(event.index & 63)) else { return nil }
            return entries.position(kind, event.index >> 6, createdSeconds: seconds)
                .map { ListCursor(track: 0, position: $0, createdSeconds: seconds) }
        }
    }
}

extension WorldView {
    /// The event with this id, of the last 30 days.
    func event(id: String) -> EventRecord? {
        let found: EventRecord?
        if let serial = space.index(of: id, kind: .recordedEvent) {
            found = state.events.first { $0.serial == serial }
                .map { EventRecord(kind: .recordedEvent, index: serial, event: $0) }
        } else if let index = space.index(of: id, kind: .event),
            let kind = EventIndex.Kind(rawValue: UInt64(index & 63)),
            let seconds = derivedSeconds(kind, index >> 6)
        {
            found = derivedEvent(kind, index >> 6, seconds)
        } else {
            found = nil
        }
        guard let found, found.event.createdSeconds >= nowSeconds - EventIndex.horizonSeconds,
            found.event.createdSeconds <= nowSeconds,
            space.text(found.kind, found.index, createdSeconds: found.event.createdSeconds) == id
        else { return nil }
        return found
    }

    /// When the history says that this happened; `nil` if it never does.
    private func derivedSeconds(_ kind: EventIndex.Kind, _ index: Int64) -> Int64? {
        var seconds: Int64?
        if kind.isOwnIntent {
            guard index < history.intentCount else { return nil }
            history.forEachIntentEvent(index) { if $0 == kind { seconds = $1 } }
        } else {
            guard index < history.invoiceCount else { return nil }
            history.forEachInvoiceEvent(index) { if $0 == kind { seconds = $1 } }
        }
        return seconds
    }

    /// An event of the history with the object as it stood then; `nil` where a change took another way before.
    func derivedEvent(_ kind: EventIndex.Kind, _ index: Int64, _ seconds: Int64) -> EventRecord? {
        let change = kind.isOwnIntent ? state.intents[index]?.sinceSeconds : state.invoices[index]?.sinceSeconds
        if let change, change < seconds { return nil }
        var event = RecordedEvent(
            serial: index << 6 | Int64(kind.rawValue), createdSeconds: seconds, type: kind.type,
            payload: derivedPayload(kind, index, seconds))
        if kind == .invoiceFinalized {
            event.pendingWebhooks = history.isUndelivered(finalizationOf: index) ? 1 : 0
        }
        if kind.endsInvoice { event.pendingWebhooks = history.isUndelivered(invoice: index) ? 1 : 0 }
        if kind.endsIntent { event.pendingWebhooks = history.isUndelivered(intent: index) ? 1 : 0 }
        return EventRecord(kind: .event, index: event.serial, event: event)
    }

    private func derivedPayload(
        _ kind: EventIndex.Kind, _ index: Int64, _ seconds: Int64
    ) -> RecordedEvent.Payload {
        if kind.isOwnIntent {
            let intent = history.intent(index).asOf(kind == .ownIntentCreated ? intentCreated(index) : seconds)
            return part(kind, of: intent).map { .part($0) } ?? .intent(intent)
        }
        let invoice = history.invoice(index)
        switch kind {
        case .invoiceCreated, .invoiceDeleted: return .invoice(before: nil, invoice.at(.draft))
        case .invoiceFinalized: return .invoice(before: nil, invoice.at(.open))
        case .invoiceOpened: return .invoice(before: invoice.at(.draft), invoice.at(.open))
        case .invoiceEnded: return .invoice(before: invoice.at(.open), invoice.asOf(seconds))
        case .intentCreated: return .intent(invoice.at(.open).intent ?? history.intent(0))
        case .intentSucceeded, .intentCanceled:
            return .intent(invoice.asOf(seconds).intent ?? history.intent(0))
        case .creditNoteCreated:
            return invoice.asOf(seconds).creditNote(0).map { .part($0) } ?? .invoice(before: nil, invoice)
        default:
            let then = invoice.asOf(seconds)
            return then.intent.flatMap { part(kind, of: $0) }.map { .part($0) } ?? .invoice(before: nil, then)
        }
    }

    private func intentCreated(_ index: Int64) -> Int64 { history.intentCreatedSeconds(index) }

    /// The charge, refund or dispute that an event is about.
    private func part(_ kind: EventIndex.Kind, of intent: IntentRecord) -> PartRecord? {
        switch kind {
        case .chargeSucceeded, .ownChargeSucceeded: intent.latestCharge
        case .ownChargeFailed: intent.latestCharge
        case .refundCreated, .ownRefundCreated: intent.record(.refund, 0)
        case .chargeRefunded, .ownChargeRefunded:
            intent.aftermath.refunds.first.flatMap { intent.record(.charge, $0.attempt) }
        case .disputeCreated, .ownDisputeCreated: intent.record(.dispute, 0)
        default: nil
        }
    }
}

extension EventIndex.Kind {
    /// About a payment intent that belongs to no invoice.
    var isOwnIntent: Bool { rawValue >= Self.ownIntentCreated.rawValue }

    /// Whether a webhook handler acts on it.
    var endsInvoice: Bool {
        switch self {
        case .invoicePaid, .invoicePaymentSucceeded, .invoiceVoided, .invoiceMarkedUncollectible: true
        default: false
        }
    }

    /// The same for a payment intent of its own.
    var endsIntent: Bool {
        self == .ownIntentSucceeded || self == .ownIntentCanceled || self == .ownIntentFailed
    }
}
