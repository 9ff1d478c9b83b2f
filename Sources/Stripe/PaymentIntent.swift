/// State of a payment intent. See https://docs.stripe.com/payments/paymentintents/lifecycle
public enum PaymentIntentStatus: Sendable, Hashable {
    case requiresPaymentMethod
    case requiresConfirmation
    case requiresAction
    case requiresCapture
    case processing
    case canceled
    case succeeded
    /// A word that this version does not know, as Stripe wrote it.
    case unknown(String)

    public init(_ text: String) {
        self = Self.known.first { $0.text == text } ?? .unknown(text)
    }

    public var text: String {
        switch self {
        case .requiresPaymentMethod: "requires_payment_method"
        case .requiresConfirmation: "requires_confirmation"
        case .requiresAction: "requires_action"
        case .requiresCapture: "requires_capture"
        case .processing: "processing"
        case .canceled: "canceled"
        case .succeeded: "succeeded"
        case .unknown(let text): text
        }
    }

    private static let known: [PaymentIntentStatus] = [
        .requiresPaymentMethod, .requiresConfirmation, .requiresAction, .requiresCapture, .processing, .canceled,
        .succeeded,
    ]
}

/// Why the last payment failed.
public struct PaymentFailure: Sendable, Hashable {
    public var code: String?
    public var declineCode: String?
    public var message: String?

    /// All fields.
    public init(
        code: String? = nil, declineCode: String? = nil, message: String? = nil
    ) {
        self.code = code
        self.declineCode = declineCode
        self.message = message
    }
}

/// A payment intent. See https://docs.stripe.com/api/payment_intents/object
public struct PaymentIntent: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    public var status: PaymentIntentStatus
    /// Three letters, lower case.
    public var currency: String
    /// Amounts are in the currency's minor units.
    public var amount: Int64
    public var amountReceived: Int64
    public var customer: String?
    /// Until 2025-03-31.basil; later versions join through /v1/invoice_payments.
    public var invoice: String?
    public var canceledSeconds: Int64?
    public var cancellationReason: String?
    public var latestCharge: String?
    /// When the latest charge was made; `nil` also where it was not asked for (`expandingCharge`).
    public var chargedSeconds: Int64?
    /// `nil` when there is none.
    public var lastPaymentError: PaymentFailure?
    public var description: String?
    public var metadata: OrderMetadata

    /// All fields, for those who make one themselves.
    public init(
        id: String, createdSeconds: Int64, livemode: Bool, status: PaymentIntentStatus, currency: String, amount: Int64,
        amountReceived: Int64, customer: String? = nil, invoice: String? = nil, canceledSeconds: Int64? = nil,
        cancellationReason: String? = nil, latestCharge: String? = nil, chargedSeconds: Int64? = nil,
        lastPaymentError: PaymentFailure? = nil, description: String? = nil, metadata: OrderMetadata = OrderMetadata()
    ) {
        self.id = id
        self.createdSeconds = createdSeconds
        self.livemode = livemode
        self.status = status
        self.currency = currency
        self.amount = amount
        self.amountReceived = amountReceived
        self.customer = customer
        self.invoice = invoice
        self.canceledSeconds = canceledSeconds
        self.cancellationReason = cancellationReason
        self.latestCharge = latestCharge
        self.chargedSeconds = chargedSeconds
        self.lastPaymentError = lastPaymentError
        self.description = description
        self.metadata = metadata
    }
}
