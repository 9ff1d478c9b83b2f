import Stripe

/// The Stripe half of `stale_draft`: the draft is deleted, or finalized and voided where Stripe refuses to delete it.
struct DraftDisposal: Sendable {
    let client: StripeClient
    /// From the finding's identity: the same finding sends the same keys, whatever run it is.
    let idempotencyKey: String

    enum Outcome: Sendable, Equatable {
        /// It is gone, or void; the words are the audit's.
        case disposed(status: String, requestID: String)
        /// It is no stale draft any more.
        case moved(String)
    }

    /// Reads the draft once more, and disposes of it only if it is still one that nobody will finish.
    func dispose(of id: String, createdSeconds: Int64) async throws(StripeError) -> Outcome {
        let read: Retrieved<Invoice>
        do {
            read = try await client.invoice(id)
        } catch {
            guard error.kind == .notFound else { throw error }
            return .disposed(status: "absent", requestID: error.requestID ?? "")
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
        let voided = try await client.voidInvoice(id, idempotencyKey: idempotencyKey + "-void")
        guard voided.value.status == .void else { return .moved("it could not be voided: \(voided.value.status.text)") }
        return .disposed(status: "void", requestID: voided.requestID)
    }
}
