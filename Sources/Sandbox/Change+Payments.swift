/// What a confirmation leads to, as the payment method decides at Stripe.
public enum SandboxConfirmation: Sendable, Hashable {
    /// The money is there at once.
    case succeeds
    /// The bank says no.
    case declined(SandboxDecline)
    /// The customer has to do something, such as 3-D Secure.
    case requiresAction
    /// A bank transfer that takes some days; ``World/succeed(paymentIntent:delivery:)`` ends it.
    case processes

    /// What one of Stripe's test payment methods does (https://docs.stripe.com/testing).
    init(paymentMethod: String, isOffSession: Bool = false) {
        let name = paymentMethod.lowercased()
        if name.contains("insufficientfunds") {
            self = .declined(.insufficientFunds)
        } else if name.contains("expiredcard") {
            self = .declined(.expiredCard)
        } else if name.contains("lostcard") {
            self = .declined(.lostCard)
        } else if name.contains("processingerror") {
            self = .declined(.processingError)
        } else if name.contains("chargedeclined") || name.contains("chargecustomerfail") {
            self = .declined(.genericDecline)
        } else if name.contains("authenticationrequired"), isOffSession {
            self = .declined(.authenticationRequired)
        } else if name.contains("authenticationrequired") || name.contains("threedsecure") {
            self = .requiresAction
        } else {
            self = name.contains("bankaccount") ? .processes : .succeeds
        }
    }
}

/// Payment intents and the ways between their states (https://docs.stripe.com/payments/paymentintents/lifecycle).
extension Change {
    /// Looks an intent of its own up; an invoice's is refused with its own words.
    func intent(id: String, to verb: String) throws(SandboxError) -> IntentRecord {
        guard let intent = view.intent(id: id) else { throw .noSuch("payment_intent", id, param: "intent") }
        guard intent.kind == .intent else {
            throw .unexpected(
                verb == "cancel"
                    ? "You cannot cancel this PaymentIntent because it was created by an invoice. Void the invoice "
                        + "instead."
                    : "You cannot \(verb) this PaymentIntent because it was created by an invoice. Pay the invoice "
                        + "instead.")
        }
        return intent
    }

    mutating func createIntent(_ make: (Int64) -> IntentRecord) -> IntentRecord {
        let intent = make(state.intents.nextIndex)
        state.intents.add(intent, index: intent.index, createdSeconds: intent.createdSeconds)
        record("payment_intent.created", .intent(intent))
        return intent
    }

    mutating func store(_ intent: IntentRecord) {
        state.intents.set(intent.index, intent, nowSeconds: nowSeconds)
    }

    /// Registers a charge, refund, dispute or credit note that this change made, and writes its event.
    mutating func recordPart(_ part: PartRecord, _ type: String) {
        state.lateParts[part.part.kind.rawValue].add(part.part.index, createdSeconds: part.createdSeconds)
        record(type, .part(part))
    }

    /// Tries to take the money. A decline is stored, and thrown by whoever asked through the API.
    mutating func confirm(_ intent: IntentRecord, _ outcome: SandboxConfirmation) throws(SandboxError) -> IntentRecord {
        switch intent.status {
        case .requiresPaymentMethod, .requiresConfirmation, .requiresAction: break
        case .succeeded:
            throw .unexpected(
                "You cannot confirm this PaymentIntent because it has already succeeded after being previously "
                    + "confirmed.")
        default:
            throw .unexpected(
                "This PaymentIntent's status is \(intent.status.rawValue), but must be one of "
                    + "requires_payment_method, requires_confirmation, requires_action to be confirmed.")
        }
        guard intent.attempts.count < Part.limit else { throw .unexpected("This PaymentIntent was tried too often.") }
        switch outcome {
        case .requiresAction:
            var waiting = intent
            waiting.status = .requiresAction
            store(waiting)
            record("payment_intent.requires_action", .intent(waiting))
            return waiting
        case .succeeds:
            return try attempt(intent, intent.capturesManually ? .uncaptured : .succeeded)
        case .declined(let decline): return try attempt(intent, .declined(decline))
        case .processes: return try attempt(intent, .pending)
        }
    }

    /// Makes an attempt and the charge that goes with it.
    mutating func attempt(
        _ intent: IntentRecord, _ outcome: IntentAttempt.Outcome
    ) throws(SandboxError) -> IntentRecord {
        var tried = intent
        tried.attempts.append(IntentAttempt(createdSeconds: nowSeconds, outcome: outcome))
        switch outcome {
        case .succeeded:
            tried.status = .succeeded
            tried.succeededSeconds = nowSeconds
        case .uncaptured: tried.status = .requiresCapture
        case .pending:
            tried.status = .processing
            tried.isBankTransfer = true
        case .declined: tried.status = .requiresPaymentMethod
        }
        store(tried)
        guard let charge = tried.latestCharge else { return tried }
        switch outcome {
        case .succeeded:
            recordPart(charge, "charge.succeeded")
            record("payment_intent.succeeded", .intent(tried))
        case .uncaptured:
            recordPart(charge, "charge.succeeded")
            record("payment_intent.amount_capturable_updated", .intent(tried))
        case .pending:
            recordPart(charge, "charge.pending")
            record("payment_intent.processing", .intent(tried))
        case .declined:
            recordPart(charge, "charge.failed")
            record("payment_intent.payment_failed", .intent(tried))
        }
        return tried
    }

    /// Ends a bank transfer that is under way, or takes what was only authorized.
    mutating func complete(
        _ intent: IntentRecord, _ outcome: IntentAttempt.Outcome
    ) throws(SandboxError) -> IntentRecord {
        guard intent.status == .processing || intent.status == .requiresCapture, !intent.attempts.isEmpty else {
            return try attempt(intent, outcome)
        }
        var done = intent
        done.attempts[done.attempts.count - 1].outcome = outcome
        done.status = outcome == .succeeded ? .succeeded : .requiresPaymentMethod
        if outcome == .succeeded { done.succeededSeconds = nowSeconds }
        store(done)
        if let charge = done.latestCharge {
            let captured = intent.status == .requiresCapture ? "charge.captured" : "charge.succeeded"
            record(outcome == .succeeded ? captured : "charge.failed", .part(charge))
        }
        record(
            outcome == .succeeded ? "payment_intent.succeeded" : "payment_intent.payment_failed", .intent(done))
        return done
    }

    /// Cancels a payment intent (https://docs.stripe.com/api/payment_intents/cancel).
    mutating func cancel(_ intent: IntentRecord, reason: String?) throws(SandboxError) -> IntentRecord {
        guard !intent.hasCheckoutSession else {
            throw .unexpected(
                "You cannot cancel this PaymentIntent because it was created by a Checkout Session. Expire the "
                    + "Checkout Session instead.")
        }
        switch intent.status {
        case .canceled, .succeeded, .processing:
            throw .unexpected(
                "You cannot cancel this PaymentIntent because it has a status of \(intent.status.rawValue). Only a "
                    + "PaymentIntent with one of the following statuses may be canceled: requires_payment_method, "
                    + "requires_capture, requires_confirmation, requires_action, processing.")
        default: break
        }
        var canceled = intent
        canceled.status = .canceled
        canceled.canceledSeconds = nowSeconds
        canceled.cancellationReason = reason
        store(canceled)
        record("payment_intent.canceled", .intent(canceled))
        return canceled
    }
}

extension SandboxError {
    /// A payment intent whose state does not allow an operation.
    static func unexpected(_ message: String) -> SandboxError {
        .state(message, code: "payment_intent_unexpected_state")
    }
}
