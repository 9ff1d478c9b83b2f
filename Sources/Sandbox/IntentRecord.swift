/// The states of a payment intent (https://docs.stripe.com/payments/paymentintents/lifecycle).
public enum SandboxIntentStatus: String, Sendable, CaseIterable {
    case requiresPaymentMethod = "requires_payment_method"
    case requiresConfirmation = "requires_confirmation"
    case requiresAction = "requires_action"
    case requiresCapture = "requires_capture"
    case processing, succeeded, canceled
}

/// Everything that one answer says of a payment intent.
struct IntentRecord: Sendable {
    /// `.intent` for one of its own, `.invoiceIntent` for that of an invoice with the same index.
    var kind: ObjectKind
    var index: Int64
    var hash: UInt64
    var createdSeconds: Int64
    var amount: Int64
    var currency: Currency = .usd
    var customer: Int64 = -1
    var status: SandboxIntentStatus = .requiresPaymentMethod
    var succeededSeconds: Int64?
    var canceledSeconds: Int64?
    var cancellationReason: String?
    /// A card was declined at the last attempt.
    var wasDeclined = false
    var description: String?
    var metadata: [(key: String, value: String)] = []
    /// The invoice it belongs to, with the invoice's creation time, which is part of its id.
    var invoice: (index: Int64, createdSeconds: Int64)?

    /// As it stood at that second.
    func asOf(_ seconds: Int64) -> IntentRecord {
        guard let last = [succeededSeconds, canceledSeconds].compactMap(\.self).max(), last > seconds else {
            return self
        }
        var earlier = self
        earlier.status = .requiresPaymentMethod
        earlier.succeededSeconds = nil
        earlier.canceledSeconds = nil
        earlier.cancellationReason = nil
        return earlier
    }
}

extension InvoiceRecord {
    /// The payment intent that the invoice got when it was finalized; `nil` while it is a draft or asks for nothing.
    var intent: IntentRecord? {
        guard hasIntent, let finalizedSeconds else { return nil }
        var intent = IntentRecord(
            kind: .invoiceIntent, index: index, hash: scrambled(hash), createdSeconds: finalizedSeconds,
            amount: amountDue, currency: currency, customer: customer)
        intent.description = "Payment for Invoice"
        intent.invoice = (index, createdSeconds)
        switch status {
        case .paid where !paidOutOfBand:
            intent.status = .succeeded
            intent.succeededSeconds = paidSeconds
        case .void, .paid:
            intent.status = .canceled
            intent.canceledSeconds = voidedSeconds ?? paidSeconds
            intent.cancellationReason = "void_invoice"
        case .draft, .open, .uncollectible: break
        }
        return intent
    }
}
