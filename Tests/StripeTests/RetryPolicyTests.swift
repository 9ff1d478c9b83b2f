import Stripe
import Testing

@Suite struct RetryPolicyTests {
    private var policy: RetryPolicy {
        var policy = RetryPolicy.standard
        policy.jitter = { 1 }
        return policy
    }

    @Test("delays grow to a ceiling, and attempts are bounded")
    func growth() {
        let failure = RetryPolicy.Failure(status: 503)
        let delays = (1...5).map { policy.delaySeconds(after: failure, attempts: $0) }
        #expect(delays == [0.5, 1, 2, nil, nil])
        let limited = RetryPolicy.Failure(status: 429, isRateLimited: true)
        #expect(
            (1...9).map { policy.delaySeconds(after: limited, attempts: $0) }
                == [0.5, 1, 2, 4, 8, 16, 20, nil, nil])
    }

    @Test("jitter shortens a delay, never below the first one")
    func jitter() {
        var policy = policy
        policy.jitter = { 0.5 }
        let failure = RetryPolicy.Failure(status: 500)
        #expect((1...3).map { policy.delaySeconds(after: failure, attempts: $0) } == [0.5, 0.5, 1])
    }

    @Test(
        "Stripe's word outranks the status",
        arguments: [
            (nil, false, nil, false), (nil, true, nil, true), (400, false, nil, false), (400, false, true, true),
            (404, false, nil, false), (409, false, nil, true), (409, false, false, false), (500, false, nil, true),
            (503, false, false, false), (402, false, nil, false), (302, false, nil, false),
        ] as [(Int?, Bool, Bool?, Bool)])
    func rules(status: Int?, transient: Bool, shouldRetry: Bool?, expected: Bool) {
        let failure = RetryPolicy.Failure(
            status: status, isTransientConnection: transient, shouldRetry: shouldRetry)
        #expect((policy.delaySeconds(after: failure, attempts: 1) != nil) == expected)
    }

    @Test("Retry-After is honoured up to a minute", arguments: [(3.0, 3.0), (0, 0.5), (60, 60), (61, 0.5)])
    func retryAfter(seconds: Double, expected: Double) {
        let failure = RetryPolicy.Failure(status: 429, isRateLimited: true, retryAfterSeconds: seconds)
        #expect(policy.delaySeconds(after: failure, attempts: 1) == expected)
    }

    @Test("the policy that never retries does not")
    func never() {
        #expect(RetryPolicy.never.delaySeconds(after: .init(status: 500), attempts: 1) == nil)
        #expect(RetryPolicy.never.delaySeconds(after: .init(status: 429, isRateLimited: true), attempts: 1) == nil)
    }
}
