import NIOCore

/// Webhooks that are sent for real.
extension World {
    /// From now on the events go to this endpoint as well, in the version that it asks for.
    /// - Throws: ``SandboxStartError`` for a URL that is not on this machine.
    public func subscribe(_ webhook: SandboxWebhook) throws(SandboxStartError) {
        _ = webhooks.reach(clock.nowSeconds)
        try webhooks.subscribe(webhook, secret: account.webhookSecret)
    }

    /// An outage: while it lasts every attempt fails without being sent, and is repeated as after any other failure.
    public func setWebhookOutage(_ isDown: Bool) { webhooks.setDown(isDown) }

    /// What was sent so far, in the order in which it ended.
    public var deliveries: [SandboxDelivered] { webhooks.log }

    /// Waits until no webhook is under way or waits for another attempt.
    /// - Returns: whether that came within the time.
    @discardableResult
    public func settleWebhooks(timeoutSeconds: Double = 30) async -> Bool {
        await webhooks.settle(timeoutSeconds: timeoutSeconds)
    }

    /// Sends events again, as somebody does who presses “Resend” at the dashboard.
    /// - Parameter ids: events of the last 30 days; others are left out.
    /// - Returns: how many were sent.
    @discardableResult
    public func resend(_ ids: [String]) -> Int {
        let view = view
        let found = ids.compactMap { view.event(id: $0) }
        for event in found { post(event) }
        return found.count
    }

    /// Hands an event to everybody who wants it.
    func post(_ record: EventRecord) {
        let seconds = record.event.createdSeconds
        let id = renderer.space.text(record.kind, record.index, createdSeconds: seconds)
        var sent = record
        sent.event.pendingWebhooks = webhooks.count(wanting: record.event.type)
        let view = view
        var customer: CustomerRecord?
        if case .invoice(_, let invoice) = record.event.payload { customer = view.customer(invoice.customer) }
        let event = sent
        webhooks.post(
            .init(kind: record.kind, index: record.index), id: id, type: record.event.type,
            serial: UInt64(bitPattern: record.index)
        ) { version in
            Answer(bound: eventRenderer.sizeBound(event, customer: customer)) { pen in
                eventRenderer.write(event, customer: customer, depth: 0, version: version, to: &pen)
            }.body
        }
    }

    /// The event with what is known of its deliveries.
    func withDeliveries(_ record: EventRecord) -> EventRecord {
        guard let pending = webhooks.pending(.init(kind: record.kind, index: record.index)) else { return record }
        var known = record
        known.event.pendingWebhooks = pending
        return known
    }
}
