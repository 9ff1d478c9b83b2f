public import Curl

/// Stripe's two worlds: every key and every object belongs to one of them.
public enum AccountMode: String, Sendable, Hashable {
    case live
    case test
}

/// What Stripe allows, and the part of it that Trueup takes. See https://docs.stripe.com/rate-limits
public struct RateLimits: Sendable, Hashable {
    /// Requests a second for the whole account.
    public var perSecond: Double
    /// Requests a second for one endpoint (method and path template).
    public var perEndpoint: Double
    /// The part of both that may be used, above 0 and at most 1.
    public var share: Double

    public init(perSecond: Double = 100, perEndpoint: Double = 25, share: Double = 0.8) {
        self.perSecond = perSecond
        self.perEndpoint = perEndpoint
        self.share = share
    }
}

/// One Stripe account as it is configured: nothing of it has been checked against Stripe.
public struct Account: Sendable {
    /// The name of the account in the settings: it is in every error.
    public var name: String
    /// sk_ or rk_, live or test.
    public var secretKey: Secret
    /// Sent as Stripe-Version.
    public var apiVersion: String
    /// Scheme, host and port, without a path.
    public var apiBase: String
    /// When set, the key and every object must agree with it.
    public var mode: AccountMode?
    /// acct_…; when set, compared with GET /v1/account before the first read.
    public var accountID: String?
    public var rate: RateLimits
    /// whsec_…, for answers that Stripe pushes.
    public var webhookSecret: Secret?

    public init(
        name: String, secretKey: Secret, apiVersion: String = "2023-10-16",
        apiBase: String = "https://api.stripe.com", mode: AccountMode? = nil, accountID: String? = nil,
        rate: RateLimits = RateLimits(), webhookSecret: Secret? = nil
    ) {
        self.name = name
        self.secretKey = secretKey
        self.apiVersion = apiVersion
        self.apiBase = apiBase
        self.mode = mode
        self.accountID = accountID
        self.rate = rate
        self.webhookSecret = webhookSecret
    }
}

/// What `StripeClient.verify()` found out about a key.
public struct AccountIdentity: Sendable, Hashable {
    /// acct_…; `nil` when a restricted key may not read its account and none was demanded.
    public let accountID: String?
    /// From the key's prefix.
    public let mode: AccountMode
    /// rk_: a key that may do only what it was made for.
    public let isRestricted: Bool
    /// As shown in Stripe's dashboard.
    public let displayName: String?
    /// ISO 3166 code of two letters.
    public let country: String?
}
