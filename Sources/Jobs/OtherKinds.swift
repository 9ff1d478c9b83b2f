import Schedule

/// `kind: expire`: stale drafts and never-confirmed intents, and nothing else.
public struct ExpireJob: Sendable, Hashable {
    public var accounts: [String]
    /// What expires.
    public var objects: [StripeObject]
    /// Older than this is stale, in seconds.
    public var staleAfterSeconds: Int64
    /// How far back in `created` a run lists; `nil`: to the beginning.
    public var lookBackSeconds: Int64?
    public var limits: RepairLimits

    public init(
        accounts: [String], objects: [StripeObject] = StripeObject.allCases, staleAfterSeconds: Int64 = 7 * 86_400,
        lookBackSeconds: Int64? = nil, limits: RepairLimits = RepairLimits()
    ) {
        self.accounts = accounts
        self.objects = objects
        self.staleAfterSeconds = staleAfterSeconds
        self.lookBackSeconds = lookBackSeconds
        self.limits = limits
    }
}

/// `kind: replay`: undelivered and missed events, through the effects that the webhook handlers have.
public struct ReplayJob: Sendable, Hashable {
    public var accounts: [String]
    /// Stripe's event types, at most 20 (the API's limit on `types[]`).
    public var events: [String]
    /// At most 30 days: older events cannot be listed.
    public var lookBackSeconds: Int64
    /// The upper bound of the run lies this far in the past.
    public var settleSeconds: Int64
    public var limits: RepairLimits

    public init(
        accounts: [String], events: [String], lookBackSeconds: Int64 = 30 * 86_400, settleSeconds: Int64 = 300,
        limits: RepairLimits = RepairLimits()
    ) {
        self.accounts = accounts
        self.events = events
        self.lookBackSeconds = lookBackSeconds
        self.settleSeconds = settleSeconds
        self.limits = limits
    }
}

/// `kind: report`: a statement as of a cut-off, rendered and delivered.
public struct ReportJob: Sendable, Hashable {
    public var report: ReportName
    /// The accounts it covers; empty: those of the jobs in `after`, else all.
    public var accounts: [String]
    public var cutOff: CutOff
    /// The day from which on Stripe's lists have to be read, at midnight of the cut-off's zone, or from an older row of
    /// the tables; `nil`: from the beginning of Stripe.
    public var historyFrom: CivilDate?
    public var formats: [ReportFormat]
    public var deliver: DeliverRule
    /// Differences up to this many credits (absolute) are listed as within tolerance, never hidden.
    public var toleranceCredits: Int64

    public init(
        report: ReportName, accounts: [String] = [], cutOff: CutOff = CutOff(), historyFrom: CivilDate? = nil,
        formats: [ReportFormat] = ReportFormat.allCases, deliver: DeliverRule = DeliverRule(),
        toleranceCredits: Int64 = 0
    ) {
        self.report = report
        self.accounts = accounts
        self.cutOff = cutOff
        self.historyFrom = historyFrom
        self.formats = formats
        self.deliver = deliver
        self.toleranceCredits = toleranceCredits
    }
}

/// `report`.
public enum ReportName: String, Sendable, Hashable, CaseIterable {
    case balance
}

/// `formats`.
public enum ReportFormat: String, Sendable, Hashable, CaseIterable {
    case html
    case xlsx
    case csv
    case json
}

/// `cut_off`: everything strictly before the last such time of day belongs to the report.
public struct CutOff: Sendable, Hashable {
    public var hour: Int
    public var minute: Int
    /// An IANA name; the job's own zone when the file has none.
    public var timeZone: String

    public init(hour: Int = 0, minute: Int = 0, timeZone: String = "UTC") {
        self.hour = hour
        self.minute = minute
        self.timeZone = timeZone
    }
}

/// `deliver`.
public struct DeliverRule: Sendable, Hashable {
    public var email: [String]
    public var slack: Bool
    public var directory: Bool
    public var s3: Bool
    public var when: DeliverWhen

    public init(
        email: [String] = [], slack: Bool = false, directory: Bool = false, s3: Bool = false,
        when: DeliverWhen = .changed
    ) {
        self.email = email
        self.slack = slack
        self.directory = directory
        self.s3 = s3
        self.when = when
    }
}

/// `deliver.when`.
public enum DeliverWhen: String, Sendable, Hashable, CaseIterable {
    /// The full report on any change, else one line as proof that it ran.
    case changed
    case always
}
