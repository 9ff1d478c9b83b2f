/// One change to an account, while it is being made: the state it works on and what it writes into its events.
struct Change {
    let history: any GeneratedHistory
    let renderer: InvoiceRenderer
    let nowSeconds: Int64
    var requestID: String?
    var idempotencyKey: String?
    /// A silent change writes no event: it stands for one whose events are lost for ever.
    var isSilent = false
    /// Whether the webhooks of its events arrive, as far as nobody real answers them.
    var isDelivered = true
    /// Who answers the webhooks, where somebody does.
    var awaits: WebhookSender?
    /// The events that it wrote.
    var written: [RecordedEvent] = []
    var state: WorldState

    /// The account as it stands within the change.
    var view: WorldView {
        WorldView(history: history, renderer: renderer, nowSeconds: nowSeconds, state: state)
    }

    /// Looks an invoice up by its id.
    func invoice(id: String, param: String) throws(SandboxError) -> InvoiceRecord {
        guard let record = view.invoice(id: id) else { throw .noSuch("invoice", id, param: param) }
        return record
    }

    mutating func record(_ type: String, _ payload: RecordedEvent.Payload) {
        guard !isSilent else { return }
        let event = RecordedEvent(
            serial: Int64(state.events.count), createdSeconds: nowSeconds, type: type, payload: payload,
            requestID: requestID, idempotencyKey: idempotencyKey,
            pendingWebhooks: isDelivered ? awaits?.count(wanting: type) ?? 0 : 1)
        let place = partitionPoint(state.events.count) { state.events[$0].createdSeconds > nowSeconds }
        state.events.insert(event, at: place)
        written.append(event)
    }

    mutating func store(_ record: InvoiceRecord) {
        state.invoices.set(record.index, record, nowSeconds: nowSeconds)
    }

    /// Stores the invoice after a change and writes `invoice.updated` for it.
    mutating func update(_ record: InvoiceRecord, from before: InvoiceRecord) {
        store(record)
        self.record("invoice.updated", .invoice(before: before, record))
    }
}
