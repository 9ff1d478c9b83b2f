/// The states of an invoice and the ways between them (https://docs.stripe.com/invoicing/overview).
extension Change {
    static let notOpen = SandboxError.state("You can only pass in open invoices. This invoice isn't open.")

    /// Draft to open; an invoice that asks for nothing is paid at once.
    @discardableResult
    mutating func finalize(_ invoice: InvoiceRecord, autoAdvance: Bool? = nil) throws(SandboxError) -> InvoiceRecord {
        guard invoice.status == .draft else {
            throw .state("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
        }
        var open = invoice
        open.status = .open
        open.finalizedSeconds = nowSeconds
        if let autoAdvance { open.autoAdvance = autoAdvance }
        store(open)
        if open.hasIntent {
            let place = partitionPoint(state.lateIntents.count) {
                state.lateIntents[$0].createdSeconds > nowSeconds
            }
            state.lateIntents.insert(.init(createdSeconds: nowSeconds, index: open.index), at: place)
        }
        record("invoice.finalized", .invoice(before: nil, open))
        record("invoice.updated", .invoice(before: invoice, open))
        if let intent = open.intent { record("payment_intent.created", .intent(intent)) }
        guard open.amountDue <= 0 else { return open }
        return settle(open, outOfBand: false, attempts: 0)
    }

    /// Open (or draft, or given up) to paid.
    /// - Parameter amount: what is paid of it; `nil`: all that is due.
    @discardableResult
    mutating func pay(
        _ invoice: InvoiceRecord, outOfBand: Bool = false, paidSeconds: Int64? = nil, amount: Int64? = nil
    ) throws(SandboxError) -> InvoiceRecord {
        switch invoice.status {
        case .paid: throw .state("Invoice is already paid")
        case .void: throw Self.notOpen
        case .draft:
            let open = try finalize(invoice)
            return open.status == .paid ? open : settle(open, outOfBand: outOfBand, attempts: 1, amount: amount)
        case .open, .uncollectible:
            return settle(invoice, outOfBand: outOfBand, attempts: 1, paidSeconds: paidSeconds, amount: amount)
        }
    }

    /// Through the API an invoice is paid with what its customer pays with by default; an invoice that asks for nothing
    /// needs none. What customers do on the invoice's page, with a card that nobody keeps, is ``pay(_:outOfBand:)``.
    func requireMethod(toPay invoice: InvoiceRecord) throws(SandboxError) {
        guard [.draft, .open, .uncollectible].contains(invoice.status), invoice.amountDue > 0 else { return }
        let customer = view.customer(invoice.customer)
        guard customer?.defaultMethod == nil, customer?.defaultSource == nil else { return }
        throw .state(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set one prior to calling "
                + "pay.")
    }

    /// Notes that an invoice is paid, by what its record says.
    mutating func settle(
        _ open: InvoiceRecord, outOfBand: Bool, attempts: Int64, paidSeconds: Int64? = nil, amount: Int64? = nil
    ) -> InvoiceRecord {
        var paid = open
        paid.status = .paid
        paid.paidSeconds = paidSeconds ?? nowSeconds
        paid.amountPaid = amount ?? max(0, open.amountDue)
        paid.paidOutOfBand = outOfBand
        paid.attempted = !outOfBand
        paid.attemptCount += outOfBand ? 0 : attempts
        paid.autoAdvance = false
        store(paid)
        if let intent = paid.intent {
            if let charge = intent.latestCharge { recordPart(charge, "charge.succeeded") }
            let type = intent.status == .canceled ? "payment_intent.canceled" : "payment_intent.succeeded"
            if intent.means == .intent { record(type, .intent(intent)) }
        }
        record("invoice.updated", .invoice(before: open, paid))
        record("invoice.paid", .invoice(before: nil, paid))
        record("invoice.payment_succeeded", .invoice(before: nil, paid))
        return paid
    }

    /// Open to void.
    @discardableResult
    mutating func void(_ invoice: InvoiceRecord) throws(SandboxError) -> InvoiceRecord {
        switch invoice.status {
        case .open, .uncollectible: break
        case .paid: throw .state("Invoices with `paid` payments cannot be voided.")
        case .draft, .void: throw Self.notOpen
        }
        var void = invoice
        void.status = .void
        void.voidedSeconds = nowSeconds
        void.autoAdvance = false
        store(void)
        if let intent = void.intent { record("payment_intent.canceled", .intent(intent)) }
        record("invoice.updated", .invoice(before: invoice, void))
        record("invoice.voided", .invoice(before: nil, void))
        return void
    }

    /// Open to uncollectible.
    @discardableResult
    mutating func markUncollectible(_ invoice: InvoiceRecord) throws(SandboxError) -> InvoiceRecord {
        if invoice.status == .uncollectible {
            throw .state("This invoice has already been marked uncollectible.")
        }
        guard invoice.status == .open else { throw Self.notOpen }
        var given = invoice
        given.status = .uncollectible
        given.uncollectibleSeconds = nowSeconds
        store(given)
        record("invoice.updated", .invoice(before: invoice, given))
        record("invoice.marked_uncollectible", .invoice(before: nil, given))
        return given
    }

    /// Sends an invoice to the customer; a draft is finalized before.
    @discardableResult
    mutating func send(_ invoice: InvoiceRecord) throws(SandboxError) -> InvoiceRecord {
        guard invoice.sendsInvoice else {
            throw .state("You can only manually send an invoice if its collection method is 'send_invoice'.")
        }
        guard invoice.status == .draft || invoice.status == .open else {
            throw .state(
                "This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact with "
                    + "details, so we can help.")
        }
        let sent = invoice.status == .draft ? try finalize(invoice) : invoice
        record("invoice.sent", .invoice(before: nil, sent))
        return sent
    }

    /// Deletes a draft. Its `invoice.deleted` event is the only trace that stays.
    mutating func delete(_ invoice: InvoiceRecord) throws(SandboxError) {
        guard invoice.status == .draft else { throw .state("You can only delete draft invoices.") }
        guard invoice.isOneOff else {
            throw .state("You cannot delete an invoice that was created by a subscription.")
        }
        guard !invoice.cannotBeDeleted else { throw .state("You cannot delete this invoice.") }
        state.invoices.set(invoice.index, nil, nowSeconds: nowSeconds)
        record("invoice.deleted", .invoice(before: nil, invoice))
    }

    /// Gives an invoice words of its own, so that they can be changed.
    func withWords(_ invoice: InvoiceRecord) -> InvoiceRecord {
        guard invoice.words == nil else { return invoice }
        var own = invoice
        own.words = InvoiceWords(
            metadata: renderer.metadata(of: invoice), description: renderer.description(of: invoice),
            footer: renderer.footer(of: invoice), lines: nil)
        return own
    }
}
