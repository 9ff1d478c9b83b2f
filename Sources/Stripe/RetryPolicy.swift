/// When a request is sent again, and how long it waits: the rules of Stripe's own libraries, but that a 429 of the
/// rate limiter is retried too, since giving up a run of thousands of pages for one of them helps nobody.
public struct RetryPolicy: Sendable {
    /// Attempts in all at errors of the connection, 409 and 5xx.
    public var maxAttempts = 4
    /// Attempts in all at 429.
    public var maxRateLimitedAttempts = 8
    public var firstDelaySeconds = 0.5
    public var maxDelaySeconds = 5.0
    public var maxRateLimitedDelaySeconds = 20.0
    /// A longer Retry-After is not honoured, as in Stripe's libraries.
    public var maxRetryAfterSeconds = 60.0
    /// No wait begins that would end later than this after the first attempt.
    public var maxTotalSeconds = 180.0
    /// A number of 0.5 to 1 by which a delay is multiplied, so that many clients do not return together.
    public var jitter: @Sendable () -> Double = { Double.random(in: 0.5...1) }

    public init() {}

    public static let standard = RetryPolicy()

    /// No second attempt.
    public static let never: RetryPolicy = {
        var policy = RetryPolicy()
        policy.maxAttempts = 1
        policy.maxRateLimitedAttempts = 1
        return policy
    }()

    /// How an attempt failed, as far as the decision is concerned.
    package struct Failure {
        /// `nil` when no answer came.
        package var status: Int?
        /// Of the connection's error, when no answer came.
        package var isTransientConnection: Bool
        package var isRateLimited: Bool
        /// The header Idempotent-Replayed: what was kept for the key.
        package var isReplayed: Bool
        /// The header Stripe-Should-Retry.
        package var shouldRetry: Bool?
        package var retryAfterSeconds: Double?

        package init(
            status: Int? = nil, isTransientConnection: Bool = false, isRateLimited: Bool = false,
            isReplayed: Bool = false, shouldRetry: Bool? = nil, retryAfterSeconds: Double? = nil
        ) {
            self.status = status
            self.isTransientConnection = isTransientConnection
            self.isRateLimited = isRateLimited
            self.isReplayed = isReplayed
            self.shouldRetry = shouldRetry
            self.retryAfterSeconds = retryAfterSeconds
        }
    }

    /// The seconds to wait before the next attempt; `nil` to give up. `attempts` have failed, the last one so.
    package func delaySeconds(after failure: Failure, attempts: Int) -> Double? {
        guard attempts < (failure.isRateLimited ? maxRateLimitedAttempts : maxAttempts) else { return nil }
        guard isRetryable(failure) else { return nil }
        let ceiling = failure.isRateLimited ? maxRateLimitedDelaySeconds : maxDelaySeconds
        // The exponent is bounded: 2^20 half seconds are beyond any ceiling.
        let growing = firstDelaySeconds * Double(1 << min(attempts - 1, 20))
        let delay = max(min(growing, ceiling) * jitter(), min(firstDelaySeconds, ceiling))
        guard let asked = failure.retryAfterSeconds, asked <= maxRetryAfterSeconds else { return delay }
        return max(delay, asked)
    }

    private func isRetryable(_ failure: Failure) -> Bool {
        guard let status = failure.status else { return failure.isTransientConnection }
        // It would be given again and again.
        if failure.isReplayed { return false }
        if let shouldRetry = failure.shouldRetry {
            return shouldRetry
        }
        return failure.isRateLimited || status == 409 || status >= 500
    }
}
