/// What happens by itself when time passes.
extension World {
    /// Finalizes the drafts whose hour is over, each at its own second, and sends the webhooks of what the history had
    /// in store. A clock that went back does nothing.
    func catchUp() {
        let now = clock.nowSeconds
        while let due = nextDraft(until: now) {
            // A draft that was deleted, voided or paid meanwhile needs nobody.
            _ = try? change(at: due.dueSeconds) { change throws(SandboxError) in
                guard let invoice = change.view.invoice(due.index), invoice.status == .draft, invoice.autoAdvance
                else { return }
                let open = try change.finalize(invoice)
                if open.sendsInvoice, open.status == .open { _ = try change.send(open) }
            }
        }
        guard webhooks.hasSubscribers else { return }
        let from = webhooks.reach(now)
        guard from < now else { return }
        let view = view
        let entries = eventIndex.entries(of: history, nowSeconds: now)
        let low = partitionPoint(entries.packed.count) { entries.createdSeconds($0) > from }
        let high = partitionPoint(entries.packed.count) { entries.createdSeconds($0) > now }
        for position in low..<max(low, high) {
            let seconds = entries.createdSeconds(position)
            if let event = view.derivedEvent(entries.kind(position), entries.index(position), seconds),
                event.event.pendingWebhooks == 0
            {
                post(event)
            }
        }
    }
}

/// A draft that Stripe will finalize by itself.
struct AdvancingDraft: Sendable {
    var dueSeconds: Int64
    var index: Int64
}

extension Change {
    /// A draft with `auto_advance` is finalized after an hour; one second more, as recorded.
    mutating func schedule(_ invoice: InvoiceRecord) {
        guard invoice.autoAdvance, invoice.status == .draft else { return }
        let draft = AdvancingDraft(
            dueSeconds: max(invoice.createdSeconds, nowSeconds) + 3_601, index: invoice.index)
        let place = partitionPoint(state.advancing.count) { state.advancing[$0].dueSeconds > draft.dueSeconds }
        state.advancing.insert(draft, at: place)
    }
}
