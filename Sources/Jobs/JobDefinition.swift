import Schedule

/// One validated job: a file `jobs/NAME.yaml`. Nothing that is not validated becomes one.
public struct JobDefinition: Sendable, Hashable {
    /// The file's name without `.yaml`.
    public var name: String
    /// The file, as reached from the working directory.
    public var path: String
    /// SHA-256 of the file's bytes, 64 lower-case hexadecimal digits. Plans carry it, to be refused when it changes.
    public var hash: String
    /// One sentence for people.
    public var description: String
    /// What the job does, with the keys of its kind.
    public var kind: Kind
    /// The cron expression as written; `nil`: the job starts by hand or by `after`.
    public var schedule: String?
    /// `schedule`, parsed.
    public var expression: CronExpression?
    /// The zone that `schedule` is read in (and the dates of a backfill), an IANA name.
    public var timeZone: String
    /// `timeZone`, loaded.
    public var zone: Zone
    /// What happens when an occurrence is due while the last one still runs.
    public var onOverlap: OverlapRule
    /// Which missed occurrences run after a time of standstill.
    public var catchUp: CatchUp
    /// An occurrence that could not start this long after its time does not run any more.
    public var startDeadlineSeconds: Int64
    /// A run is stopped (and incomplete) after this long.
    public var timeoutSeconds: Int64
    /// An occurrence starts up to this long after its time, by a delay that depends on the job's name alone.
    public var jitterSeconds: Int64
    /// What happens after a run that failed.
    public var retry: RetryRule
    /// Who hears of what.
    public var notify: NotifyRule
    /// The jobs whose runs of the same night must have ended before this one starts.
    public var after: [String]

    public init(
        name: String, path: String = "", hash: String = "", description: String = "", kind: Kind,
        schedule: String? = nil, expression: CronExpression? = nil, timeZone: String = "UTC", zone: Zone = .utc,
        onOverlap: OverlapRule = .skip, catchUp: CatchUp = .latest, startDeadlineSeconds: Int64 = 6 * 3600,
        timeoutSeconds: Int64 = 2 * 3600, jitterSeconds: Int64 = 0, retry: RetryRule = RetryRule(),
        notify: NotifyRule = NotifyRule(), after: [String] = []
    ) {
        self.name = name
        self.path = path
        self.hash = hash
        self.description = description
        self.kind = kind
        self.schedule = schedule
        self.expression = expression
        self.timeZone = timeZone
        self.zone = zone
        self.onOverlap = onOverlap
        self.catchUp = catchUp
        self.startDeadlineSeconds = startDeadlineSeconds
        self.timeoutSeconds = timeoutSeconds
        self.jitterSeconds = jitterSeconds
        self.retry = retry
        self.notify = notify
        self.after = after
    }
}

/// The four kinds of job, each with its own keys.
public enum Kind: Sendable, Hashable {
    case reconcile(ReconcileJob)
    case expire(ExpireJob)
    case replay(ReplayJob)
    case report(ReportJob)

    /// The word in the file.
    public var word: String {
        switch self {
        case .reconcile: "reconcile"
        case .expire: "expire"
        case .replay: "replay"
        case .report: "report"
        }
    }

    /// The accounts that the job reads, in the order of the file.
    public var accounts: [String] {
        switch self {
        case .reconcile(let job): job.accounts
        case .expire(let job): job.accounts
        case .replay(let job): job.accounts
        case .report(let job): job.accounts
        }
    }

    /// How much a run may change before it waits for approval; `nil` for a kind that changes nothing.
    public var limits: RepairLimits? {
        switch self {
        case .reconcile(let job): job.limits
        case .expire(let job): job.limits
        case .replay(let job): job.limits
        case .report: nil
        }
    }
}

/// `on_overlap`.
public enum OverlapRule: String, Sendable, Hashable, CaseIterable {
    /// The occurrence is recorded as skipped.
    case skip
    /// It starts when the running one has ended.
    case queue
}

/// `catch_up`.
public typealias CatchUp = Schedule.CatchUp

/// `retry`.
public struct RetryRule: Sendable, Hashable {
    /// Attempts in all, the first included: at least 1.
    public var attempts: Int
    /// The pause before the second attempt; it doubles for each further one.
    public var backoffSeconds: Int64

    public init(attempts: Int = 3, backoffSeconds: Int64 = 300) {
        self.attempts = attempts
        self.backoffSeconds = backoffSeconds
    }
}

/// `notify`.
public struct NotifyRule: Sendable, Hashable {
    /// The events that are told, in the order of ``NotifyEvent``.
    public var on: [NotifyEvent]
    /// Mail addresses.
    public var email: [String]
    /// Whether Slack hears of it.
    public var slack: Bool
    /// The environment variable with a healthchecks-style URL: pinged at the start, at success and at failure.
    public var pingURLEnv: String?

    public init(
        on: [NotifyEvent] = [], email: [String] = [], slack: Bool = false, pingURLEnv: String? = nil
    ) {
        self.on = on
        self.email = email
        self.slack = slack
        self.pingURLEnv = pingURLEnv
    }
}

/// What a person may want to hear of.
public enum NotifyEvent: String, Sendable, Hashable, CaseIterable {
    /// A run ended in an error, or could not read everything.
    case failure
    /// Differences remain open, or a plan waits for approval.
    case drift
    /// An occurrence did not run.
    case missed
    /// A run ended without open differences.
    case success
    /// A run was far shorter than the job's runs usually are, or read far fewer objects.
    case fast
}

/// `limits`: over either, nothing is applied and the plan waits for approval.
public struct RepairLimits: Sendable, Hashable {
    /// Repairs in one run.
    public var maxRepairs: Int
    /// Repairs as a share of the objects compared, 0 to 1.
    public var maxRepairShare: Double
    /// So many repairs are not too large a share of a few objects, unless they are most of them.
    public var shareFloor: Int

    public init(maxRepairs: Int = 500, maxRepairShare: Double = 0.05, shareFloor: Int = 5) {
        self.maxRepairs = maxRepairs
        self.maxRepairShare = maxRepairShare
        self.shareFloor = shareFloor
    }

    /// Which limit so many repairs are over, in words; `nil` where they may be made.
    /// - Parameter objects: what was compared, as Stripe has it.
    public func exceeded(repairs: Int, after done: Int = 0, objects: Int64) -> String? {
        let all = done + repairs
        if all > maxRepairs {
            let are = all == 1 ? "repair is" : "repairs are"
            return "\(all) \(are) more than limits.max_repairs (\(maxRepairs))"
        }
        guard Double(repairs) > maxRepairShare * Double(objects) else { return nil }
        // The share of a handful says little. That most of it is wrong says that something else is: the account, say.
        if repairs <= shareFloor, Int64(repairs) <= objects / 2 + objects % 2 { return nil }
        return "\(repairs) repairs of \(objects) objects are more than limits.max_repair_share (\(maxRepairShare))"
    }
}
