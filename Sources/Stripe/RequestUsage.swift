/// What a client has sent so far.
public struct RequestUsage: Sendable, Equatable {
    /// Every attempt counts.
    public var requests = 0
    /// By method and path template, for example `GET /v1/invoices`.
    public var byEndpoint: [String: Int] = [:]
    /// By the status of the answer; 0: none came.
    public var byStatus: [Int: Int] = [:]
    /// Attempts beyond the first.
    public var retries = 0
    /// Answers with 429, or 400 rate_limit.
    public var rateLimited = 0
    /// Other answers that are not 2xx, and attempts without an answer.
    public var errors = 0
    /// Of bodies.
    public var bytesReceived = 0
    /// Requests that had to wait for the account's limits for at least a millisecond, and how long all of them did.
    public var waits = 0
    public var waitedNanoseconds: Int64 = 0

    public init() {}
}
