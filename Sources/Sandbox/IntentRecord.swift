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
    /// Every try to take the money, in order.
    var attempts: [IntentAttempt] = []
    /// Its money is taken when somebody captures it.
    var capturesManually = false
    /// A Checkout session made it: it is cancelled by expiring the session.
    var hasCheckoutSession = false
    /// A bank account pays, not a card.
    var isBankTransfer = false
    var description: String?
    var metadata: [(key: String, value: String)] = []
    var aftermath: Aftermath?
    /// The status as a later version of the API might call it.
    var strangeStatus: String?
    /// The invoice it belongs to, with the invoice's creation time, which is part of its id; of several the first.
    var invoice: (index: Int64, createdSeconds: Int64)?
    /// What there is: where it is no intent, this record only stands in for it.
    var means = PaymentMeans.intent
    /// No list shows it.
    var isLeftOut = false

    /// Why the last attempt failed, until another one begins.
    var lastDecline: SandboxDecline? {
        status == .requiresPaymentMethod || status == .canceled ? attempts.last?.decline : nil
    }

    /// As it stood at that second.
    func asOf(_ seconds: Int64) -> IntentRecord {
        let last = max(
            succeededSeconds ?? .min, canceledSeconds ?? .min, attempts.last?.createdSeconds ?? .min,
            aftermath?.lastSeconds ?? .min)
        guard last > seconds else { return self }
        var earlier = self
        earlier.aftermath = aftermath?.asOf(seconds)
        if let end = succeededSeconds ?? canceledSeconds, end > seconds {
            earlier.status = .requiresPaymentMethod
            earlier.succeededSeconds = nil
            earlier.canceledSeconds = nil
            earlier.cancellationReason = nil
        }
        if let begun = attempts.last?.createdSeconds, begun > seconds {
            earlier.attempts = attempts.filter { $0.createdSeconds <= seconds }
            if earlier.succeededSeconds == nil, earlier.canceledSeconds == nil {
                earlier.status = .requiresPaymentMethod
            }
        } else if earlier.status != status, let attempt = earlier.attempts.last, attempt.outcome == .succeeded {
            // A bank transfer succeeds some days after the attempt began.
            earlier.attempts[attempts.count - 1].outcome = .pending
            earlier.status = .processing
        }
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
        intent.aftermath = aftermath
        intent.means = means
        switch status {
        case .paid where !paidOutOfBand && sharedPayment == nil:
            intent.status = .succeeded
            intent.succeededSeconds = paidSeconds
            if amountPaid > 0, means != .record, let paidSeconds {
                intent.attempts = [IntentAttempt(createdSeconds: paidSeconds, outcome: .succeeded)]
            }
        case .void, .paid:
            intent.status = .canceled
            intent.canceledSeconds = voidedSeconds ?? paidSeconds
            intent.cancellationReason = "void_invoice"
        case .draft, .open, .uncollectible: break
        }
        return intent
    }
}
