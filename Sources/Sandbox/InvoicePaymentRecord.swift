/// The payment of a finalized invoice: by the invoice's own intent, by another one that paid it again, by one that pays
/// several, or by no intent at all.
struct InvoicePaymentRecord: Sendable {
    /// Or what stands in for it.
    var intent: IntentRecord
    /// With the creation time that is part of its id.
    var invoice: (index: Int64, createdSeconds: Int64)
    /// What its own id stands for, with the index in it.
    var kind: ObjectKind
    var index: Int64
    /// What it is to pay of the invoice.
    var amount: Int64

    var createdSeconds: Int64 { intent.createdSeconds }

    /// That of an intent that belongs to one invoice; `nil` where it belongs to none.
    init?(_ intent: IntentRecord) {
        guard let invoice = intent.invoice else { return nil }
        self.intent = intent
        self.invoice = invoice
        kind = intent.kind == .intent ? .otherInvoicePayment : .invoicePayment
        index = intent.index
        amount = intent.amount
    }

    /// That of an intent that paid the invoice together with others.
    init(_ intent: IntentRecord, of invoice: InvoiceRecord) {
        self.intent = intent
        self.invoice = (invoice.index, invoice.createdSeconds)
        kind = .sharedInvoicePayment
        index = invoice.index
        amount = invoice.amountPaid
    }
}

extension Track {
    /// The same places with other rows.
    func mapped<Other>(_ body: @escaping (Row) -> Other?) -> Track<Other> {
        let row = row
        return Track<Other>(count: count, createdSeconds: createdSeconds, row: { row($0).flatMap(body) })
    }
}

extension WorldView {
    /// The payment of an invoice with this id.
    func invoicePayment(id: String) -> InvoicePaymentRecord? {
        let found: InvoicePaymentRecord?
        if let index = space.index(of: id, kind: .invoicePayment) {
            found = invoice(index)?.intent.flatMap { InvoicePaymentRecord($0) }
        } else if let index = space.index(of: id, kind: .otherInvoicePayment) {
            found = intent(index).flatMap { InvoicePaymentRecord($0) }
        } else if let index = space.index(of: id, kind: .sharedInvoicePayment) {
            found = sharedPayment(ofInvoice: index)
        } else {
            found = nil
        }
        guard let payment = found,
            space.text(payment.kind, payment.index, createdSeconds: payment.createdSeconds) == id
        else { return nil }
        return payment
    }

    private func sharedPayment(ofInvoice index: Int64) -> InvoicePaymentRecord? {
        guard let record = invoice(index), let shared = record.sharedPayment, let paid = intent(shared.intent) else {
            return nil
        }
        return InvoicePaymentRecord(paid, of: record)
    }

    /// The payments of finalized invoices: one for each intent of an invoice, others that paid it again, and those of
    /// intents that paid several.
    func invoicePayments(
        _ filter: ListFilter, where isIncluded: @escaping (InvoicePaymentRecord) -> Bool
    ) throws(SandboxError) -> ListPage<InvoicePaymentRecord> {
        let wanted: (InvoicePaymentRecord) -> InvoicePaymentRecord? = { isIncluded($0) ? $0 : nil }
        let own = invoiceIntentTracks { _ in true }.map { track in
            track.mapped { InvoicePaymentRecord($0).flatMap(wanted) }
        }
        let others = history.otherInvoiceIntents
        let again = Track<InvoicePaymentRecord>(
            count: others.count, createdSeconds: { history.intentCreatedSeconds(others[$0]) },
            row: { intent(others[$0]).flatMap { InvoicePaymentRecord($0) }.flatMap(wanted) })
        let shared = state.sharedPayments
        let together = Track<InvoicePaymentRecord>(
            count: shared.count, createdSeconds: { shared[$0].createdSeconds },
            row: { sharedPayment(ofInvoice: shared[$0].index).flatMap(wanted) })
        return try page(own + [again, together], filter, noun: "invoice_payment") { id in
            guard let payment = invoicePayment(id: id) else { return nil }
            return place(of: payment).map {
                ListCursor(track: $0.track, position: $0.position, createdSeconds: payment.createdSeconds)
            }
        }
    }

    /// Where a payment stands among the tracks of ``invoicePayments(_:where:)``.
    private func place(of payment: InvoicePaymentRecord) -> (track: Int, position: Int)? {
        switch payment.kind {
        case .otherInvoicePayment:
            return history.otherInvoiceIntents.firstIndex(of: payment.index).map { (2, $0) }
        case .sharedInvoicePayment:
            return state.sharedPayments.firstIndex { $0.index == payment.index }.map { (3, $0) }
        default:
            return intentPlace(payment.intent).map { ($0.track - 1, $0.position) }
        }
    }
}
