/// What Stripe may do one day, and an account here never does by itself.
extension World {
    /// From now on an invoice or a payment intent shows a status that no version of today knows. Nothing else of it
    /// changes, and no event is written.
    /// - Parameter word: as it stands between the quotes of JSON, so that escapes can be written that no text holds.
    public func setStrangeStatus(_ id: String, _ word: String) throws(SandboxError) {
        try change(delivery: .lost) { change throws(SandboxError) in
            if var intent = change.view.intent(id: id), intent.kind == .intent {
                intent.strangeStatus = word
                return change.store(intent)
            }
            var invoice = try change.invoice(id: id, param: "invoice")
            invoice.strangeStatus = word
            change.store(invoice)
        }
    }

    /// Pays a part of an open invoice, and the rest is forgiven: the invoice is paid, and an amount remains. Its
    /// payment intent does not show that.
    /// - Parameter amount: what is paid, minor units.
    public func payPartly(
        _ id: String, amount: Int64, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try change.pay(try change.invoice(id: id, param: "id"), amount: amount)
        }
    }

    /// From now on the deletion of a draft is refused, as that of some drafts is that Stripe made itself.
    public func refuseDeletion(of id: String) throws(SandboxError) {
        try change(delivery: .lost) { change throws(SandboxError) in
            var invoice = try change.invoice(id: id, param: "invoice")
            invoice.cannotBeDeleted = true
            change.store(invoice)
        }
    }

    /// From now on no list shows this invoice, or this payment intent of its own, although it is there when it is asked
    /// for by its id.
    public func leaveOutOfLists(_ id: String) throws(SandboxError) {
        try change(delivery: .lost) { change throws(SandboxError) in
            if var intent = change.view.intent(id: id), intent.kind == .intent {
                intent.isLeftOut = true
                return change.store(intent)
            }
            var invoice = try change.invoice(id: id, param: "invoice")
            invoice.isLeftOut = true
            change.store(invoice)
        }
    }
}
