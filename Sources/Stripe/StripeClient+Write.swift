import Curl

/// Why a payment intent is given up. See https://docs.stripe.com/api/payment_intents/cancel
public enum CancellationReason: String, Sendable {
    case duplicate
    case fraudulent
    case requestedByCustomer = "requested_by_customer"
    case abandoned
}

// Each POST carries an Idempotency-Key, the same in all its attempts: the caller's, so that a later run repeats the
// very same request, or a random one. Stripe remembers keys for at least 24 hours.
extension StripeClient {
    /// Makes a draft. See https://docs.stripe.com/api/invoices/create
    public func createInvoice(
        _ draft: InvoiceDraft, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<Invoice> {
        let call = Call(
            method: .post, template: "/v1/invoices", path: "/v1/invoices", parameters: draft.parameters)
        return try await read(keyed(call, idempotencyKey), nil)
    }

    /// Adds a line. See https://docs.stripe.com/api/invoiceitems/create
    public func createInvoiceItem(
        _ item: InvoiceItemDraft, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<InvoiceItem> {
        let call = Call(
            method: .post, template: "/v1/invoiceitems", path: "/v1/invoiceitems", parameters: item.parameters)
        return try await read(keyed(call, idempotencyKey), nil)
    }

    /// Draft to open. `autoAdvance` lets Stripe go on by itself. See https://docs.stripe.com/api/invoices/finalize
    public func finalizeInvoice(
        _ id: String, autoAdvance: Bool = false, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<Invoice> {
        try await change(id, "finalize", FormParameters([("auto_advance", .flag(autoAdvance))]), idempotencyKey)
    }

    /// E-mails an open invoice to its customer, finalizing it if need be, and makes an event `invoice.sent`.
    /// See https://docs.stripe.com/api/invoices/send
    /// - Parameter notAfter: no attempt of the call is sent after this instant: where it is over, the error's kind is
    ///   `connection(.late)`, and `outcomeIsUnknown` says whether an earlier attempt may have been carried out.
    public func sendInvoice(
        _ id: String, idempotencyKey: String? = nil, notAfter: ContinuousClock.Instant? = nil
    ) async throws(StripeError) -> Retrieved<Invoice> {
        var call = try call(.post, "/v1/invoices/:id/send", id)
        call.notAfter = notAfter
        return try await read(keyed(call, idempotencyKey), id)
    }

    /// Open or uncollectible to void, for ever. See https://docs.stripe.com/api/invoices/void
    public func voidInvoice(
        _ id: String, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<Invoice> {
        try await change(id, "void", FormParameters(), idempotencyKey)
    }

    /// Pays, or with `paidOutOfBand` notes that it was paid elsewhere. See https://docs.stripe.com/api/invoices/pay
    public func payInvoice(
        _ id: String, paidOutOfBand: Bool = false, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<Invoice> {
        let parameters = paidOutOfBand ? FormParameters([("paid_out_of_band", .flag(true))]) : FormParameters()
        return try await change(id, "pay", parameters, idempotencyKey)
    }

    /// Open to uncollectible. See https://docs.stripe.com/api/invoices/mark_uncollectible
    public func markInvoiceUncollectible(
        _ id: String, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<Invoice> {
        try await change(id, "mark_uncollectible", FormParameters(), idempotencyKey)
    }

    /// Deletes a draft; others are refused. See https://docs.stripe.com/api/invoices/delete
    ///
    /// A DELETE has no key: when an attempt's answer was lost and the next one finds nothing, it has been deleted.
    public func deleteDraftInvoice(_ id: String) async throws(StripeError) -> Retrieved<Deletion> {
        let call = try call(.delete, "/v1/invoices/:id", id)
        _ = try await verifiedMode()
        let answer: Answer
        do {
            answer = try await send(call)
        } catch {
            guard error.kind == .notFound, error.outcomeIsUnknown else { throw error }
            return Retrieved(value: Deletion(id: id, wasGoneBefore: true), requestID: error.requestID ?? "")
        }
        let deletion: Deletion
        do {
            deletion = try object(Deletion.self, answer.response)
        } catch {
            throw undecodable(error, answer, call)
        }
        guard deletion.id == id else {
            let message = "asked to delete \(id), the answer does not say that it is deleted"
            throw with(answer, error(.decoding, message, call))
        }
        return Retrieved(value: deletion, requestID: answer.requestID)
    }

    /// Gives a payment intent up. See https://docs.stripe.com/api/payment_intents/cancel
    public func cancelPaymentIntent(
        _ id: String, reason: CancellationReason? = nil, idempotencyKey: String? = nil
    ) async throws(StripeError) -> Retrieved<PaymentIntent> {
        var parameters = FormParameters()
        parameters.addIfPresent("cancellation_reason", reason?.rawValue)
        let call = try call(.post, "/v1/payment_intents/:id/cancel", id, parameters)
        return try await read(keyed(call, idempotencyKey), id)
    }

    private func change(
        _ id: String, _ verb: String, _ parameters: FormParameters, _ key: String?
    ) async throws(StripeError) -> Retrieved<Invoice> {
        let call = try call(.post, "/v1/invoices/:id/\(verb)", id, parameters)
        return try await read(keyed(call, key), id)
    }

    /// The call with the caller's key, or a random one.
    func keyed(_ call: Call, _ key: String?) throws(StripeError) -> Call {
        var call = call
        if let key, key.isEmpty || key.utf8.count > IdempotencyKey.maxLength {
            throw error(.invalidRequest, "an idempotency key has 1 to \(IdempotencyKey.maxLength) characters", call)
        }
        call.idempotencyKey = key ?? IdempotencyKey.random()
        return call
    }
}
