public import Curl
import Synchronization

/// One Stripe account: reads and changes, within its limits, retried by the rules, checked before they are believed.
///
/// ```swift
/// let client = StripeClient(account: account, http: http, budget: .local(account.rate))
/// let identity = try await client.verify()
/// let page = try await client.invoices(ListQuery(createdFrom: from, createdTo: to))
/// ```
///
/// Before the first request the key's prefix is checked, and where the account has an `accountID`, the key's account.
public final class StripeClient: Sendable {
    public let account: Account
    let http: HTTPClient
    let budget: RequestBudget
    let retry: RetryPolicy
    let clock: MonotonicClock
    let decoders = RowDecoderPool()
    let counters = Mutex(RequestUsage())
    let verification = Verification()
    private let userAgent: String

    public init(
        account: Account, http: HTTPClient, budget: RequestBudget, retry: RetryPolicy = .standard,
        clock: MonotonicClock = .system, userAgent: String = "Trueup"
    ) {
        self.account = account
        self.http = http
        self.budget = budget
        self.retry = retry
        self.clock = clock
        self.userAgent = userAgent
    }

    /// What has been sent so far.
    public var usage: RequestUsage {
        counters.withLock { $0 }
    }

    /// One request of the API, before it is a URL.
    struct Call {
        var method: HTTPRequest.Method
        /// Of the rate limit: the path with `:id` for ids.
        var template: String
        var path: String
        var parameters = FormParameters()
        var idempotencyKey: String?
        /// No attempt is sent after this instant.
        var notAfter: ContinuousClock.Instant?

        var endpoint: String {
            "\(method.rawValue) \(template)"
        }
    }

    /// An answer with status 2xx.
    struct Answer {
        let response: HTTPResponse
        let attempts: Int
        /// Whether an attempt before the last may have been carried out.
        let mayHaveActedBefore: Bool

        var requestID: String {
            response.headers["Request-Id"] ?? ""
        }
    }

    func error(_ kind: StripeError.Kind, _ message: String, _ call: Call? = nil) -> StripeError {
        StripeError(
            kind, clean(message), account: account.name, method: call?.method.rawValue ?? "",
            path: clean(call?.path ?? ""))
    }

    /// Text from outside, without keys: this account's own, in whatever surroundings, and what looks like one.
    func clean(_ text: String) -> String {
        let key = account.secretKey.expose()
        return KeyMask.masked(key.isEmpty ? text : text.replacing(key, with: "***"))
    }

    func httpRequest(_ call: Call) -> HTTPRequest {
        var headers = [
            ("Authorization", "Bearer \(account.secretKey.expose())"),
            ("Stripe-Version", account.apiVersion),
            ("User-Agent", userAgent),
            ("Accept", "application/json"),
        ]
        if let key = call.idempotencyKey {
            headers.append(("Idempotency-Key", key))
        }
        var url = account.apiBase
        while url.hasSuffix("/") {
            url.removeLast()
        }
        url += call.path
        guard call.method == .post else {
            if !call.parameters.isEmpty {
                url += "?" + call.parameters.encoded
            }
            return HTTPRequest(call.method, url: url, headers: headers)
        }
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        return HTTPRequest(.post, url: url, headers: headers, body: Array(call.parameters.encoded.utf8))
    }
}
