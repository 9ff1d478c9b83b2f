/// One Stripe account of the sandbox.
public struct SandboxAccount: Sendable {
    /// The name in settings files: `default`, `medflyt`, `task_health`.
    public var name: String
    /// What `Authorization: Bearer` must carry.
    public var secretKey: String
    /// A restricted key that may only read; writes with it are refused with 403.
    public var readOnlyKey: String?
    /// Whether that key may not read its account either.
    public var hidesAccount = false
    /// Whether that key may not read its events either.
    public var hidesEvents = false
    /// Whether refunds and disputes name their charge by its id alone, also where it was asked for in full.
    public var ignoresExpansion = false
    /// `acct_…`. Its last ten characters are part of every id, as at Stripe.
    public var accountID: String
    /// What invoices say in `account_name`.
    public var displayName: String
    /// Live or test mode; the key has to agree.
    public var livemode: Bool
    /// `whsec_…`, for signing webhooks.
    public var webhookSecret: String
    /// What answers when a request has no `Stripe-Version`.
    public var defaultAPIVersion: SandboxAPIVersion
    /// Who hears of its events from the start; ``World/subscribe(_:)`` adds more.
    public var webhooks: [SandboxWebhook]
    /// What it holds at the start.
    public var history: SandboxHistory

    /// All members, with defaults where there is a usual value.
    public init(
        name: String, secretKey: String, accountID: String, readOnlyKey: String? = nil,
        displayName: String = "Trueup Demo, Inc.", livemode: Bool = false, webhookSecret: String? = nil,
        defaultAPIVersion: SandboxAPIVersion = .v2023, webhooks: [SandboxWebhook] = [],
        history: SandboxHistory = .empty
    ) {
        self.name = name
        self.secretKey = secretKey
        self.readOnlyKey = readOnlyKey
        self.accountID = accountID
        self.displayName = displayName
        self.livemode = livemode
        self.webhookSecret = webhookSecret ?? "whsec_sandbox_\(name)"
        self.defaultAPIVersion = defaultAPIVersion
        self.webhooks = webhooks
        self.history = history
    }

    /// The id of ``taskHealth(history:)``'s account, which a ``CreditHistory`` writes into its ids.
    public static let taskHealthAccountID = "acct_1QnTaskHlthCredit"

    /// The account of the credit orders.
    public static func taskHealth(history: SandboxHistory = .empty) -> SandboxAccount {
        SandboxAccount(
            name: "task_health", secretKey: "sk_test_sandbox_task_health", accountID: taskHealthAccountID,
            readOnlyKey: "rk_test_sandbox_task_health", displayName: "Task Health", history: history)
    }

    /// The account that charges agencies.
    public static func medflyt(history: SandboxHistory = .empty) -> SandboxAccount {
        SandboxAccount(
            name: "medflyt", secretKey: "sk_test_sandbox_medflyt", accountID: "acct_1QmMedflytAgency0",
            readOnlyKey: "rk_test_sandbox_medflyt", displayName: "Medflyt", history: history)
    }

    /// The account of everything else.
    public static func `default`(history: SandboxHistory = .empty) -> SandboxAccount {
        SandboxAccount(
            name: "default", secretKey: "sk_test_sandbox_default", accountID: "acct_1QdDefaultMain0Zk",
            readOnlyKey: "rk_test_sandbox_default", displayName: "Task Health Platform", history: history)
    }
}
