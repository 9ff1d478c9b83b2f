import Reconciliation
import Stripe

/// A change at Stripe that takes away what nobody will finish: the object is read once more, and changed only if it is
/// still what the decision rested on.
struct Disposal: Sendable {
    let client: StripeClient
    /// From the finding's identity: the same finding sends the same keys, whatever run it is.
    let idempotencyKey: String

    enum Outcome: Sendable, Equatable {
        /// It is gone, void or canceled; the words are the audit's.
        case disposed(status: String, requestID: String)
        /// Somebody else has taken it away before.
        case gone(status: String, requestID: String)
        /// It is not any more what it was.
        case moved(String)
        /// It could not be deleted and was finalized, and that it is void by now is not certain: it could be paid.
        case unfinished(StripeError)
    }

    /// Deletes a draft, or finalizes and voids it where Stripe refuses to delete it.
    func deleteDraft(_ id: String, createdSeconds: Int64) async throws(StripeError) -> Outcome {
        let read: Retrieved<Invoice>
        do {
            read = try await client.invoice(id)
        } catch {
            guard error.kind == .notFound else { throw error }
            return .gone(status: "absent", requestID: error.requestID ?? "")
        }
        let invoice = read.value
        guard invoice.status == .draft else { return .moved("it is \(invoice.status.text) by now") }
        guard invoice.autoAdvance == false, invoice.subscription == nil, invoice.createdSeconds == createdSeconds else {
            return .moved("Stripe will finalize it by itself")
        }
        do {
            let deleted = try await client.deleteDraftInvoice(id)
            return .disposed(status: "deleted", requestID: deleted.requestID)
        } catch {
            // The answer to an attempt before may have been lost.
            if error.kind == .notFound { return .disposed(status: "deleted", requestID: error.requestID ?? "") }
            guard error.kind == .invalidRequest else { throw error }
        }
        _ = try await client.finalizeInvoice(id, autoAdvance: false, idempotencyKey: idempotencyKey + "-finalize")
        do {
            let voided = try await client.voidInvoice(id, idempotencyKey: idempotencyKey + "-void")
            return .disposed(status: voided.value.status.text, requestID: voided.requestID)
        } catch {
            return .unfinished(error)
        }
    }

    /// Cancels an intent that nobody has ever confirmed.
    func cancelIntent(_ id: String, createdSeconds: Int64) async throws(StripeError) -> Outcome {
        let facts: IntentFacts
        let readID: String
        do {
            (facts, readID) = try await Confirmer.intent(id, client)
        } catch {
            guard error.kind == .notFound else { throw error }
            return .gone(status: "absent", requestID: error.requestID ?? "")
        }
        if facts.status == .canceled { return .gone(status: "canceled", requestID: readID) }
        guard facts.wasNeverConfirmed, facts.createdSeconds == createdSeconds else {
            return .moved("it is \(facts.status.word) by now")
        }
        if let invoice = facts.invoiceID { return .moved("it belongs to invoice \(invoice)") }
        if facts.hasCheckoutSession == true { return .moved("it belongs to a Checkout session") }
        let canceled = try await client.cancelPaymentIntent(id, reason: .abandoned, idempotencyKey: idempotencyKey)
        guard canceled.value.status == .canceled else {
            return .moved("it could not be canceled: \(canceled.value.status.text)")
        }
        return .disposed(status: "canceled", requestID: canceled.requestID)
    }

    /// What became of an earlier change whose end nobody wrote down; `nil`: it was not made.
    func outcome(
        of effect: Remedy.AtStripe, _ id: String
    ) async throws(StripeError) -> (status: String, requestID: String)? {
        do {
            switch effect {
            case .deleteDraft:
                let read = try await client.invoice(id)
                if read.value.status == .open { return try await finishVoiding(id) }
                return read.value.status == .void ? ("void", read.requestID) : nil
            case .cancelIntent:
                let read = try await client.paymentIntent(id)
                return read.value.status == .canceled ? ("canceled", read.requestID) : nil
            }
        } catch {
            guard error.kind == .notFound else { throw error }
            return ("deleted", error.requestID ?? "")
        }
    }

    /// A draft that could not be deleted may have been finalized and not yet voided: it could be paid. Stripe gives the
    /// first answer again where it was this change that finalized it, and refuses where it was somebody else.
    private func finishVoiding(_ id: String) async throws(StripeError) -> (status: String, requestID: String)? {
        do {
            _ = try await client.finalizeInvoice(id, autoAdvance: false, idempotencyKey: idempotencyKey + "-finalize")
        } catch {
            guard error.kind == .invalidRequest else { throw error }
            return nil
        }
        let voided = try await client.voidInvoice(id, idempotencyKey: idempotencyKey + "-void")
        return voided.value.status == .void ? ("void", voided.requestID) : nil
    }
}
