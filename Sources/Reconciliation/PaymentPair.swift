/// A payment intent that no row of its own stands for, and who in the local tables explains it: a patient's customer,
/// or the credit order whose invoice it pays.
public struct PaymentPair: Sendable, Hashable {
    /// Who may explain a payment.
    public enum Explains: String, Sendable, Hashable {
        /// A known customer (`stripe_customer_patient_assoc`).
        case customer
        /// The invoice of a credit order (`task_credit_stripe_invoice`).
        case order
    }

    public var explains: Explains
    public var stripe: IntentFacts
    /// The local row that knows the customer or the invoice, as text; `nil` where there is none.
    public var localID: String?
    /// The order of the invoice that the intent pays.
    public var order: OrderFacts?
    /// How many intents have succeeded for the same invoice.
    public var succeededOfInvoice: Int

    public init(
        explains: Explains, stripe: IntentFacts, localID: String? = nil, order: OrderFacts? = nil,
        succeededOfInvoice: Int = 1
    ) {
        self.explains = explains
        self.stripe = stripe
        self.localID = localID
        self.order = order
        self.succeededOfInvoice = succeededOfInvoice
    }
}
