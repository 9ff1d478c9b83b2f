/// Where an invoice stands at Stripe (https://docs.stripe.com/api/invoices/object, `status`).
public enum InvoiceStatus: Sendable, Hashable {
    case draft, open, paid, void, uncollectible
    /// A word that this version does not know. It is reported as `unknown_status` and never acted on.
    case unknown(String)

    public init(_ word: String) {
        self =
            switch word {
            case "draft": .draft
            case "open": .open
            case "paid": .paid
            case "void": .void
            case "uncollectible": .uncollectible
            default: .unknown(word)
            }
    }

    public var word: String {
        switch self {
        case .draft: "draft"
        case .open: "open"
        case .paid: "paid"
        case .void: "void"
        case .uncollectible: "uncollectible"
        case .unknown(let word): word
        }
    }

    /// The statuses that an invoice never leaves.
    public static let terminal: Set<Self> = [.paid, .void]
    public var isTerminal: Bool { Self.terminal.contains(self) }

    /// A draft, open or paid invoice: one that still asks for money or has taken it.
    public var isLive: Bool { self == .draft || self == .open || self == .paid }
}

/// The row of the state table (DESIGN section 5): what Stripe says of an invoice.
public enum StripeState: String, CaseIterable, Sendable, Hashable {
    case draftYoung, draftStale, open, paid, void, uncollectible, absent
}

/// The column of the state table: what the local tables say of it.
public enum OrderState: String, CaseIterable, Sendable, Hashable {
    case open, paid, cancelled, absent
}
