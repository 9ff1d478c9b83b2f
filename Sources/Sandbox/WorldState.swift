/// Everything that was changed in one account. A value: a reader takes a copy and is not disturbed by later changes.
struct WorldState: Sendable {
    var invoices = Overlay<InvoiceRecord>()
    var intents = Overlay<IntentRecord>()
    var customers = Overlay<CustomerRecord>()
    var items = Overlay<ItemRecord>()
    /// Invoices that were finalized by a change, in the order of finalization: their intents are listed from here.
    var lateIntents: [Overlay<InvoiceRecord>.Added] = []
    /// Invoices that a payment intent paid together with others, in the order of these intents: their further payments
    /// are listed from here.
    var sharedPayments: [Overlay<InvoiceRecord>.Added] = []
    /// Drafts that Stripe finalizes by itself, the first one first.
    var advancing: [AdvancingDraft] = []
    /// Charges, refunds, disputes and credit notes that changes made, by kind.
    var lateParts = [LateParts](repeating: LateParts(), count: Part.Kind.allCases.count)
    /// Payment methods, bank accounts and setup intents that were made through the API; the place is the index.
    var methods: [MethodRecord] = []
    var banks: [BankRecord] = []
    var setups: [SetupRecord] = []
    /// Ordered by creation time and serial.
    var events: [RecordedEvent] = []
}

/// A line that waits for an invoice, or stands on one.
struct ItemRecord: Sendable {
    var index: Int64
    var createdSeconds: Int64
    var customer: Int64
    /// The invoice it stands on, with the creation time that is part of its id.
    var invoice: (index: Int64, createdSeconds: Int64)?
    var amount: Int64
    var quantity: Int64
    var unitAmount: Int64
    var currency: Currency
    var description: String?
    var metadata: [(key: String, value: String)] = []

    var line: InvoiceWords.Line {
        InvoiceWords.Line(
            item: index, amount: amount, quantity: quantity, unitAmount: unitAmount, description: description,
            metadata: metadata, createdSeconds: createdSeconds)
    }
}

/// An event that a change wrote.
struct RecordedEvent: Sendable {
    enum Payload: Sendable {
        /// The invoice before (of an update) and after the change.
        case invoice(before: InvoiceRecord?, InvoiceRecord)
        case intent(IntentRecord)
        case customer(CustomerRecord)
        case item(ItemRecord)
        case part(PartRecord)
    }

    var serial: Int64
    var createdSeconds: Int64
    var type: String
    var payload: Payload
    var requestID: String?
    var idempotencyKey: String?
    /// How many endpoints have not answered 2xx to its webhook.
    var pendingWebhooks: Int64 = 0
}

/// The account at one moment: the history, what was changed, and the time.
struct WorldView: Sendable {
    let history: any GeneratedHistory
    let renderer: InvoiceRenderer
    let nowSeconds: Int64
    let state: WorldState

    var space: IDSpace { renderer.space }

    func invoice(_ index: Int64) -> InvoiceRecord? {
        if let change = state.invoices[index] { return change.record }
        guard index < history.invoiceCount, history.invoiceCreatedSeconds(index) <= nowSeconds else { return nil }
        switch history.invoiceFate(index) {
        case .never: return nil
        case .deleted(let seconds) where seconds <= nowSeconds: return nil
        case .deleted, .exists: return history.invoice(index).asOf(nowSeconds)
        }
    }

    func invoice(id: String) -> InvoiceRecord? {
        guard let index = space.index(of: id, kind: .invoice), let record = invoice(index),
            space.text(.invoice, index, createdSeconds: record.createdSeconds) == id
        else { return nil }
        return record
    }

    func customer(_ index: Int64) -> CustomerRecord? {
        if let change = state.customers[index] { return change.record }
        return index >= 0 && index < history.customerCount ? history.customer(index) : nil
    }

    func customer(id: String) -> CustomerRecord? {
        guard let index = space.index(of: id, kind: .customer), let record = customer(index),
            space.text(.customer, index, createdSeconds: 0) == id
        else { return nil }
        return record
    }

    /// A payment intent of its own.
    func intent(_ index: Int64) -> IntentRecord? {
        if let change = state.intents[index] { return change.record }
        guard index < history.intentCount, history.hasIntent(index),
            history.intentCreatedSeconds(index) <= nowSeconds
        else { return nil }
        return history.intent(index).asOf(nowSeconds)
    }

    func intent(id: String) -> IntentRecord? {
        let found: IntentRecord?
        if let index = space.index(of: id, kind: .intent) {
            found = intent(index)
        } else if let index = space.index(of: id, kind: .invoiceIntent) {
            let own = invoice(index)?.intent
            found = own?.means == .intent ? own : nil
        } else {
            found = nil
        }
        guard let found, space.text(found.kind, found.index, createdSeconds: found.createdSeconds) == id else {
            return nil
        }
        return found
    }
}
