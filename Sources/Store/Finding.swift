import PostgreSQL
import Reconciliation

/// What makes a difference the same difference in the next run.
public struct FindingIdentity: Sendable, Hashable {
    public var job: String
    public var kind: FindingKind
    public var account: String
    /// Empty where Stripe has nothing.
    public var stripeID: String
    /// Empty where the tables have nothing.
    public var localID: String

    public init(job: String, kind: FindingKind, account: String, stripeID: String, localID: String) {
        self.job = job
        self.kind = kind
        self.account = account
        self.stripeID = stripeID
        self.localID = localID
    }
}

/// Which comparison a finding comes from.
public enum ComparisonName: String, Sendable, Hashable, CaseIterable {
    /// Invoices and credit orders.
    case orders
    /// Payment intents and charges.
    case charges
    /// Finalized invoices and their notices.
    case notices
    /// Payment intents and the customers that explain them.
    case customers
    /// Payment intents and the orders that explain them.
    case payments
}

/// A difference as a run sees it.
public struct FoundDifference: Sendable, Hashable {
    public var identity: FindingIdentity
    public var comparison: ComparisonName
    public var action: Action
    public var explanation: String
    public var stripeStatus: String?
    public var localState: String?
    public var stripeAmount: Int64?
    public var localAmount: Int64?
    public var currency: String?
    public var credits: Int64?
    public var agencyID: Int64?
    /// Everything that was compared, for the record and to see later what changed: one JSON object.
    public var facts: JSONText

    public init(
        identity: FindingIdentity, comparison: ComparisonName, action: Action, explanation: String,
        stripeStatus: String?, localState: String?,
        stripeAmount: Int64?, localAmount: Int64?, currency: String?, credits: Int64?, agencyID: Int64?,
        facts: JSONText
    ) {
        self.identity = identity
        self.comparison = comparison
        self.action = action
        self.explanation = explanation
        self.stripeStatus = stripeStatus
        self.localState = localState
        self.stripeAmount = stripeAmount
        self.localAmount = localAmount
        self.currency = currency
        self.credits = credits
        self.agencyID = agencyID
        self.facts = facts
    }
}

/// How a finding stands.
public enum FindingState: String, Sendable, Hashable, CaseIterable {
    /// An open difference: it waits for somebody (``Reconciliation/Action/waits``).
    case open
    /// It is there for information and waits for nobody. Stored as `open`, with the action that says so.
    case information
    case accepted, closed
}

// What counts as open is said here, for every command, page, figure and document.
extension FindingState {
    private static let waiting = Action.allCases.filter(\.waits).map { "'\($0.rawValue)'" }.joined(separator: ", ")

    /// Conditions of SQL about rows of `trueup.finding`: an open difference, and what is there for information.
    static let isOpenSQL = "(state = 'open' AND action IN (\(waiting)))"
    static let isInformationSQL = "(state = 'open' AND action NOT IN (\(waiting)))"

    /// SQL: how such a row stands, as a word of this type.
    static let sql = "CASE WHEN \(isInformationSQL) THEN 'information' ELSE state END"
}

/// Why a finding is closed.
public enum ClosedHow: String, Sendable, Hashable, CaseIterable {
    case repaired
    /// The local row caught up without Trueup.
    case lateWebhook = "late_webhook"
    case changedAtSource = "changed_at_source"
    case changedLocally = "changed_locally"
    /// The same pair is another kind of difference now.
    case reclassified
    case reverted
}

/// A stored finding.
public struct Finding: Sendable, Hashable {
    public let id: Int64
    public let identity: FindingIdentity
    public let comparison: ComparisonName
    public let action: Action
    /// ``FindingState/information`` of one that waits for nobody.
    public let state: FindingState
    public let closedHow: ClosedHow?
    public let explanation: String
    public let stripeStatus: String?
    public let localState: String?
    public let stripeAmount: Int64?
    public let localAmount: Int64?
    /// Of Stripe's side, where it has one.
    public let currency: String?
    /// Of the local row, where it has one; in the letters of the row.
    public let localCurrency: String?
    public let credits: Int64?
    public let agencyID: Int64?
    public let firstSeenAt: Timestamp
    public let lastSeenAt: Timestamp
    public let lastRunID: Int64
    public let runsSeen: Int
    /// How often it came back after it was closed. What a person reopened is a ``FindingNote``.
    public let timesReopened: Int
    public let closedAt: Timestamp?
    public let owner: String?

    static let columns = """
        id, job, kind, account, stripe_id, local_id, action, \(FindingState.sql) AS state, closed_how, explanation,
        stripe_status, local_state,
        stripe_amount, local_amount, currency, credits, agency_id, first_seen_at, last_seen_at, last_run_id, runs_seen,
        times_reopened, closed_at, owner, comparison,
        coalesce(facts->'order'->>'currency', facts->'charge'->>'currency') AS local_currency
        """

    init(_ row: Row) throws {
        id = try row["id"]
        let kindWord: String = try row["kind"]
        guard let kind = FindingKind(rawValue: kindWord) else { throw UnknownKind(word: kindWord) }
        identity = FindingIdentity(
            job: try row["job"], kind: kind, account: try row["account"], stripeID: try row["stripe_id"],
            localID: try row["local_id"])
        comparison = ComparisonName(rawValue: try row["comparison"]) ?? .orders
        action = Action(rawValue: try row["action"]) ?? .review
        state = FindingState(rawValue: try row["state"]) ?? .open
        closedHow = try (row["closed_how"] as String?).flatMap(ClosedHow.init)
        explanation = try row["explanation"]
        stripeStatus = try row["stripe_status"]
        localState = try row["local_state"]
        stripeAmount = try row["stripe_amount"]
        localAmount = try row["local_amount"]
        currency = try row["currency"]
        localCurrency = try row["local_currency"]
        credits = try row["credits"]
        agencyID = try row["agency_id"]
        firstSeenAt = try row["first_seen_at"]
        lastSeenAt = try row["last_seen_at"]
        lastRunID = try row["last_run_id"]
        runsSeen = Int(try row["runs_seen"] as Int32)
        timesReopened = Int(try row["times_reopened"] as Int32)
        closedAt = try row["closed_at"]
        owner = try row["owner"]
    }
}

/// A kind in the database that this program does not know: it was written by a newer one.
public struct UnknownKind: Error, CustomStringConvertible {
    public let word: String
    public var description: String {
        "The database has a finding of kind “\(word)”, which this version of Trueup does not know. Use the version "
            + "that wrote it."
    }
}
