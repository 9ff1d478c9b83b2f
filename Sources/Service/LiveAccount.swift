import Curl
import Runner
import Stripe

/// An account whose webhooks are taken in.
public struct LiveAccount: Sendable {
    /// Its name in the settings.
    public let name: String
    /// `whsec_…`: two while they are being changed.
    public let secrets: [Secret]
    /// Where it is known, `livemode` of every event has to agree.
    public let mode: AccountMode?
    /// acct_…, where the settings name it. Where they do not, it is what Stripe says of the key, or what runs have
    /// known under the name; an event that names another account is refused.
    public let accountID: String?
    /// The tables that its webhooks change.
    public let tables: LiveTables.OfAccount
    /// For objects whose state an event cannot tell for certain.
    public let client: StripeClient

    public init(name: String, secrets: [Secret], tables: LiveTables.OfAccount, client: StripeClient) {
        self.name = name
        self.secrets = secrets
        self.tables = tables
        self.client = client
        mode = client.account.declaredMode
        accountID = client.account.accountID
    }
}
