/// A payment intent of a ``World`` or an ``AgencyHistory`` as it stands, for tests and the demo.
public struct SandboxPaymentIntent: Sendable, Hashable {
    /// Stripe's id.
    public var id: String
    /// Where it stands.
    public var status: SandboxIntentStatus
    /// When it was made, in Unix seconds.
    public var createdSeconds: Int64
    /// When the money arrived, in Unix seconds.
    public var succeededSeconds: Int64?
    /// When it was cancelled, in Unix seconds.
    public var canceledSeconds: Int64?
    /// In minor units.
    public var amount: Int64
    /// ISO code in lower case.
    public var currency: String
    /// The Stripe customer's id.
    public var customerID: String?
    /// The last attempt failed.
    public var isDeclined: Bool
    /// How often it was tried to take the money: 0 where it was never confirmed.
    public var attempts: Int
    /// The charge of the last attempt.
    public var latestChargeID: String?
    /// What was given back, in minor units.
    public var refunded: Int64
    /// Whether somebody disputes a charge of it.
    public var isDisputed: Bool
    /// The invoice it belongs to.
    public var invoiceID: String?
    /// Whether a Checkout session made it.
    public var hasCheckoutSession: Bool
    /// Keys and values.
    public var metadata: [String: String]

    init(_ record: IntentRecord, space: IDSpace) {
        id = space.text(record.kind, record.index, createdSeconds: record.createdSeconds)
        status = record.status
        createdSeconds = record.createdSeconds
        succeededSeconds = record.succeededSeconds
        canceledSeconds = record.canceledSeconds
        amount = record.amount
        currency = record.currency.code
        customerID = record.customer < 0 ? nil : space.text(.customer, record.customer, createdSeconds: 0)
        isDeclined = record.lastDecline != nil
        attempts = record.attempts.count
        latestChargeID = record.latestCharge.map {
            space.text(.charge, $0.part.index, createdSeconds: $0.createdSeconds)
        }
        refunded = record.aftermath.refunds.reduce(0) { $0 + $1.amount }
        isDisputed = !record.aftermath.disputes.isEmpty
        invoiceID = record.invoice.map { space.text(.invoice, $0.index, createdSeconds: $0.createdSeconds) }
        hasCheckoutSession = record.hasCheckoutSession
        metadata = Dictionary(record.metadata.map { ($0.key, $0.value) }) { $1 }
    }
}

extension World {
    /// The payment intent with this id as it stands now.
    public func paymentIntent(_ id: String) -> SandboxPaymentIntent? {
        view.intent(id: id).map { SandboxPaymentIntent($0, space: renderer.space) }
    }

    /// Every payment intent of its own that can be seen now, oldest first. Reads all of them: for small accounts.
    public func allPaymentIntents() -> [SandboxPaymentIntent] {
        let view = view
        let generated = (0..<history.intentCount).compactMap { view.intent($0) }
        let added = view.state.intents.added.compactMap { view.intent($0.index) }
        return (generated + added).filter { $0.createdSeconds <= view.nowSeconds }
            .sorted { ($0.createdSeconds, $0.index) < ($1.createdSeconds, $1.index) }
            .map { SandboxPaymentIntent($0, space: renderer.space) }
    }
}
