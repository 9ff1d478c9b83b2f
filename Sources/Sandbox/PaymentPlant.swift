/// A payment intent that is planted into a ``CreditHistory`` besides those of its invoices. The raw values are stable.
public enum PaymentPlant: String, Sendable, CaseIterable, Hashable {
    // Money that no order explains.
    case orphanSucceeded = "orphan_succeeded"
    /// A bank transfer under way.
    case orphanProcessing = "orphan_processing"
    /// Authorized, and not yet captured.
    case orphanUncaptured = "orphan_uncaptured"
    /// Its metadata names an order whose invoice it does not pay.
    case orphanNamingOrder = "orphan_naming_order"
    /// A second intent that succeeded for an invoice that was paid already.
    case paidTwice = "paid_twice"
    /// Never confirmed, older than `stale_after`.
    case staleOpen = "stale_open"
    /// It has a payment method, and waits to be confirmed since longer than `stale_after`.
    case staleConfirmation = "stale_confirmation"
    // What only looks wrong.
    /// Old and never confirmed, but a Checkout session made it.
    case staleCheckout = "stale_checkout"
    /// Waits for the customer since longer than `stale_after`: it was confirmed.
    case actionOld = "action_old"
    case canceled
    /// Not confirmed, but not for long.
    case openYoung = "open_young"
}

extension PaymentPlant {
    /// The kind of finding that this has to lead to; `nil` for none.
    public var kind: String? {
        switch self {
        case .orphanSucceeded, .orphanProcessing, .orphanUncaptured, .orphanNamingOrder: "missing_locally"
        case .paidTwice: "duplicate_in_stripe"
        case .staleOpen, .staleConfirmation: "stale_intent"
        case .staleCheckout, .actionOld, .canceled, .openYoung: nil
        }
    }

    /// What is done about it without a word in the job file; `nil` where there is no finding.
    public var action: Plant.Action? {
        switch self {
        case .staleOpen, .staleConfirmation: .apply
        default: kind == nil ? nil : .review
        }
    }

    /// How many findings one planting leads to: an invoice that was paid twice is one for each of its two intents.
    public var findings: Int { self == .paidTwice ? 2 : kind == nil ? 0 : 1 }

    var fate: IntentFate {
        switch self {
        case .orphanSucceeded, .orphanNamingOrder, .paidTwice: .succeeded
        case .orphanProcessing: .processing
        case .orphanUncaptured: .uncaptured
        case .staleOpen, .staleCheckout, .openYoung: .open
        case .staleConfirmation: .confirmation
        case .actionOld: .action
        case .canceled: .canceled
        }
    }

    var age: IntentAge {
        switch self {
        case .orphanProcessing, .orphanUncaptured, .openYoung: .young
        case .staleOpen, .staleConfirmation, .staleCheckout, .actionOld: .stale
        default: .recent
        }
    }
}

/// A payment intent of a ``CreditHistory`` that belongs to no invoice, or to one that was paid already.
struct PlantedPayment: Sendable {
    var plant: PaymentPlant
    var number: Int
    var createdSeconds: Int64
    /// The place of the order whose invoice it pays again, or that its metadata names.
    var order: Int?
}
