/// Where Stripe sends events to. See https://docs.stripe.com/api/webhook_endpoints/object
///
/// Its signing secret is shown once, when it is made: whether a secret belongs to it, only an event tells.
public struct WebhookEndpoint: Sendable, Hashable, Decodable {
    public var id: String
    public var url: String
    /// `enabled` or `disabled`.
    public var status: String
    public var livemode: Bool
    /// The types that are sent; `*` for all.
    public var enabledEvents: [String]

    private enum CodingKeys: String, CodingKey {
        case id, url, status, livemode
        case enabledEvents = "enabled_events"
    }

    /// The path of its URL, without query.
    public var path: String {
        let rest = url.split(separator: "://", maxSplits: 1).last ?? ""
        guard let slash = rest.firstIndex(of: "/") else { return "/" }
        return String(rest[slash...].prefix { $0 != "?" && $0 != "#" })
    }

    /// Those of these types that are not sent there.
    public func missing(of types: [String]) -> [String] {
        enabledEvents.contains("*") ? [] : types.filter { !enabledEvents.contains($0) }
    }
}
