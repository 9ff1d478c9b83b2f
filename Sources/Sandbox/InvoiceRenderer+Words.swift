extension InvoiceRenderer {
    func write(
        _ slot: InvoiceSlot.Word, _ record: InvoiceRecord, _ customer: CustomerRecord?, _ layout: InvoiceLayout,
        to pen: inout Pen
    ) {
        switch slot {
        case .id: pen.id(.invoice, record.index, createdSeconds: record.createdSeconds, in: space)
        case .accountName: pen.quoted(accountName)
        case .billingReason: pen.text(record.isOneOff ? "manual" : "subscription_cycle")
        case .collectionMethod: pen.text(record.sendsInvoice ? "send_invoice" : "charge_automatically")
        case .currency: record.currency.write(to: &pen)
        case .status:
            if let strange = record.strangeStatus { pen.text(strange) } else { pen.text(record.status.word) }
        case .customer: id(.customer, record.customer < 0 ? nil : record.customer, 0, to: &pen)
        case .customerName: customer.map { $0.writeName(to: &pen) } ?? pen.text("null")
        case .customerEmail: customer.map { $0.writeEmail(to: &pen) } ?? pen.text("null")
        case .customerPhone: customer.map { $0.writePhone(to: &pen) } ?? pen.text("null")
        case .description: writeDescription(record, to: &pen)
        case .footer: writeFooter(record, to: &pen)
        case .subscription: id(.subscription, record.isOneOff ? nil : record.subscription, 0, to: &pen)
        case .charge:
            let charge = record.charge
            id(.charge, charge?.index, charge?.createdSeconds ?? 0, to: &pen)
        case .paymentIntent:
            if let shared = record.sharedPayment {
                return id(.intent, shared.intent, shared.createdSeconds, to: &pen)
            }
            let has = record.hasIntent && record.means == .intent
            id(.invoiceIntent, has ? record.index : nil, record.finalizedSeconds ?? 0, to: &pen)
        case .hostedInvoiceURL: writeLink("https://invoice.stripe.com/i/", "?s=ap", record, to: &pen)
        case .invoicePDF: writeLink("https://pay.stripe.com/invoice/", "/pdf?s=ap", record, to: &pen)
        case .number: writeNumber(record, to: &pen)
        case .receiptNumber: writeReceiptNumber(record, to: &pen)
        }
    }

    private func id(_ kind: ObjectKind, _ index: Int64?, _ createdSeconds: Int64, to pen: inout Pen) {
        guard let index else { return pen.text("null") }
        pen.text("\"")
        pen.id(kind, index, createdSeconds: createdSeconds, in: space)
        pen.text("\"")
    }

    func writeDescription(_ record: InvoiceRecord, to pen: inout Pen) {
        if let words = record.words { return pen.quoted(optional: words.description) }
        switch record.theme {
        case .plain: pen.text(record.hash >> 60 & 3 == 0 ? "\"Thanks for your business\"" : "null")
        case .order(_, _, _, let credits):
            pen.text("\"Task Health assessment credits: ")
            pen.integer(credits)
            pen.text(" at $200.00 each\"")
        case .agency: pen.text("\"Services to agencies\"")
        }
    }

    func writeFooter(_ record: InvoiceRecord, to pen: inout Pen) {
        if let words = record.words { return pen.quoted(optional: words.footer) }
        guard case .order = record.theme else { return pen.text("null") }
        pen.text("\"Credits are added to your balance when the payment has arrived. Bank transfers take up to three ")
        pen.text("working days. Questions: billing@example.com\"")
    }

    private func writeLink(
        _ start: StaticString, _ end: StaticString, _ record: InvoiceRecord, to pen: inout Pen
    ) {
        guard record.finalizedSeconds != nil else { return pen.text("null") }
        pen.text("\"")
        pen.text(start)
        pen.text(accountID)
        record.writeLinkToken(livemode: livemode, to: &pen)
        pen.text(end)
        pen.text("\"")
    }

    private func writeNumber(_ record: InvoiceRecord, to pen: inout Pen) {
        guard record.finalizedSeconds != nil else { return pen.text("null") }
        pen.text("\"")
        let customer = UInt64(bitPattern: record.customer)
        for step in 0..<8 { pen.byte(Base62.digit(scrambled(customer) >> UInt64(step * 6) & 31)) }
        pen.text("-")
        pen.integer(record.index & 0xFFFFF, digits: record.index & 0xFFFFF < 10_000 ? 4 : 7)
        pen.text("\"")
    }

    private func writeReceiptNumber(_ record: InvoiceRecord, to pen: inout Pen) {
        guard record.status == .paid, record.hash >> 58 & 1 == 0 else { return pen.text("null") }
        pen.text("\"")
        pen.integer(Int64(record.hash >> 20 & 0x1FFF), digits: 4)
        pen.text("-")
        pen.integer(Int64(record.hash >> 33 & 0x1FFF), digits: 4)
        pen.text("\"")
    }
}

extension InvoiceRecord {
    /// Finalizing an invoice that asks for money makes a payment intent.
    var hasIntent: Bool { finalizedSeconds != nil && total > 0 }

    /// The charge that paid it, with the creation time that is part of its id.
    var charge: (index: Int64, createdSeconds: Int64)? {
        if let shared = sharedPayment {
            return (Part(.charge, ofIntent: shared.intent, 0).index, shared.createdSeconds)
        }
        guard status == .paid, !paidOutOfBand, means != .record, amountPaid > 0 else { return nil }
        return (Part(.charge, ofInvoice: index, 0).index, paidSeconds ?? 0)
    }

    /// The secret part of the links to an invoice.
    func writeLinkToken(livemode: Bool, to pen: inout Pen) {
        pen.text(livemode ? "/live_" : "/test_")
        var draw = SeededDraw(seed: hash, 17)
        for _ in 0..<10 { pen.base62(draw.next(), digits: 10) }
    }

    /// `hosted_invoice_url` of a finalized invoice.
    func hostedURL(accountID: String, livemode: Bool) -> String {
        String(unsafeUninitializedCapacity: 256) { buffer in
            var pen = Pen(UnsafeMutableRawBufferPointer(buffer))
            pen.text("https://invoice.stripe.com/i/")
            pen.text(accountID)
            writeLinkToken(livemode: livemode, to: &pen)
            pen.text("?s=ap")
            return pen.count
        }
    }
}
