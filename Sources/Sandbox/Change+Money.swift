/// What is done with money that has arrived: refunds, disputes, credit notes.
extension Change {
    /// The charge that an id of a charge or of a payment intent names.
    func charge(_ id: String, param: String) throws(SandboxError) -> PartRecord {
        if let charge = view.part(.charge, id: id) { return charge }
        guard let intent = view.intent(id: id) else {
            throw .noSuch(param == "charge" ? "charge" : "payment_intent", id, param: param)
        }
        guard let charge = intent.latestCharge, intent.status == .succeeded else {
            throw .state(
                "This PaymentIntent (\(id)) does not have a successful charge to refund.",
                code: "payment_intent_unexpected_state")
        }
        return charge
    }

    /// Stores what has become of the money of an intent, or of the invoice that the intent belongs to.
    private mutating func store(_ aftermath: Aftermath, of intent: IntentRecord) -> IntentRecord {
        var changed = intent
        changed.aftermath = aftermath
        if intent.kind == .intent {
            store(changed)
        } else if var invoice = view.invoice(intent.index) {
            invoice.aftermath = aftermath
            store(invoice)
        }
        return changed
    }

    /// Gives money back (https://docs.stripe.com/api/refunds/create). No amount means all that is left.
    mutating func refund(
        _ charge: PartRecord, amount: Int64?, reason: String?, metadata: [(key: String, value: String)] = []
    ) throws(SandboxError) -> PartRecord {
        let intent = charge.intent
        let number = charge.part.number
        guard intent.attempts[number].outcome == .succeeded else {
            throw .state(
                "Charge \(id(charge)) has not succeeded and cannot be refunded.", code: "charge_not_refundable")
        }
        let left = intent.amount - (intent.aftermath?.refunded(attempt: number) ?? 0)
        guard left > 0 else {
            throw .state("Charge \(id(charge)) has already been refunded.", code: "charge_already_refunded")
        }
        if intent.aftermath.disputes.contains(where: { $0.attempt == number && $0.status != .won }) {
            throw .state("Charge \(id(charge)) has been charged back; cannot issue a refund.", code: "charge_disputed")
        }
        let amount = amount ?? left
        guard amount > 0 else {
            throw SandboxError(
                400, "Invalid positive integer", code: "parameter_invalid_integer", param: "amount")
        }
        guard amount <= left else {
            throw .state(
                "Refund amount (\(amount)) is greater than unrefunded amount on charge (\(left))", param: "amount")
        }
        guard intent.aftermath.refunds.count < Part.limit else { throw .state("This charge was refunded too often.") }
        let refund = Aftermath.Refund(
            createdSeconds: nowSeconds, amount: amount, reason: reason, attempt: number, metadata: metadata)
        let changed = store(intent.aftermath.with(refund), of: intent)
        guard let made = changed.record(.refund, changed.aftermath.refunds.count - 1),
            let after = changed.record(.charge, number)
        else { throw .server(500) }
        recordPart(made, "refund.created")
        record("charge.refunded", .part(after))
        return made
    }

    /// The bank takes a refund, or sends it back.
    mutating func end(_ refund: PartRecord, _ status: SandboxRefundStatus) throws(SandboxError) {
        var refunds = refund.intent.aftermath.refunds
        refunds[refund.part.number].status = status
        let changed = store(refund.intent.aftermath.with(refunds: refunds), of: refund.intent)
        guard let after = changed.record(.refund, refund.part.number) else { return }
        record(status == .failed ? "refund.failed" : "refund.updated", .part(after))
    }

    /// The cardholder's bank takes the money back.
    mutating func dispute(_ charge: PartRecord, amount: Int64?, reason: String) throws(SandboxError) -> PartRecord {
        let intent = charge.intent
        let number = charge.part.number
        guard intent.attempts[number].outcome == .succeeded else {
            throw .state("Charge \(id(charge)) has not succeeded and cannot be disputed.")
        }
        guard !intent.aftermath.disputes.contains(where: { $0.attempt == number }) else {
            throw .state("Charge \(id(charge)) is disputed already.")
        }
        let amount = amount ?? intent.amount
        guard amount > 0, amount <= intent.amount else {
            throw .state("A dispute is about more than nothing and at most the charge.", param: "amount")
        }
        let dispute = Aftermath.Dispute(
            createdSeconds: nowSeconds, amount: amount, reason: reason, attempt: number)
        let changed = store(intent.aftermath.with(disputes: intent.aftermath.disputes + [dispute]), of: intent)
        guard let made = changed.record(.dispute, changed.aftermath.disputes.count - 1) else { throw .server(500) }
        recordPart(made, "charge.dispute.created")
        return made
    }

    /// The bank decides.
    mutating func close(_ dispute: PartRecord, _ status: SandboxDisputeStatus) throws(SandboxError) {
        var disputes = dispute.intent.aftermath.disputes
        disputes[dispute.part.number].status = status
        let changed = store(dispute.intent.aftermath.with(disputes: disputes), of: dispute.intent)
        guard let after = changed.record(.dispute, dispute.part.number) else { return }
        let isOver = [.won, .lost, .warningClosed].contains(status)
        record(isOver ? "charge.dispute.closed" : "charge.dispute.updated", .part(after))
    }

    /// What a credit note is about, and what becomes of the money.
    struct CreditNoteDraft {
        var amount: Int64
        /// The part that goes back to where the payment came from.
        var refundAmount: Int64 = 0
        var reason: String?
        var memo: String?
        var metadata: [(key: String, value: String)] = []
    }

    /// Issues a credit note (https://docs.stripe.com/api/credit_notes/create): on an open invoice it takes off what is
    /// due, on a paid one it is given back.
    mutating func issue(_ draft: CreditNoteDraft, on invoice: InvoiceRecord) throws(SandboxError) -> PartRecord {
        let isPostPayment = invoice.status == .paid
        guard isPostPayment || invoice.status == .open else {
            throw .state("You can only create a credit note for an invoice that is open or paid.")
        }
        let left =
            isPostPayment
            ? invoice.total - invoice.prePaymentCredit - invoice.postPaymentCredit
            : invoice.amountRemaining
        guard draft.amount > 0, draft.amount <= left else {
            throw .state("The credit note is more than what is left of the invoice, which is \(left).", param: "amount")
        }
        guard isPostPayment || draft.refundAmount == 0 else {
            throw .state("An invoice that is not paid has nothing to refund.", param: "refund_amount")
        }
        guard invoice.aftermath.creditNotes.count < Part.limit else {
            throw .state("This invoice was credited too often.")
        }
        let before = invoice
        var after = invoice
        var refundNumber: Int?
        if draft.refundAmount > 0 {
            guard let charge = invoice.intent?.latestCharge else {
                throw .state("This invoice was paid out of band; there is nothing to refund.", param: "refund_amount")
            }
            let refund = try refund(charge, amount: draft.refundAmount, reason: nil)
            refundNumber = refund.part.number
            after.aftermath = refund.intent.aftermath
        }
        after.aftermath = after.aftermath.with(
            Aftermath.CreditNote(
                createdSeconds: nowSeconds, amount: draft.amount, isPostPayment: isPostPayment, refund: refundNumber,
                reason: draft.reason, memo: draft.memo, metadata: draft.metadata))
        if isPostPayment {
            after.postPaymentCredit += draft.amount
        } else {
            after.prePaymentCredit += draft.amount
        }
        store(after)
        guard let note = after.creditNote(after.aftermath.creditNotes.count - 1) else { throw .server(500) }
        recordPart(note, "credit_note.created")
        record("invoice.updated", .invoice(before: before, after))
        if after.status == .open, after.amountRemaining == 0 { _ = try pay(after) }
        return note
    }

    private func id(_ part: PartRecord) -> String {
        renderer.space.text(part.part.kind.objectKind, part.part.index, createdSeconds: part.createdSeconds)
    }
}
