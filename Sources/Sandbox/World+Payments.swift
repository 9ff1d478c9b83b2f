/// Payments, refunds, disputes and credit notes from within the process.
extension World {
    /// Adds a payment intent of its own in this state and gives back its id.
    /// - Parameters:
    ///   - wasDeclined: a card was declined before; only a state that asks for a payment method shows it.
    ///   - hasCheckoutSession: a Checkout session made it, so it cannot be cancelled.
    public func insertPaymentIntent(
        amount: Int64, currency: String = "usd", status: SandboxIntentStatus = .requiresPaymentMethod,
        createdSeconds: Int64? = nil, customerID: String? = nil, wasDeclined: Bool = false,
        description: String? = nil, hasCheckoutSession: Bool = false, metadata: [String: String] = [:],
        delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) -> String {
        guard let code = Currency(currency) else {
            throw SandboxError(400, "Invalid currency: \(currency)", param: "currency")
        }
        let made = try change(delivery: delivery) { change throws(SandboxError) in
            let created = createdSeconds ?? change.nowSeconds
            var customer: Int64 = -1
            if let customerID { customer = try customerIndex(customerID, &change) }
            let intent = change.createIntent { index in
                var record = IntentRecord(
                    kind: .intent, index: index, hash: scrambled(UInt64(bitPattern: index)), createdSeconds: created,
                    amount: amount, currency: code, customer: customer)
                record.description = description
                record.hasCheckoutSession = hasCheckoutSession
                record.metadata = metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
                return record.inserted(as: status, wasDeclined: wasDeclined)
            }
            for number in intent.attempts.indices {
                guard let charge = intent.record(.charge, number) else { continue }
                let kind = charge.part.kind.rawValue
                change.state.lateParts[kind].add(charge.part.index, createdSeconds: charge.createdSeconds)
            }
            return intent
        }
        return renderer.space.text(.intent, made.index, createdSeconds: made.createdSeconds)
    }

    private func moveIntent(
        _ id: String, _ verb: String, _ delivery: SandboxDelivery,
        _ body: (inout Change, IntentRecord) throws(SandboxError) -> IntentRecord
    ) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            _ = try body(&change, try change.intent(id: id, to: verb))
        }
    }

    /// A payment intent's money arrives, whatever it waited for.
    public func succeed(paymentIntent id: String, delivery: SandboxDelivery = .delivered) throws(SandboxError) {
        try moveIntent(id, "confirm", delivery) { change, intent throws(SandboxError) in
            guard intent.status != .succeeded, intent.status != .canceled else {
                throw .unexpected("This PaymentIntent's status is \(intent.status.rawValue).")
            }
            return try change.complete(intent, .succeeded)
        }
    }

    /// Tries to take the money of a payment intent.
    public func confirm(
        paymentIntent id: String, _ outcome: SandboxConfirmation, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        try moveIntent(id, "confirm", delivery) { change, intent throws(SandboxError) in
            try change.confirm(intent, outcome)
        }
    }

    /// The money of a payment intent does not come: an attempt is declined, or a bank transfer under way fails.
    public func fail(
        paymentIntent id: String, _ decline: SandboxDecline = .genericDecline, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        try moveIntent(id, "confirm", delivery) { change, intent throws(SandboxError) in
            guard intent.status != .succeeded, intent.status != .canceled else {
                throw .unexpected("This PaymentIntent's status is \(intent.status.rawValue).")
            }
            return try change.complete(intent, .declined(decline))
        }
    }

    /// Cancels a payment intent.
    public func cancel(
        paymentIntent id: String, reason: String? = nil, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        try moveIntent(id, "cancel", delivery) { change, intent throws(SandboxError) in
            try change.cancel(intent, reason: reason)
        }
    }

    /// Gives money back.
    /// - Parameters:
    ///   - id: a charge or a payment intent, that of an invoice as well.
    ///   - amount: in minor units; `nil` for all that is left.
    /// - Returns: the id of the refund.
    @discardableResult
    public func refund(
        _ id: String, amount: Int64? = nil, reason: String? = nil, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) -> String {
        try change(delivery: delivery) { change throws(SandboxError) in
            partRenderer.id(
                try change.refund(try change.charge(id, param: "charge"), amount: amount, reason: reason))
        }
    }

    /// Moves a refund on.
    public func setRefund(
        _ id: String, _ status: SandboxRefundStatus, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            guard let refund = change.view.part(.refund, id: id) else {
                throw .noSuch("refund", id, param: "refund")
            }
            try change.end(refund, status)
        }
    }

    /// The cardholder's bank takes money back.
    /// - Parameter id: a charge or a payment intent, that of an invoice as well.
    /// - Returns: the id of the dispute.
    @discardableResult
    public func dispute(
        _ id: String, amount: Int64? = nil, reason: String = "fraudulent", delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) -> String {
        try change(delivery: delivery) { change throws(SandboxError) in
            partRenderer.id(
                try change.dispute(try change.charge(id, param: "charge"), amount: amount, reason: reason))
        }
    }

    /// Moves a dispute on.
    public func setDispute(
        _ id: String, _ status: SandboxDisputeStatus, delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) {
        try change(delivery: delivery) { change throws(SandboxError) in
            guard let dispute = change.view.part(.dispute, id: id) else {
                throw .noSuch("dispute", id, param: "dispute")
            }
            try change.close(dispute, status)
        }
    }

    /// Issues a credit note on an open or a paid invoice.
    /// - Parameters:
    ///   - amount: in minor units.
    ///   - refunds: the money goes back to where it came from; else it is credited to the customer.
    /// - Returns: the id of the credit note.
    @discardableResult
    public func credit(
        _ id: String, amount: Int64, refunds: Bool = false, reason: String? = nil,
        delivery: SandboxDelivery = .delivered
    ) throws(SandboxError) -> String {
        try change(delivery: delivery) { change throws(SandboxError) in
            let draft = Change.CreditNoteDraft(
                amount: amount, refundAmount: refunds ? amount : 0, reason: reason)
            return partRenderer.id(try change.issue(draft, on: try change.invoice(id: id, param: "invoice")))
        }
    }
}

extension IntentRecord {
    /// The intent as if it had come to this state when it was created.
    fileprivate func inserted(as status: SandboxIntentStatus, wasDeclined: Bool) -> IntentRecord {
        var intent = self
        intent.status = status
        func attempt(_ outcome: IntentAttempt.Outcome) -> IntentAttempt {
            IntentAttempt(createdSeconds: createdSeconds, outcome: outcome)
        }
        if wasDeclined { intent.attempts.append(attempt(.declined(.insufficientFunds))) }
        switch status {
        case .succeeded:
            intent.succeededSeconds = createdSeconds
            intent.attempts.append(attempt(.succeeded))
        case .canceled: intent.canceledSeconds = createdSeconds
        case .processing:
            intent.isBankTransfer = true
            intent.attempts.append(attempt(.pending))
        case .requiresCapture:
            intent.capturesManually = true
            intent.attempts.append(attempt(.uncaptured))
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction: break
        }
        return intent
    }
}
