/// What pays invoices besides their own intents.
extension Change {
    /// Pays an open invoice otherwise than by its payment intent, which it does not have from then on.
    mutating func pay(_ invoice: InvoiceRecord, by means: PaymentMeans) throws(SandboxError) -> InvoiceRecord {
        guard invoice.status == .open, invoice.amountDue > 0 else { throw Self.notOpen }
        var other = invoice
        other.means = means
        return settle(other, outOfBand: false, attempts: 1)
    }

    /// Pays open invoices of one currency by one new payment intent, which is attached to each
    /// (https://docs.stripe.com/api/invoices/attach_payment). What each had of its own is canceled.
    mutating func payTogether(_ invoices: [InvoiceRecord]) throws(SandboxError) -> IntentRecord {
        guard let first = invoices.first, invoices.allSatisfy({ $0.status == .open && $0.amountDue > 0 }) else {
            throw Self.notOpen
        }
        guard invoices.allSatisfy({ $0.currency == first.currency }) else {
            throw .state("A PaymentIntent can only be attached to invoices of its own currency.")
        }
        let now = nowSeconds
        let amount = invoices.reduce(0) { $0 + $1.amountDue }
        let intent = createIntent { index in
            var record = IntentRecord(
                kind: .intent, index: index, hash: scrambled(UInt64(bitPattern: index)), createdSeconds: now,
                amount: amount, currency: first.currency, customer: first.customer)
            record.description = "Payment for Invoices"
            record.invoice = (first.index, first.createdSeconds)
            return record
        }
        let paid = try attempt(intent, .succeeded)
        for invoice in invoices {
            var own = invoice
            own.sharedPayment = SharedPayment(intent: intent.index, createdSeconds: now)
            let place = partitionPoint(state.sharedPayments.count) {
                (state.sharedPayments[$0].createdSeconds, state.sharedPayments[$0].index) > (now, own.index)
            }
            state.sharedPayments.insert(.init(createdSeconds: now, index: own.index), at: place)
            _ = settle(own, outOfBand: false, attempts: 1)
        }
        return paid
    }
}

extension World {
    /// Pays an open invoice by a charge that no payment intent made, as it was before there were any.
    /// - Returns: the id of the charge.
    @discardableResult
    public func payByCharge(_ id: String, delivery: SandboxDelivery = .delivered) throws(SandboxError) -> String {
        let paid = try change(delivery: delivery) { change throws(SandboxError) in
            try change.pay(try change.invoice(id: id, param: "id"), by: .charge)
        }
        guard let charge = paid.charge else { throw .server(500) }
        return renderer.space.text(.charge, charge.index, createdSeconds: charge.createdSeconds)
    }

    /// Pays an open invoice by what no list of refunds and disputes knows of: later versions name a payment record
    /// among its payments, earlier ones name nothing.
    public func payByRecord(_ id: String, delivery: SandboxDelivery = .delivered) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try change.pay(try change.invoice(id: id, param: "id"), by: .record)
        }
    }

    /// Pays open invoices by one payment intent. Whose they are is not looked at.
    /// - Returns: the id of the payment intent.
    @discardableResult
    public func payTogether(
        _ ids: [String], delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) -> String {
        let paid = try change(delivery: delivery) { change throws(SandboxError) in
            var invoices: [InvoiceRecord] = []
            for id in ids { invoices.append(try change.invoice(id: id, param: "id")) }
            return try change.payTogether(invoices)
        }
        return renderer.space.text(paid.kind, paid.index, createdSeconds: paid.createdSeconds)
    }
}
