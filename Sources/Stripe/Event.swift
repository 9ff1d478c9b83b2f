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
    /// When the object was created, Unix seconds; `nil` where it does not say.
    public var objectCreatedSeconds: Int64?
    /// req_… of the request that caused it.
    public var requestID: String?
    public var idempotencyKey: String?

    /// All fields, for those who make one themselves.
    public init(
        id: String, type: String, createdSeconds: Int64, livemode: Bool, apiVersion: String? = nil,
        pendingWebhooks: Int64, objectID: String? = nil, objectType: String, objectStatus: String? = nil,
        objectCreatedSeconds: Int64? = nil, requestID: String? = nil, idempotencyKey: String? = nil
    ) {
        self.id = id
        self.type = type
        self.createdSeconds = createdSeconds
        self.livemode = livemode
        self.apiVersion = apiVersion
        self.pendingWebhooks = pendingWebhooks
        self.objectID = objectID
        self.objectType = objectType
        self.objectStatus = objectStatus
        self.objectCreatedSeconds = objectCreatedSeconds
        self.requestID = requestID
        self.idempotencyKey = idempotencyKey
    }
}

extension Event {
    /// The event in the raw body of a webhook, after its signature was verified.
    ///
    /// The error says which field is wrong; it holds nothing secret.
    public init(webhookBody: [UInt8]) throws(UnreadableBody) {
        do {
            self = try BodyDecoding.event(webhookBody)
        } catch {
            throw UnreadableBody(description: "the webhook is not a Stripe event: \(error.words)")
        }
    }
}

/// A body that is not what it should be.
public struct UnreadableBody: Error, Sendable, CustomStringConvertible {
    public let description: String
}
