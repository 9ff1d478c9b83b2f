/// State of the payment of an invoice. See https://docs.stripe.com/api/invoice-payment/object
public enum InvoicePaymentStatus: Sendable, Hashable {
    case open
    case paid
    case canceled
    /// A word that this version does not know, as Stripe wrote it.
    case unknown(String)

    public init(_ text: String) {
        self =
            switch text {
            case "open": .open
            case "paid": .paid
            case "canceled": .canceled
            default: .unknown(text)
            }
    }

    public var text: String {
        switch self {
        case .open: "open"
        case .paid: "paid"
        case .canceled: "canceled"
        case .unknown(let text): text
        }
    }
}

/// What pays, or is to pay, an invoice. Since 2025-03-31.basil. See https://docs.stripe.com/api/invoice-payment/object
public struct InvoicePayment: Sendable, Hashable {
    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    public var status: InvoicePaymentStatus
    /// Three letters, lower case.
    public var currency: String
    /// In the currency's minor units.
    public var amountRequested: Int64
    /// In the currency's minor units; `nil` until it is paid.
    public var amountPaid: Int64?
    public var invoice: String
    /// payment_intent, charge or payment_record: which of the following there is.
    public var paymentType: String
    public var paymentIntent: String?
    public var charge: String?

    /// All fields, for those who make one themselves.
    public init(
        id: String, createdSeconds: Int64, livemode: Bool, status: InvoicePaymentStatus, currency: String,
        amountRequested: Int64, amountPaid: Int64? = nil, invoice: String, paymentType: String,
        paymentIntent: String? = nil, charge: String? = nil
    ) {
        self.id = id
        self.createdSeconds = createdSeconds
        self.livemode = livemode
        self.status = status
        self.currency = currency
        self.amountRequested = amountRequested
        self.amountPaid = amountPaid
        self.invoice = invoice
        self.paymentType = paymentType
        self.paymentIntent = paymentIntent
        self.charge = charge
    }
}
