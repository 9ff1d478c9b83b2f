import Reconciliation

/// An item that was resolved since the report that this one is compared with: one that it stated, or one that was found
/// and resolved in between.
public struct ResolvedItem: Sendable, Hashable {
    public var id: String
    public var kind: FindingKind
    public var agencyID: Int64?
    public var agency: String?
    public var amount: Money?
    public var credits: Int64?
    /// Unix seconds; `nil` for what is not closed and is counted no more.
    public var closedSeconds: Int64?
    /// `repaired`, `late webhook`, `accepted`, `changed at source`, or why it is counted no more.
    public var how: String
    public var by: String?
    public var plan: String?
    /// The report that this one is compared with stated it as open.
    public var wasStated: Bool

    public init(
        id: String, kind: FindingKind, agencyID: Int64? = nil, agency: String? = nil, amount: Money? = nil,
        credits: Int64? = nil, closedSeconds: Int64?, how: String, by: String? = nil, plan: String? = nil,
        wasStated: Bool = false
    ) {
        self.id = id
        self.kind = kind
        self.agencyID = agencyID
        self.agency = agency
        self.amount = amount
        self.credits = credits
        self.closedSeconds = closedSeconds
        self.how = how
        self.by = by
        self.plan = plan
        self.wasStated = wasStated
    }
}

/// A figure of the last signed statement that is another today.
public struct SignedChange: Sendable, Hashable {
    /// The item, or the agency and line, whose figure it is.
    public var item: String
    public var field: String
    /// `nil`: nothing stood there.
    public var then: SignedFigure?
    public var now: SignedFigure
    /// Why one of them is what it is; empty where there is nothing to say.
    public var note: String
    /// By how much it moved the signed balances; nothing where another line says so.
    public var move: SignedMove

    public init(
        item: String, field: String, then: SignedFigure?, now: SignedFigure, note: String = "",
        move: SignedMove = SignedMove()
    ) {
        self.item = item
        self.field = field
        self.then = then
        self.now = now
        self.note = note
        self.move = move
    }

    /// By how much it is more now; what was not there was 0.
    var difference: SignedFigure? {
        switch (then, now) {
        case (nil, let now): now
        case (let then?, let now): now.more(than: then)
        }
    }
}

/// A pair that agrees.
public struct MatchedRow: Sendable, Hashable {
    /// The invoice or payment intent.
    public var stripeID: String
    public var localRow: String
    public var amount: Money
    /// By which rule the sides were matched, such as `exact id`.
    public var rule: String
    public var account: String

    public init(stripeID: String, localRow: String, amount: Money, rule: String, account: String) {
        self.stripeID = stripeID
        self.localRow = localRow
        self.amount = amount
        self.rule = rule
        self.account = account
    }
}

/// One row of the audit of repairs.
public struct RepairEntry: Sendable, Hashable {
    public var plan: String
    public var action: String
    public var before: String
    public var after: String
    public var requestedBy: String
    public var approvedBy: String?
    /// Unix seconds; `nil` when it has not been applied.
    public var appliedSeconds: Int64?
    public var outcome: String

    public init(
        plan: String, action: String, before: String, after: String, requestedBy: String, approvedBy: String? = nil,
        appliedSeconds: Int64? = nil, outcome: String
    ) {
        self.plan = plan
        self.action = action
        self.before = before
        self.after = after
        self.requestedBy = requestedBy
        self.approvedBy = approvedBy
        self.appliedSeconds = appliedSeconds
        self.outcome = outcome
    }
}

/// Where the figures come from.
public struct ReportSource: Sendable, Hashable {
    public var id: String
    public var job: String
    /// Of Trueup.
    public var programVersion: String
    /// SHA-256 of the job file, hexadecimal.
    public var jobFileHash: String
    /// The queries behind the figures, by name.
    public var queries: [ReportQuery]
    /// The runs that the figures rest on.
    public var runs: [SourceRun]
    /// SHA-256 of the manifest of the report before this one; `nil` for the first.
    public var previousReportHash: String?

    public init(
        id: String, job: String, programVersion: String, jobFileHash: String, queries: [ReportQuery] = [],
        runs: [SourceRun] = [], previousReportHash: String? = nil
    ) {
        self.id = id
        self.job = job
        self.programVersion = programVersion
        self.jobFileHash = jobFileHash
        self.queries = queries
        self.runs = runs
        self.previousReportHash = previousReportHash
    }
}

/// A run that figures rest on.
public struct SourceRun: Sendable, Hashable {
    public var id: Int64
    public var job: String
    /// The word of its state, such as `drift`.
    public var state: String
    public var programVersion: String
    /// SHA-256 of the job file that it ran with, hexadecimal.
    public var jobFileHash: String
    /// What it read of Stripe, by `created`: half-open, Unix seconds.
    public var fromSeconds: Int64
    public var toSeconds: Int64
    public var requests: Int64

    public init(
        id: Int64, job: String, state: String, programVersion: String, jobFileHash: String, fromSeconds: Int64,
        toSeconds: Int64, requests: Int64
    ) {
        self.id = id
        self.job = job
        self.state = state
        self.programVersion = programVersion
        self.jobFileHash = jobFileHash
        self.fromSeconds = fromSeconds
        self.toSeconds = toSeconds
        self.requests = requests
    }
}

/// A query that figures were read with.
public struct ReportQuery: Sendable, Hashable {
    public var name: String
    public var text: String

    public init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// One earlier run, for the trend.
public struct TrendPoint: Sendable, Hashable {
    public var atSeconds: Int64
    public var openItems: Int64
    public var state: StatementState

    public init(atSeconds: Int64, openItems: Int64, state: StatementState) {
        self.atSeconds = atSeconds
        self.openItems = openItems
        self.state = state
    }
}

/// A signature under the statement.
public struct SignOff: Sendable, Hashable {
    public enum Role: String, CaseIterable, Sendable, Hashable {
        case preparer, reviewer
    }

    public var role: Role
    public var name: String
    public var atSeconds: Int64
    public var note: String?

    public init(role: Role, name: String, atSeconds: Int64, note: String? = nil) {
        self.role = role
        self.name = name
        self.atSeconds = atSeconds
        self.note = note
    }
}
