import Reconciliation

/// `kind: reconcile`: the objects of some accounts compared with one table, both ways.
public struct ReconcileJob: Sendable, Hashable {
    /// At least one; each is in the settings.
    public var accounts: [String]
    /// What is compared.
    public var object: StripeObject
    /// How far back in `created` a run lists, in seconds.
    public var lookBackSeconds: Int64
    /// The upper bound of the run lies this far in the past, for webhooks that are still on their way.
    public var settleSeconds: Int64
    /// The table on the local side.
    public var table: TableContract
    /// The words of `on`; kinds without one have ``action(for:)``'s default.
    public var on: [FindingKind: Action]
    /// Drafts (and never-confirmed intents) older than this are stale.
    public var staleAfterSeconds: Int64
    public var limits: RepairLimits

    public init(
        accounts: [String], object: StripeObject = .invoice, lookBackSeconds: Int64 = 35 * 86_400,
        settleSeconds: Int64 = 300, table: TableContract, on: [FindingKind: Action] = [:],
        staleAfterSeconds: Int64 = 7 * 86_400, limits: RepairLimits = RepairLimits()
    ) {
        self.accounts = accounts
        self.object = object
        self.lookBackSeconds = lookBackSeconds
        self.settleSeconds = settleSeconds
        self.table = table
        self.on = on
        self.staleAfterSeconds = staleAfterSeconds
        self.limits = limits
    }

    /// What is done with findings of this kind: the file's word, else the kind's default (DESIGN section 5).
    public func action(for kind: FindingKind) -> Action {
        on[kind] ?? kind.defaultAction
    }
}

/// `object`.
public enum StripeObject: String, Sendable, Hashable, CaseIterable {
    case invoice
    case paymentIntent = "payment_intent"
}

/// `table`: a contract with a table that exists already. Every identifier is looked up in `pg_catalog` and quoted
/// before it reaches SQL; here it is only known to be a plausible identifier.
public struct TableContract: Sendable, Hashable {
    public var schema: String
    public var name: String
    /// Which column plays which role. The required roles of the job's object are always there.
    public var columns: [ColumnRole: String]

    public init(name: String, schema: String = "public", columns: [ColumnRole: String]) {
        self.name = name
        self.schema = schema
        self.columns = columns
    }
}

/// What a column of the local table means.
public enum ColumnRole: String, Sendable, Hashable, CaseIterable {
    /// The table's primary key, `bigint`.
    case key
    /// Stripe's id (`in_…`, `pi_…`); null until the object exists there.
    case id
    /// Minor units, `bigint`.
    case amount
    /// ISO 4217, any case.
    case currency
    /// `boolean`: the invoice is known to be paid.
    case paid
    /// When Stripe says it was paid.
    case paidAt = "paid_at"
    /// When the row was cancelled; null while it is not.
    case cancelledAt = "cancelled_at"
    /// When the row was made: needed for `unlinked_order`.
    case createdAt = "created_at"
    /// The credits that the order buys.
    case credits
    /// The agency the row belongs to: needed for `customer_mismatch` and for granting credits.
    case agencyID = "agency_id"
    /// `pending`, `succeeded`, `failed` or `canceled`.
    case status
    /// When the charge succeeded.
    case succeededAt = "succeeded_at"
    /// The name of the Stripe account, where one table serves several.
    case account
    /// When the notice was sent.
    case sentAt = "sent_at"
    /// Stripe's customer (`cus_…`).
    case customer
}

/// What the rows of a local table are. The roles of the table's columns say it.
public enum LocalSide: String, Sendable, Hashable, CaseIterable {
    /// Credit orders, compared with invoices.
    case orders
    /// Notices of finalized invoices.
    case notices
    /// Charges, compared with payment intents.
    case charges
    /// Customers, each of whom explains the payment intents of hers.
    case customers
    /// Credit orders, which explain the payment intents of their invoices.
    case payments
}

extension ReconcileJob {
    /// What the rows of the table are.
    public var side: LocalSide { table.side(object) }
}

extension TableContract {
    /// What the rows are when they are compared with such objects.
    public func side(_ object: StripeObject) -> LocalSide {
        let roles = Set(columns.keys)
        return switch object {
        case .invoice: roles.isDisjoint(with: [.account, .sentAt]) ? .orders : .notices
        case .paymentIntent:
            roles.contains(.customer)
                ? .customers : roles.isDisjoint(with: [.paid, .cancelledAt]) ? .charges : .payments
        }
    }
}
