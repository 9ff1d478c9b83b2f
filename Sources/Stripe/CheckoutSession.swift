/// A page of Stripe's on which a customer pays. See https://docs.stripe.com/api/checkout/sessions/object
struct CheckoutSession: Sendable, Hashable {
    var id: String
    var createdSeconds: Int64
    /// The intent that it made.
    var paymentIntent: String?
}
