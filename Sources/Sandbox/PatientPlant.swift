/// A payment intent that is planted on purpose into a ``PatientHistory``. The raw values are stable.
public enum PatientPlant: String, Sendable, CaseIterable, Hashable {
    // Money that no patient explains.
    /// Of a customer that no row knows.
    case unknownSucceeded = "unknown_succeeded"
    /// The same, and it still waits for the customer.
    case unknownAction = "unknown_action"
    /// Without any customer.
    case nobodySucceeded = "nobody_succeeded"
    /// The same, and the card was declined.
    case nobodyDeclined = "nobody_declined"
    // What only looks wrong.
    case unknownCanceled = "unknown_canceled"
    case nobodyCanceled = "nobody_canceled"
    /// Of a known patient, never confirmed and older than `stale_after`: an expiry's business, not a comparison's.
    case staleOpen = "stale_open"
    /// The same, but a Checkout session made it.
    case staleCheckout = "stale_checkout"
}

extension PatientPlant {
    /// The kind of finding that this has to lead to; `nil` for none.
    public var kind: String? {
        switch self {
        case .unknownSucceeded, .unknownAction, .nobodySucceeded, .nobodyDeclined: "missing_locally"
        case .unknownCanceled, .nobodyCanceled, .staleOpen, .staleCheckout: nil
        }
    }

    /// What is done about it without a word in the job file; `nil` where there is no finding.
    public var action: Plant.Action? { kind == nil ? nil : .review }

    /// Who pays.
    enum Payer {
        case patient, stranger, nobody
    }

    var payer: Payer {
        switch self {
        case .unknownSucceeded, .unknownAction, .unknownCanceled: .stranger
        case .nobodySucceeded, .nobodyDeclined, .nobodyCanceled: .nobody
        case .staleOpen, .staleCheckout: .patient
        }
    }

    var fate: IntentFate {
        switch self {
        case .unknownSucceeded, .nobodySucceeded: .succeeded
        case .unknownAction: .action
        case .nobodyDeclined: .declined
        case .unknownCanceled, .nobodyCanceled: .canceled
        case .staleOpen, .staleCheckout: .open
        }
    }

    var age: IntentAge { payer == .patient ? .stale : .recent }
}
