/// What the sandbox was asked for.
public struct SandboxStatistics: Sendable {
    /// What one account was asked for.
    public struct Account: Sendable {
        /// Requests per endpoint, such as `GET /v1/invoices/{invoice}`, refused ones included.
        public var requests: [String: Int] = [:]
        /// Requests that a rate limit refused.
        public var refused = 0
        /// The faults that were dealt out.
        public var faults: [SandboxFault: Int] = [:]
        /// The most requests that came in any one second, refused ones included.
        public var maxPerSecond = 0
        /// The most requests to one endpoint that came in any one second, refused ones included.
        public var maxPerSecondAndEndpoint = 0

        /// All requests.
        public var total: Int { requests.values.reduce(0, +) }
    }

    /// One request and what it was answered.
    public struct Served: Sendable, Equatable {
        /// The name of the account.
        public var account: String
        /// The HTTP method.
        public var method: String
        /// The path with its query, as it came.
        public var path: String
        /// 0 where nothing was answered.
        public var status: Int
        /// What goes wrong.
        public var fault: SandboxFault?
        /// `Idempotency-Key`, as it came.
        public var idempotencyKey: String?
        /// `Stripe-Version`, as it came.
        public var version: String?
    }

    /// By account name.
    public var accounts: [String: Account] = [:]
    /// Requests without a known key.
    public var unauthenticated = 0
    /// Every request in the order of arrival, where the configuration asks for it.
    public var log: [Served] = []

    /// All requests.
    public var total: Int { accounts.values.reduce(unauthenticated) { $0 + $1.total } }
}

/// Counts requests and holds them to the limits.
struct Gate: Sendable {
    private(set) var statistics = SandboxStatistics()
    private var faultPlan: FaultPlan
    private var accountWindows: [String: RateWindow] = [:]
    private var endpointWindows: [String: RateWindow] = [:]
    private var acceptedAccount: [String: RateWindow] = [:]
    private var acceptedEndpoint: [String: RateWindow] = [:]
    private let limits: SandboxLimits
    private let recordsRequests: Bool

    init(_ configuration: SandboxConfiguration) {
        faultPlan = FaultPlan(configuration.faults)
        limits = configuration.limits
        recordsRequests = configuration.recordsRequests
    }

    enum Admission {
        case admitted(SandboxFault?)
        /// With the value of `Stripe-Rate-Limited-Reason`.
        case refused(String)
    }

    /// Lets a request of a known account in, or not.
    mutating func admit(
        account: String, endpoint: String, method: String, path: String, nowNanoseconds: Int64
    ) -> Admission {
        let key = "\(account) \(endpoint)"
        let inSecond = Self.arrive(&accountWindows[account, default: RateWindow()], nowNanoseconds)
        let inEndpoint = Self.arrive(&endpointWindows[key, default: RateWindow()], nowNanoseconds)
        var counts = statistics.accounts[account] ?? SandboxStatistics.Account()
        counts.requests[endpoint, default: 0] += 1
        counts.maxPerSecond = max(counts.maxPerSecond, inSecond)
        counts.maxPerSecondAndEndpoint = max(counts.maxPerSecondAndEndpoint, inEndpoint)
        defer { statistics.accounts[account] = counts }
        acceptedAccount[account, default: RateWindow()].expire(nowNanoseconds: nowNanoseconds)
        acceptedEndpoint[key, default: RateWindow()].expire(nowNanoseconds: nowNanoseconds)
        if let limit = limits.perAccount, acceptedAccount[account]?.count ?? 0 >= limit {
            counts.refused += 1
            return .refused("global-rate")
        }
        if let limit = limits.perEndpoint, acceptedEndpoint[key]?.count ?? 0 >= limit {
            counts.refused += 1
            return .refused("endpoint-rate")
        }
        acceptedAccount[account]?.add(nowNanoseconds: nowNanoseconds)
        acceptedEndpoint[key]?.add(nowNanoseconds: nowNanoseconds)
        let fault = faultPlan.next(method: method, path: path)
        if let fault { counts.faults[fault, default: 0] += 1 }
        return .admitted(fault)
    }

    private static func arrive(_ window: inout RateWindow, _ nowNanoseconds: Int64) -> Int {
        window.expire(nowNanoseconds: nowNanoseconds)
        window.add(nowNanoseconds: nowNanoseconds)
        return window.count
    }

    mutating func refuseUnauthenticated() { statistics.unauthenticated += 1 }

    mutating func log(_ served: SandboxStatistics.Served) {
        if recordsRequests { statistics.log.append(served) }
    }
}
