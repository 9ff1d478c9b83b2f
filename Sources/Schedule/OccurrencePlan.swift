/// Why an occurrence that was due does not run. The words are stored, and shown to people.
public enum NotRunReason: String, Sendable, Hashable, CaseIterable {
    /// Nobody was there at its time, and `catch_up: none` leaves it at that.
    case missedDown = "missed_down"
    /// `start_deadline` had passed before anybody could start it.
    case pastDeadline = "past_deadline"
    /// `catch_up: latest`: a later one runs in its place, and covers its window.
    case supersededByLatest = "superseded_by_latest"
    /// `catch_up: {all: n}`: older than the last n.
    case beyondCatchUp = "beyond_catch_up"
    /// The job was paused at its time. It is not missed: nobody wanted it.
    case paused
    /// `on_overlap: skip`: an earlier one of the job was still running.
    case overlap
    /// A job of `after` never came to an end.
    case afterNeverEnded = "after_never_ended"
}

/// How one job's occurrences are planned: the parts of its definition that matter for time.
public struct OccurrenceRules: Sendable, Hashable {
    /// The job's name; the jitter follows from it.
    public var job: String
    public var expression: CronExpression
    public var zone: Zone
    public var catchUp: CatchUp
    /// An occurrence that could not start this long after its time does not run any more.
    public var startDeadlineSeconds: Int64
    /// An occurrence starts up to this long after its time.
    public var jitterSeconds: Int64

    public init(
        job: String, expression: CronExpression, zone: Zone, catchUp: CatchUp = .latest,
        startDeadlineSeconds: Int64 = 6 * 3600, jitterSeconds: Int64 = 0
    ) {
        self.job = job
        self.expression = expression
        self.zone = zone
        self.catchUp = catchUp
        self.startDeadlineSeconds = startDeadlineSeconds
        self.jitterSeconds = jitterSeconds
    }
}

/// One nominal time that has come.
public struct PlannedOccurrence: Sendable, Hashable {
    /// When the expression was due: with the job's name, the occurrence's identity.
    public var nominalSeconds: Int64
    /// What it covers: from the previous nominal time to its own, in UTC; from further back where it runs in the place
    /// of earlier ones.
    public var window: OccurrenceWindow
    /// It does not start before: its nominal time and the job's jitter.
    public var notBeforeSeconds: Int64
    /// It does not start at or after.
    public var startBeforeSeconds: Int64
    /// It comes late, after a standstill, or right behind one that does: it waits for one that still runs.
    public var isCatchUp: Bool
    /// Why it does not run; `nil` for one that does.
    public var reason: NotRunReason?

    public init(
        nominalSeconds: Int64, window: OccurrenceWindow, notBeforeSeconds: Int64, startBeforeSeconds: Int64,
        isCatchUp: Bool = false, reason: NotRunReason? = nil
    ) {
        self.nominalSeconds = nominalSeconds
        self.window = window
        self.notBeforeSeconds = notBeforeSeconds
        self.startBeforeSeconds = startBeforeSeconds
        self.isCatchUp = isCatchUp
        self.reason = reason
    }
}

/// What has come due for one job since somebody last looked.
///
/// ```swift
/// let plan = OccurrencePlan(rules, dealtWithUntil: lastNominal, now: now)
/// plan.occurrences          // insert them, those that do not run with their reason
/// plan.dealtWithUntil       // remember it
/// ```
/// A pure function of its arguments. Times are Unix seconds.
public struct OccurrencePlan: Sendable, Hashable {
    /// Ascending.
    public private(set) var occurrences: [PlannedOccurrence] = []
    /// Nominal times up to here, itself included, need not be looked at again.
    public private(set) var dealtWithUntil: Int64
    /// More had come due than anybody wants to look at: those before this time have no occurrence of their own, and
    /// the first one of ``occurrences`` stands for them.
    public private(set) var isCut = false

    /// The most nominal times that one look gives.
    public static let limit = 1_000
    /// Who comes no later than this is on time: a scheduler looks every second, and rests a little on a busy machine.
    public static let lateAfterSeconds: Int64 = 60

    /// - Parameters:
    ///   - dealtWithUntil: from the last look; `nil` for a job that was never seen, which does not catch up.
    ///   - now: the clock. When it has stepped back before `dealtWithUntil`, nothing is due.
    ///   - pauses: of the job, in any order. What came due in one of them does not run, and stands for nothing else.
    public init(_ rules: OccurrenceRules, dealtWithUntil last: Int64?, now: Int64, pauses: [Pause] = []) {
        guard let last else {
            dealtWithUntil = now
            return
        }
        dealtWithUntil = last
        guard now > last else { return }
        var nominals: [Int64] = []
        var before = now + 1
        while let nominal = rules.expression.previous(before: before, in: rules.zone), nominal > last {
            guard nominals.count < Self.limit else {
                isCut = true
                break
            }
            nominals.append(nominal)
            before = nominal
        }
        guard let newest = nominals.first else { return }
        dealtWithUntil = newest
        occurrences = Self.judged(nominals.reversed(), rules, pauses, from: isCut ? last : nil, now: now)
        if isCut { occurrences[0].reason = occurrences[0].reason ?? .beyondCatchUp }
    }

    private static func judged(
        _ nominals: [Int64], _ rules: OccurrenceRules, _ pauses: [Pause], from start: Int64?, now: Int64
    ) -> [PlannedOccurrence] {
        var all = planned(nominals, rules, now: now)
        let isPaused = nominals.map { nominal in pauses.contains { $0.contains(nominal) } }
        for index in all.indices where isPaused[index] { all[index].reason = .paused }
        // What was paused neither runs in the place of others, nor does another in its place.
        let wanted = all.indices.filter { !isPaused[$0] }
        var kept = wanted.map { all[$0] }
        judge(&kept, rules, from: start, now: now)
        for (index, one) in zip(wanted, kept) { all[index] = one }
        return all
    }

    private static func planned(_ nominals: [Int64], _ rules: OccurrenceRules, now: Int64) -> [PlannedOccurrence] {
        let jitter = jitterSeconds(job: rules.job, atMost: rules.jitterSeconds)
        return nominals.map { nominal in
            let window =
                rules.expression.window(ofOccurrenceAt: nominal, in: rules.zone)
                ?? OccurrenceWindow(fromSeconds: nominal, toSeconds: nominal)
            return PlannedOccurrence(
                nominalSeconds: nominal, window: window, notBeforeSeconds: nominal + jitter,
                startBeforeSeconds: nominal + jitter + rules.startDeadlineSeconds,
                isCatchUp: now - nominal - jitter > lateAfterSeconds)
        }
    }

    private static func judge(
        _ planned: inout [PlannedOccurrence], _ rules: OccurrenceRules, from start: Int64?, now: Int64
    ) {
        for index in planned.indices where planned[index].isCatchUp {
            planned[index].reason = reason(index, of: planned, rules.catchUp)
            if planned[index].reason == nil, planned[index].startBeforeSeconds <= now {
                planned[index].reason = .pastDeadline
            }
        }
        if rules.catchUp == .latest { coverSuperseded(&planned, from: start) }
        letFollow(&planned)
    }

    /// What comes on time behind one that catches up waits for it, and is not skipped because that has just begun.
    private static func letFollow(_ planned: inout [PlannedOccurrence]) {
        guard let first = planned.firstIndex(where: { $0.isCatchUp && $0.reason == nil }) else { return }
        for index in planned.indices where index > first { planned[index].isCatchUp = true }
    }

    /// What the rule says of a late one. Those on time are behind all late ones.
    private static func reason(_ index: Int, of planned: [PlannedOccurrence], _ rule: CatchUp) -> NotRunReason? {
        switch rule {
        case .none: .missedDown
        case .latest: index == planned.count - 1 ? nil : .supersededByLatest
        case .all(let count):
            index >= (planned.firstIndex { !$0.isCatchUp } ?? planned.count) - count ? nil : .beyondCatchUp
        }
    }

    /// The one that runs in the place of others begins where the first of them began, or at `start` where there were
    /// more than anybody looks at.
    private static func coverSuperseded(_ planned: inout [PlannedOccurrence], from start: Int64?) {
        guard let first = planned.first, first.reason == .supersededByLatest,
            let runs = planned.firstIndex(where: { $0.reason != .supersededByLatest })
        else { return }
        planned[runs].window = OccurrenceWindow(
            fromSeconds: start ?? first.window.fromSeconds, toSeconds: planned[runs].window.toSeconds)
        // It makes up for others, so it waits for one that still runs, even where it comes on time itself.
        planned[runs].isCatchUp = true
    }

    /// The delay of a job's occurrences, from 0 to `limit` seconds: always the same for the same name, so that a job
    /// keeps its place in the night, and spread evenly over names.
    public static func jitterSeconds(job: String, atMost limit: Int64) -> Int64 {
        guard limit > 0 else { return 0 }
        // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), then mixed: names that differ in their last letter
        // differ in the low bits only.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in job.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
        hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return Int64((hash ^ (hash >> 33)) % UInt64(limit + 1))
    }
}

extension OccurrencePlan {
    /// The nominal time of another job that an occurrence waits for (`after`): of a job with a schedule of its own, the
    /// last one at or before the waiting one's, no more than a day back; `nil` where there is none.
    public static func awaited(
        _ expression: CronExpression, in zone: Zone, atOrBefore nominal: Int64
    ) -> Int64? {
        guard let found = expression.previous(before: nominal + 1, in: zone), nominal - found < 86_400 else {
            return nil
        }
        return found
    }
}
