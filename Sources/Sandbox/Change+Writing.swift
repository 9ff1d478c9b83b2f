/// What the API writes besides states: new invoices, items and customers, and words.
extension Change {
    mutating func createCustomer(_ make: (Int64) -> CustomerRecord) -> CustomerRecord {
        let customer = make(state.customers.nextIndex)
        state.customers.add(customer, index: customer.index, createdSeconds: customer.createdSeconds)
        record("customer.created", .customer(customer))
        return customer
    }

    /// Adds a draft. With `includesPending` it takes the customer's waiting items, newest first.
    mutating func createInvoice(
        _ draft: InvoiceRecord, words: InvoiceWords, includesPending: Bool = false
    ) -> InvoiceRecord {
        var invoice = draft
        invoice.index = state.invoices.nextIndex
        invoice.hash = scrambled(UInt64(bitPattern: invoice.index) ^ history.seed)
        invoice.words = words
        if includesPending {
            for entry in state.items.added.reversed() {
                guard var item = state.items[entry.index]?.record, item.invoice == nil,
                    item.customer == invoice.customer, item.currency == invoice.currency
                else { continue }
                item.invoice = (invoice.index, invoice.createdSeconds)
                state.items.set(item.index, item, nowSeconds: nowSeconds)
                invoice.words?.lines?.append(item.line)
            }
        }
        invoice.subtotal = (invoice.words?.lines ?? []).reduce(0) { $0 + $1.amount }
        state.invoices.add(invoice, index: invoice.index, createdSeconds: invoice.createdSeconds)
        record("invoice.created", .invoice(before: nil, invoice))
        schedule(invoice)
        return invoice
    }

    mutating func createItem(_ make: (Int64) -> ItemRecord, on id: String?) throws(SandboxError) -> ItemRecord {
        var item = make(state.items.nextIndex)
        guard let id else {
            state.items.add(item, index: item.index, createdSeconds: item.createdSeconds)
            record("invoiceitem.created", .item(item))
            return item
        }
        guard let invoice = view.invoice(id: id) else {
            throw .noSuch("invoice", id, param: "invoice", status: 400)
        }
        guard invoice.status == .draft else {
            throw .state("Invalid invoice: This invoice is no longer editable", code: "invoice_not_editable")
        }
        guard invoice.customer == item.customer else {
            throw SandboxError(400, "The invoice's customer is not the item's customer.", param: "customer")
        }
        guard invoice.currency == item.currency else {
            throw SandboxError(
                400, "The currency of the invoice item must be the invoice's, which is '\(invoice.currency.code)'.",
                param: "currency")
        }
        item.invoice = (invoice.index, invoice.createdSeconds)
        state.items.add(item, index: item.index, createdSeconds: item.createdSeconds)
        record("invoiceitem.created", .item(item))
        var edited = withWords(invoice)
        if edited.words?.lines == nil {
            edited.words?.lines = (0..<invoice.lines).map { generatedLine(invoice, $0) }
        }
        edited.words?.lines?.insert(item.line, at: 0)
        edited.subtotal += item.amount
        update(edited, from: invoice)
        return item
    }

    private func generatedLine(_ invoice: InvoiceRecord, _ position: Int) -> InvoiceWords.Line {
        let line = invoice.line(position)
        return InvoiceWords.Line(
            item: line.item, amount: line.amount, quantity: line.quantity, unitAmount: line.unitAmount,
            description: renderer.description(of: line), metadata: [], createdSeconds: line.createdSeconds)
    }

    /// Changes the words of an invoice. Only a draft takes more than metadata.
    mutating func updateWords(
        _ invoice: InvoiceRecord, param: String?, _ edit: (inout InvoiceRecord) -> Void
    ) throws(SandboxError) -> InvoiceRecord {
        if let param, invoice.status != .draft {
            throw .state("Finalized invoices can't be updated in this way", param: param)
        }
        var edited = withWords(invoice)
        edit(&edited)
        update(edited, from: invoice)
        if edited.autoAdvance, !invoice.autoAdvance { schedule(edited) }
        return edited
    }
}

/// Merges `metadata[key]=value` into what is there; an empty value removes its key.
func merged(
    _ old: [(key: String, value: String)], with new: [(key: String, value: String)]
) -> [(key: String, value: String)] {
    var values = Dictionary(old.map { ($0.key, $0.value) }) { $1 }
    for pair in new { values[pair.key] = pair.value.isEmpty ? nil : pair.value }
    return values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
}
