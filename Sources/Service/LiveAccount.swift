import Credits
import Curl
import Runner
import Store
import Stripe

/// An account whose webhooks are taken in.
public struct LiveAccount: Sendable {
    /// Its name in the settings.
    public let name: String
    /// `whsec_…`: two while they are being changed.
    public let secrets: [Secret]
    /// Where it is known, `livemode` of every event has to agree.
    public let mode: AccountMode?
    /// acct_…; an event that names another account is refused.
    public let accountID: String?
    public let tables: LiveTables
    /// For objects whose state an event cannot tell for certain.
    public let client: StripeClient

    public init(name: String, secrets: [Secret], tables: LiveTables, client: StripeClient) {
        self.name = name
        self.secrets = secrets
        self.tables = tables
        self.client = client
        mode = client.account.declaredMode
        accountID = client.account.accountID
    }

    var effects: ObjectEffects { ObjectEffects(orders: tables.orders, charges: tables.charges) }
}
