/// Something that happened. See https://docs.stripe.com/api/events/object
///
/// A hint: `data.object` is what the object was then, in the event's own API version, so the object is read anew.
public struct Event: Sendable, Hashable {
    public var id: String
    /// For example invoice.paid.
    public var type: String
    public var createdSeconds: Int64
    public var livemode: Bool
    public var apiVersion: String?
    /// Endpoints that have not confirmed it.
    public var pendingWebhooks: Int64
    /// `nil` for objects without one, such as an upcoming invoice.
    public var objectID: String?
    /// For example invoice.
    public var objectType: String
    public var objectStatus: String?
    /// req_… of the request that caused it.
    public var requestID: String?
    public var idempotencyKey: String?
}
