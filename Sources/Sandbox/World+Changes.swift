/// Changes from within the process, as a customer or somebody at the dashboard makes them. Each writes its events,
/// unless the delivery says otherwise, and each throws Stripe's own refusal.
extension World {
    /// Pays an invoice. A draft is finalized before.
    /// - Parameter paidSeconds: what `paid_at` says; the events come now all the same.
    public func pay(
        _ id: String, paidSeconds: Int64? = nil, outOfBand: Bool = false, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try change.pay(
                try change.invoice(id: id, param: "id"), outOfBand: outOfBand, paidSeconds: paidSeconds)
        }
    }

    /// Finalizes a draft.
    public func finalize(_ id: String, delivery: SandboxDelivery = .delivered) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try change.finalize(try change.invoice(id: id, param: "id"))
        }
    }

    /// Voids an open invoice.
    public func void(_ id: String, delivery: SandboxDelivery = .delivered) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try change.void(try change.invoice(id: id, param: "id"))
        }
    }

    /// Gives an open invoice up.
    public func markUncollectible(_ id: String, delivery: SandboxDelivery = .delivered) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try change.markUncollectible(try change.invoice(id: id, param: "id"))
        }
    }

    /// Deletes a draft; `invoice.deleted` is all that stays.
    public func deleteDraft(_ id: String, delivery: SandboxDelivery = .delivered) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            try change.delete(try change.invoice(id: id, param: "invoice"))
        }
    }

    /// Makes an invoice or a payment intent vanish without a trace, whatever its state: what Stripe never does, and a
    /// cursor has to survive.
    public func erase(_ id: String) throws(SandboxError) {
        try change(delivery: .lost) { change throws(SandboxError) in
            if let intent = change.view.intent(id: id), intent.kind == .intent {
                return change.state.intents.set(intent.index, nil, nowSeconds: change.nowSeconds)
            }
            let invoice = try change.invoice(id: id, param: "invoice")
            change.state.invoices.set(invoice.index, nil, nowSeconds: change.nowSeconds)
        }
    }

    /// Merges into the metadata; an empty value removes its key.
    public func setMetadata(
        _ id: String, _ metadata: [String: String], delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        let pairs = metadata.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try change.updateWords(try change.invoice(id: id, param: "id"), param: nil) { invoice in
                let old = invoice.words?.metadata ?? []
                invoice.words?.metadata = merged(old, with: pairs)
            }
        }
    }

    /// Adds a draft and gives back its id.
    public func insert(
        _ draft: SandboxInvoiceDraft, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) -> String {
        guard let currency = Currency(draft.currency) else {
            throw SandboxError(400, "Invalid currency: \(draft.currency)", param: "currency")
        }
        let made = try change(delivery: delivery) { change throws(SandboxError) in
            let customer = try customerIndex(draft.customerID, &change)
            var record = InvoiceRecord(
                index: 0, hash: 0, createdSeconds: draft.createdSeconds ?? change.nowSeconds)
            record.currency = currency
            record.customer = customer
            record.autoAdvance = draft.autoAdvance
            record.sendsInvoice = draft.daysUntilDue != nil
            record.dueSeconds = draft.daysUntilDue.map { record.createdSeconds + $0 * 86_400 }
            if draft.isSubscription { record.subscription = customer }
            let item = ItemRecord(
                index: change.state.items.nextIndex, createdSeconds: record.createdSeconds, customer: customer,
                invoice: (change.state.invoices.nextIndex, record.createdSeconds), amount: draft.amount, quantity: 1,
                unitAmount: draft.amount, currency: currency, description: draft.description)
            change.state.items.add(item, index: item.index, createdSeconds: item.createdSeconds)
            let metadata = draft.metadata.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
            let words = InvoiceWords(
                metadata: metadata, description: draft.description, footer: nil, lines: [item.line])
            return change.createInvoice(record, words: words)
        }
        return renderer.space.text(.invoice, made.index, createdSeconds: made.createdSeconds)
    }

    func customerIndex(_ id: String?, _ change: inout Change) throws(SandboxError) -> Int64 {
        guard let id else {
            let now = change.nowSeconds
            return change.createCustomer { index in
                CustomerRecord(index: index, createdSeconds: now, hash: scrambled(UInt64(bitPattern: index)))
            }.index
        }
        guard let customer = change.view.customer(id: id) else {
            throw .noSuch("customer", id, param: "customer", status: 400)
        }
        return customer.index
    }

    /// Adds a customer and gives back its id.
    public func insertCustomer(name: String, email: String?) throws(SandboxError) -> String {
        let made = try change { change throws(SandboxError) in
            let now = change.nowSeconds
            return change.createCustomer { index in
                var customer = CustomerRecord(
                    index: index, createdSeconds: now, hash: scrambled(UInt64(bitPattern: index)))
                customer.name = name
                customer.email = email
                return customer
            }
        }
        return renderer.space.text(.customer, made.index, createdSeconds: 0)
    }
}
