/// Looking at an account from within the process.
extension World {
    /// How many invoices the history has, whether they can be seen or not.
    public var generatedInvoiceCount: Int { Int(history.invoiceCount) }

    /// The id of a generated invoice; `nil` where there is none (any more).
    public func invoiceID(at index: Int) -> String? {
        guard let record = view.invoice(Int64(index)) else { return nil }
        return renderer.space.text(.invoice, record.index, createdSeconds: record.createdSeconds)
    }

    /// The invoice with this id as it stands now.
    public func invoice(_ id: String) -> SandboxInvoice? { view.invoice(id: id).map(invoice(of:)) }

    /// Every invoice that can be seen now, oldest first. Reads all of them: for small accounts.
    public func allInvoices() -> [SandboxInvoice] {
        let view = view
        let generated = (0..<history.invoiceCount).compactMap { view.invoice($0) }
        let added = view.state.invoices.added.compactMap { view.invoice($0.index) }
        return (generated + added).filter { $0.createdSeconds <= view.nowSeconds }
            .sorted { ($0.createdSeconds, $0.index) < ($1.createdSeconds, $1.index) }.map(invoice(of:))
    }

    private func invoice(of record: InvoiceRecord) -> SandboxInvoice {
        let space = renderer.space
        return SandboxInvoice(
            id: space.text(.invoice, record.index, createdSeconds: record.createdSeconds), status: record.status,
            createdSeconds: record.createdSeconds, finalizedSeconds: record.finalizedSeconds,
            paidSeconds: record.paidSeconds, voidedSeconds: record.voidedSeconds,
            uncollectibleSeconds: record.uncollectibleSeconds, dueSeconds: record.dueSeconds,
            currency: record.currency.code, total: record.total, amountDue: record.amountDue,
            amountPaid: record.amountPaid,
            customerID: record.customer < 0 ? nil : space.text(.customer, record.customer, createdSeconds: 0),
            autoAdvance: record.autoAdvance, isSubscription: !record.isOneOff,
            metadata: Dictionary(renderer.metadata(of: record).map { ($0.key, $0.value) }) { $1 },
            paymentIntentID: intentID(of: record),
            chargeID: record.charge.map { space.text(.charge, $0.index, createdSeconds: $0.createdSeconds) })
    }

    /// What an invoice names as its payment intent.
    private func intentID(of record: InvoiceRecord) -> String? {
        if let shared = record.sharedPayment {
            return renderer.space.text(.intent, shared.intent, createdSeconds: shared.createdSeconds)
        }
        guard let intent = record.intent, intent.means == .intent else { return nil }
        return renderer.space.text(intent.kind, intent.index, createdSeconds: intent.createdSeconds)
    }
}
