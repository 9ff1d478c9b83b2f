/// `jobs/settings.yaml`: the accounts, the database and the ways reports leave the house (DESIGN section 4).
public struct Settings: Sendable, Hashable {
    /// The Stripe accounts, in the order of the file. Never empty, and every name is unique.
    public var accounts: [AccountSettings]
    /// The environment variable that holds the PostgreSQL URL (`database.url_env`). When neither it nor its `_FILE`
    /// twin is set, the embedded database is meant.
    public var databaseURLEnv: String
    /// Where mail, messages and report files go.
    public var delivery: DeliverySettings
    public var signOff: SignOffSettings

    public init(
        accounts: [AccountSettings], databaseURLEnv: String = "DATABASE_URL",
        delivery: DeliverySettings = DeliverySettings(), signOff: SignOffSettings = SignOffSettings()
    ) {
        self.accounts = accounts
        self.databaseURLEnv = databaseURLEnv
        self.delivery = delivery
        self.signOff = signOff
    }

    /// The account of that name, or `nil`.
    public func account(named name: String) -> AccountSettings? {
        accounts.first { $0.name == name }
    }
}

/// `sign_off`: who may sign a report, and who hears of it.
public struct SignOffSettings: Sendable, Hashable {
    /// Preparer and reviewer may sign under one user of the machine and of the database. Each signature says so.
    public var sharedLogin: Bool
    /// Those who got a report by mail or Slack hear of each signature.
    public var notify: Bool

    public init(sharedLogin: Bool = false, notify: Bool = true) {
        self.sharedLogin = sharedLogin
        self.notify = notify
    }
}

/// One Stripe account. Secrets are named, never held.
public struct AccountSettings: Sendable, Hashable {
    /// The name that jobs use for the account.
    public var name: String
    /// The environment variable with the secret (or restricted) key.
    public var secretKeyEnv: String
    /// The environment variable with the webhook signing secret, for accounts whose webhooks Trueup serves.
    public var webhookSecretEnv: String?
    /// The environment variable with a second signing secret, which counts as well while it is set: the old or the new
    /// one during a rotation (https://docs.stripe.com/webhooks#roll-endpoint-secrets).
    public var webhookSecretOtherEnv: String?
    /// Which of Stripe's two worlds the key must belong to. `nil`: whichever the key says.
    public var mode: AccountMode?
    /// `acct_…`; when set, `GET /v1/account` must answer with it.
    public var accountID: String?
    /// Sent as `Stripe-Version`.
    public var apiVersion: String
    /// The API's address without a trailing slash; `http` only on loopback.
    public var apiBase: String
    /// The share of the account's rate limit that Trueup may use.
    public var rate: RateSettings

    public init(
        name: String, secretKeyEnv: String, webhookSecretEnv: String? = nil, webhookSecretOtherEnv: String? = nil,
        mode: AccountMode? = nil, accountID: String? = nil, apiVersion: String = "2023-10-16",
        apiBase: String = "https://api.stripe.com",
        rate: RateSettings = RateSettings()
    ) {
        self.name = name
        self.secretKeyEnv = secretKeyEnv
        self.webhookSecretEnv = webhookSecretEnv
        self.webhookSecretOtherEnv = webhookSecretOtherEnv
        self.mode = mode
        self.accountID = accountID
        self.apiVersion = apiVersion
        self.apiBase = apiBase
        self.rate = rate
    }
}

/// Stripe's two worlds. Keys and objects of one are never seen in the other.
public enum AccountMode: String, Sendable, Hashable, CaseIterable {
    case live
    case test
}

/// An account's rate limits in requests per second, and the part of them that Trueup may use.
public struct RateSettings: Sendable, Hashable {
    /// Requests per second over all endpoints.
    public var perSecond: Int
    /// Requests per second on one endpoint (method and path template).
    public var perEndpoint: Int
    /// Above 0, at most 1.
    public var share: Double

    public init(perSecond: Int = 100, perEndpoint: Int = 25, share: Double = 0.8) {
        self.perSecond = perSecond
        self.perEndpoint = perEndpoint
        self.share = share
    }
}

/// The ways out. A way that is not configured is `nil`, and a job that asks for it does not load.
public struct DeliverySettings: Sendable, Hashable {
    public var email: EmailDelivery?
    public var slack: SlackDelivery?
    public var directory: DirectoryDelivery?
    public var s3: S3Delivery?

    public init(
        email: EmailDelivery? = nil, slack: SlackDelivery? = nil, directory: DirectoryDelivery? = nil,
        s3: S3Delivery? = nil
    ) {
        self.email = email
        self.slack = slack
        self.directory = directory
        self.s3 = s3
    }
}

/// Mail over SMTP.
public struct EmailDelivery: Sendable, Hashable {
    /// The environment variable with `smtps://user:password@host:port`.
    public var urlEnv: String
    /// The sender, as `name@host` or `Name <name@host>`.
    public var from: String

    public init(urlEnv: String = "SMTP_URL", from: String) {
        self.urlEnv = urlEnv
        self.from = from
    }
}

/// A Slack incoming webhook.
public struct SlackDelivery: Sendable, Hashable {
    /// The environment variable with the webhook's URL.
    public var urlEnv: String

    public init(urlEnv: String = "SLACK_WEBHOOK_URL") {
        self.urlEnv = urlEnv
    }
}

/// A directory for report files.
public struct DirectoryDelivery: Sendable, Hashable {
    /// Relative to the working directory, without `..`.
    public var path: String

    public init(path: String = "reports") {
        self.path = path
    }
}

/// A bucket that speaks Amazon's S3: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
public struct S3Delivery: Sendable, Hashable {
    public var bucket: String
    /// Before the name of every object, without a slash at its ends; empty for none.
    public var prefix: String
    public var region: String
    /// The service's address; `http` only on loopback. `nil`: Amazon's in the region.
    public var endpoint: String?
    /// The environment variables with the access key's id and its secret.
    public var accessKeyEnv: String
    public var secretKeyEnv: String

    public init(
        bucket: String, prefix: String = "", region: String = "us-east-1", endpoint: String? = nil,
        accessKeyEnv: String = "AWS_ACCESS_KEY_ID", secretKeyEnv: String = "AWS_SECRET_ACCESS_KEY"
    ) {
        self.bucket = bucket
        self.prefix = prefix
        self.region = region
        self.endpoint = endpoint
        self.accessKeyEnv = accessKeyEnv
        self.secretKeyEnv = secretKeyEnv
    }
}
