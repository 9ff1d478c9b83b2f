/// One attempt to take money. See https://docs.stripe.com/api/charges/object
public struct Charge: Sendable, Hashable {
    public enum Status: Sendable, Hashable {
        case succeeded
        case pending
        case failed
        /// A word that this version does not know, as Stripe wrote it.
        case unknown(String)

        public init(_ text: String) {
            self =
                switch text {
                case "succeeded": .succeeded
                case "pending": .pending
                case "failed": .failed
                default: .unknown(text)
                }
        }

        public var text: String {
            switch self {
            case .succeeded: "succeeded"
            case .pending: "pending"
            case .failed: "failed"
            case .unknown(let text): text
            }
        }
    }

    public var id: String
    public var createdSeconds: Int64
    public var livemode: Bool
    public var status: Status
    /// Three letters, lower case.
    public var currency: String
    /// Amounts are in the currency's minor units.
    public var amount: Int64
    public var amountRefunded: Int64
    /// It succeeded, or was authorized to be captured later.
    public var paid: Bool
    /// All of it was given back.
    public var refunded: Bool
    /// Somebody questions it.
    public var disputed: Bool
    public var customer: String?
    public var paymentIntent: String?
    /// Until 2025-03-31.basil; later versions join through /v1/invoice_payments.
    public var invoice: String?

    /// All fields, for those who make one themselves.
    public init(
        id: String, createdSeconds: Int64, livemode: Bool, status: Status, currency: String, amount: Int64,
        amountRefunded: Int64, paid: Bool, refunded: Bool, disputed: Bool, customer: String? = nil,
        paymentIntent: String? = nil, invoice: String? = nil
    ) {
        self.id = id
        self.createdSeconds = createdSeconds
        self.livemode = livemode
        self.status = status
        self.currency = currency
        self.amount = amount
        self.amountRefunded = amountRefunded
        self.paid = paid
        self.refunded = refunded
        self.disputed = disputed
        self.customer = customer
        self.paymentIntent = paymentIntent
        self.invoice = invoice
    }
}
