/// Permission to send requests to one account.
///
/// Two closures and nothing else: `local` keeps the count in this process; another one may take it from a database
/// that several processes share.
public struct RequestBudget: Sendable {
    /// Returns when a request to that endpoint (for example `GET /v1/invoices/:id`) may be sent, and until when:
    /// after that another permission is needed; `nil` for no such end. Each return is one request.
    public let take: @Sendable (_ endpoint: String) async throws(CancellationError) -> ContinuousClock.Instant?
    /// Told when Stripe answered 429 all the same: fewer requests for a while.
    public let slowDown: @Sendable (_ endpoint: String, _ reason: RateLimitReason) -> Void

    public init(
        take: @escaping @Sendable (String) async throws(CancellationError) -> ContinuousClock.Instant?,
        slowDown: @escaping @Sendable (String, RateLimitReason) -> Void
    ) {
        self.take = take
        self.slowDown = slowDown
    }

    /// Evenly spaced requests within the limits, first come, first served, counted in this process.
    public static func local(_ limits: RateLimits, clock: MonotonicClock = .system) -> RequestBudget {
        let buckets = TokenBuckets(limits, clock: clock)
        return RequestBudget(
            take: { endpoint async throws(CancellationError) in
                try await buckets.take(endpoint)
                return nil
            },
            slowDown: { buckets.slowDown($0, reason: $1) })
    }

    /// No limit at all, for a stand-in on the same machine.
    public static let unlimited = RequestBudget(
        take: { _ async throws(CancellationError) in
            if Task.isCancelled {
                throw CancellationError()
            }
            return nil
        }, slowDown: { _, _ in })
}

/// Stripe-Rate-Limited-Reason of a 429, and what else makes Stripe answer one.
public enum RateLimitReason: Sendable, Hashable {
    case globalRate
    case endpointRate
    case globalConcurrency
    case endpointConcurrency
    case resourceSpecific
    /// Code lock_timeout: another request holds the object.
    case lockTimeout
    /// No reason given.
    case unstated
    /// A reason that this version does not know.
    case unknown(String)

    init(header: String?, code: String?) {
        switch (header, code) {
        case (_, "lock_timeout"): self = .lockTimeout
        case (nil, _): self = .unstated
        case ("global-rate", _): self = .globalRate
        case ("endpoint-rate", _): self = .endpointRate
        case ("global-concurrency", _): self = .globalConcurrency
        case ("endpoint-concurrency", _): self = .endpointConcurrency
        case ("resource-specific", _): self = .resourceSpecific
        case (let other?, _): self = .unknown(other)
        }
    }
}
